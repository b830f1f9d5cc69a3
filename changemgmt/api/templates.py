"""`change-templates/`: routine changes that are approved beforehand."""

from typing import Any, ClassVar

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from changemgmt.api.changes import find_template
from changemgmt.api.serializers import NamesField, Withdraw
from changemgmt.core import words
from changemgmt.core.texts import TEXT_LENGTH, TITLE_LENGTH
from changemgmt.models import ChangeTemplate
from changemgmt.services.templates import approve_template, propose_template, retire_template, revise_template
from common.api.fields import ChoiceField
from common.api.filters import TimeFilterSet
from common.api.people_ref import PersonRef
from common.api.views import ApiView, ListView, etag_of
from inventory.core.names import WORD_LENGTH


class TemplateSerializer(serializers.ModelSerializer[ChangeTemplate]):
    url = serializers.SerializerMethodField()
    proposed_by = PersonRef(read_only=True)
    approved_by = PersonRef(read_only=True, allow_null=True)

    class Meta:
        model = ChangeTemplate
        fields = (
            "id", "url", "created_at", "name", "version", "title", "description", "plan", "backout", "selector",
            "resources", "risk", "proposed_by", "approved_by", "approved_at", "four_eyes", "retired_at",
        )  # fmt: skip

    def get_url(self, template: ChangeTemplate) -> str:
        return f"/api/v1/change-templates/{template.pk}/"


class ReviseTemplate(serializers.Serializer[Any]):
    title = serializers.CharField(max_length=TITLE_LENGTH, required=False)
    description = serializers.CharField(max_length=TEXT_LENGTH, required=False, allow_blank=True)
    plan = serializers.CharField(max_length=TEXT_LENGTH, required=False)
    backout = serializers.CharField(max_length=TEXT_LENGTH, required=False)
    selector = serializers.CharField(required=False, help_text="the hosts that it may be carried out on")
    resources = NamesField(required=False, help_text="what it may touch; empty: not said")
    risk = ChoiceField(choices=words.RISKS, required=False)


class ProposeTemplate(ReviseTemplate):
    name = serializers.CharField(max_length=WORD_LENGTH)
    title = serializers.CharField(max_length=TITLE_LENGTH)
    plan = serializers.CharField(max_length=TEXT_LENGTH)
    backout = serializers.CharField(max_length=TEXT_LENGTH)
    selector = serializers.CharField(help_text="the hosts that it may be carried out on")


class TemplateFilterSet(TimeFilterSet):
    name = django_filters.CharFilter()
    retired = django_filters.BooleanFilter("retired_at", lookup_expr="isnull", exclude=True)
    approved = django_filters.BooleanFilter("approved_at", lookup_expr="isnull", exclude=True)


def _answer(template: ChangeTemplate, status: int = 200) -> Response:
    headers = {"ETag": etag_of(template)}
    if status == 201:
        headers["Location"] = f"/api/v1/change-templates/{template.pk}/"
    return Response(TemplateSerializer(template).data, status=status, headers=headers)


class TemplateList(ListView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read", "POST": "template.edit"}
    serializer_class = TemplateSerializer
    filterset_class = TemplateFilterSet
    sort_fields = ("name", "created_at")
    default_sort = "name"

    def get_queryset(self) -> QuerySet[ChangeTemplate]:
        return ChangeTemplate.objects.select_related("proposed_by", "approved_by")

    @extend_schema(operation_id="change_templates_list", responses=TemplateSerializer(many=True))
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Templates by name, every version; `?retired=false` for those in use."""
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="change_templates_propose", request=ProposeTemplate, responses={201: TemplateSerializer}
    )
    def post(self, request: Request) -> Response:
        """Write down a routine change. It can be used when another person has approved it."""
        return _answer(propose_template(actor=self.actor, **self.parse(ProposeTemplate)), 201)


class TemplateDetail(ApiView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read", "PATCH": "template.edit"}

    @extend_schema(operation_id="change_templates_read", responses=TemplateSerializer)
    def get(self, request: Request, template: str) -> Response:
        """One template, by id, or by name when it is not retired."""
        return _answer(find_template(template))

    @extend_schema(
        operation_id="change_templates_revise", request=ReviseTemplate, responses=TemplateSerializer
    )
    def patch(self, request: Request, template: str) -> Response:
        """A new version, with an id of its own, which waits for approval; the one there was is retired at once."""
        found = find_template(template)
        self.check_if_match(etag_of(found))
        conditional = request.headers.get("If-Match", "*").strip() != "*"
        revised = revise_template(
            actor=self.actor,
            template=found,
            fields=self.parse(ReviseTemplate),
            expected_version=found.version if conditional else None,
        )
        return _answer(revised)


class TemplateApprove(ApiView):
    permissions: ClassVar[dict[str, str]] = {"POST": "change.approve"}

    @extend_schema(operation_id="change_templates_approve", request=None, responses=TemplateSerializer)
    def post(self, request: Request, template: str) -> Response:
        """Another person has read it, and says yes: what is made from it needs no approval of its own. Name it by the
        id that you read, so that a version which came meanwhile is not approved by mistake."""
        return _answer(approve_template(actor=self.actor, template=find_template(template)))


class TemplateRetire(ApiView):
    permissions: ClassVar[dict[str, str]] = {"POST": "template.edit"}

    @extend_schema(operation_id="change_templates_retire", request=Withdraw, responses=TemplateSerializer)
    def post(self, request: Request, template: str) -> Response:
        """Nothing is made from it any more."""
        data = self.parse(Withdraw)
        return _answer(retire_template(actor=self.actor, template=find_template(template), **data))
