"""`approval-policies/`: which approvals changes take."""

from typing import Any, ClassVar

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from changemgmt.core import words
from changemgmt.models import ApprovalPolicy
from changemgmt.queries.approvals import APPROVER_ROLES
from changemgmt.services.policies import MOST_APPROVALS, create_policy, update_policy
from common.api.fields import ChoiceField
from common.api.filters import TimeFilterSet
from common.api.views import ApiView, ListView, etag_of, find_by_reference
from inventory.api.references import find_team, named
from inventory.core.names import WORD_LENGTH


class ApprovalPolicySerializer(serializers.ModelSerializer[ApprovalPolicy]):
    url = serializers.SerializerMethodField()
    team = serializers.CharField(source="team.name", default="", help_text="empty: of any team")

    class Meta:
        model = ApprovalPolicy
        fields = (
            "id", "url", "created_at", "name", "description", "environments", "kinds", "risks", "count", "role", "team",
            "is_active",
        )  # fmt: skip

    def get_url(self, policy: ApprovalPolicy) -> str:
        return f"/api/v1/approval-policies/{policy.pk}/"


class _Words(serializers.ListField):
    child = serializers.CharField(max_length=WORD_LENGTH)


class UpdatePolicy(serializers.Serializer[Any]):
    description = serializers.CharField(max_length=300, required=False, allow_blank=True)
    environments = _Words(required=False, max_length=100, help_text="of any host of the change; empty: any")
    kinds = serializers.ListField(
        child=ChoiceField(choices=words.KINDS), required=False, help_text="empty: any"
    )
    risks = serializers.ListField(
        child=ChoiceField(choices=words.RISKS), required=False, help_text="empty: any"
    )
    count = serializers.IntegerField(min_value=1, max_value=MOST_APPROVALS, required=False)
    role = ChoiceField(choices=("", *APPROVER_ROLES), required=False, help_text="empty: any that may approve")
    team = serializers.CharField(
        max_length=WORD_LENGTH, required=False, allow_blank=True, help_text="name or id; empty: any"
    )
    is_active = serializers.BooleanField(required=False)


class CreatePolicy(UpdatePolicy):
    name = serializers.CharField(max_length=WORD_LENGTH)


class PolicyFilterSet(TimeFilterSet):
    name = django_filters.CharFilter()
    is_active = django_filters.BooleanFilter()


def _answer(policy: ApprovalPolicy, status: int = 200) -> Response:
    headers = {"ETag": etag_of(policy)}
    if status == 201:
        headers["Location"] = f"/api/v1/approval-policies/{policy.pk}/"
    return Response(ApprovalPolicySerializer(policy).data, status=status, headers=headers)


def _find(policy: str) -> ApprovalPolicy:
    return find_by_reference(ApprovalPolicy.objects.select_related("team"), policy, name_field="name")


def _fields(data: dict[str, Any]) -> dict[str, Any]:
    if "team" in data:
        data["team"] = named("team", find_team, data["team"])
    return data


class PolicyList(ListView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read", "POST": "approval-policy.edit"}
    serializer_class = ApprovalPolicySerializer
    filterset_class = PolicyFilterSet
    sort_fields = ("name", "created_at")
    default_sort = "name"

    def get_queryset(self) -> QuerySet[ApprovalPolicy]:
        return ApprovalPolicy.objects.select_related("team")

    @extend_schema(operation_id="approval_policies_list", responses=ApprovalPolicySerializer(many=True))
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Policies by name. A change keeps those that held when it was filed, until it is edited."""
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="approval_policies_create",
        request=CreatePolicy,
        responses={201: ApprovalPolicySerializer},
    )
    def post(self, request: Request) -> Response:
        """Ask for more than one approval of anybody: how many, of which role and team, for which changes."""
        return _answer(create_policy(actor=self.actor, **_fields(self.parse(CreatePolicy))), 201)


class PolicyDetail(ApiView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read", "PATCH": "approval-policy.edit"}

    @extend_schema(operation_id="approval_policies_read", responses=ApprovalPolicySerializer)
    def get(self, request: Request, policy: str) -> Response:
        """One policy, by id or name."""
        return _answer(_find(policy))

    @extend_schema(
        operation_id="approval_policies_update", request=UpdatePolicy, responses=ApprovalPolicySerializer
    )
    def patch(self, request: Request, policy: str) -> Response:
        """Ask for something else from now on; `is_active: false` ends it."""
        found = _find(policy)
        self.check_if_match(etag_of(found))
        conditional = request.headers.get("If-Match", "*").strip() != "*"
        updated = update_policy(
            actor=self.actor,
            policy=found,
            fields=_fields(self.parse(UpdatePolicy)),
            expected_version=found.version if conditional else None,
        )
        return _answer(updated)
