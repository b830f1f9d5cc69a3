"""`changes/`: log, read, correct, claim, approve, withdraw."""

from typing import Any, ClassVar
from uuid import UUID

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from changemgmt.api.serializers import (
    ApprovalSerializer,
    ChangeDetailSerializer,
    ChangeSerializer,
    GiveVerdict,
    LogChange,
    UpdateChange,
    Withdraw,
)
from changemgmt.core import words
from changemgmt.core.lifecycles import CHANGE
from changemgmt.models import Approval, Change
from changemgmt.services.approvals import approve_change, refuse_change
from changemgmt.services.changes import claim_change, log_change, update_change
from changemgmt.services.proposals import withdraw_change
from common.api.filters import TextInFilter, TimeFilter, TimeFilterSet
from common.api.views import ApiView, ListView, etag_of, find_by_reference
from common.core.errors import FieldError, Invalid, NotFound
from common.models import Person


def _choices(values: Any) -> list[tuple[str, str]]:
    return [(value, value) for value in values]


class ChangeFilterSet(TimeFilterSet):
    kind = django_filters.ChoiceFilter(choices=_choices(words.KINDS))
    kind__in = TextInFilter("kind")
    state = django_filters.ChoiceFilter(choices=_choices(CHANGE.meaning))
    state__in = TextInFilter("state")
    owner = django_filters.CharFilter(method="by_owner", help_text="username or id")
    host = django_filters.CharFilter(method="by_host", help_text="a host's name")
    resource = django_filters.CharFilter(method="by_resource", help_text="such as `file:/etc/motd`")
    external_id = django_filters.CharFilter()
    title__contains = django_filters.CharFilter("title", lookup_expr="icontains", help_text="in any case")
    happened_at__gte = TimeFilter("happened_at", lookup_expr="gte")
    happened_at__lt = TimeFilter("happened_at", lookup_expr="lt")

    def by_owner(self, queryset: QuerySet[Change], name: str, value: str) -> QuerySet[Change]:
        try:
            return queryset.filter(owner_id=UUID(value))
        except ValueError:
            return queryset.filter(owner__username=value)

    def by_host(self, queryset: QuerySet[Change], name: str, value: str) -> QuerySet[Change]:
        return queryset.filter(hosts__contains=[value])

    def by_resource(self, queryset: QuerySet[Change], name: str, value: str) -> QuerySet[Change]:
        return queryset.filter(resources__contains=[value])


def _changes() -> QuerySet[Change]:
    return Change.objects.select_related("owner", "requested_by")


def _find(change: str) -> Change:
    return find_by_reference(_changes(), change)


def _answer(change: Change, status: int = 200) -> Response:
    headers = {"ETag": etag_of(change)}
    if status == 201:
        headers["Location"] = f"/api/v1/changes/{change.pk}/"
    return Response(ChangeDetailSerializer(change).data, status=status, headers=headers)


class ChangeList(ListView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read", "POST": "change.log"}
    serializer_class = ChangeSerializer
    filterset_class = ChangeFilterSet
    sort_fields = ("created_at", "happened_at")

    def get_queryset(self) -> QuerySet[Change]:
        return _changes()

    @extend_schema(operation_id="changes_list", responses=ChangeSerializer(many=True))
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Changes, the latest first."""
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="changes_log",
        request=LogChange,
        responses={201: ChangeDetailSerializer, 200: ChangeDetailSerializer},
    )
    def post(self, request: Request) -> Response:
        """Record something that was done. A title is enough: `owner_source` of the answer tells whose it is and why.

        200 instead of 201 when this client has used the `external_id` before: the answer is that first record.
        """
        data = self.parse(LogChange)
        if "owner" in data:
            data["owner"] = _find_person(data["owner"])
        change, created = log_change(actor=self.actor, **data)
        return _answer(change, 201 if created else 200)


def _find_person(text: str) -> Person:
    try:
        return find_by_reference(Person.objects.all(), text, name_field="username")
    except NotFound as error:
        raise Invalid(f"/owner: {error.detail}", errors=[FieldError("/owner", error.detail)]) from None


class ChangeDetail(ApiView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read", "PATCH": "change.edit"}

    @extend_schema(operation_id="changes_read", responses=ChangeDetailSerializer)
    def get(self, request: Request, change: str) -> Response:
        """One change, by id or reference, with its approvals."""
        return _answer(_find(change))

    @extend_schema(operation_id="changes_update", request=UpdateChange, responses=ChangeDetailSerializer)
    def patch(self, request: Request, change: str) -> Response:
        """Correct what a change says. Of a decision only the description: its approval binds the rest."""
        found = _find(change)
        self.check_if_match(etag_of(found))
        conditional = request.headers.get("If-Match", "*").strip() != "*"
        updated = update_change(
            actor=self.actor,
            change=found,
            fields=self.parse(UpdateChange),
            expected_version=found.version if conditional else None,
        )
        return _answer(updated)


class ChangeClaim(ApiView):
    permissions: ClassVar[dict[str, str]] = {"POST": "change.edit"}

    @extend_schema(operation_id="changes_claim", request=None, responses=ChangeDetailSerializer)
    def post(self, request: Request, change: str) -> Response:
        """ "That was me": take over a change that somebody only stood in for."""
        return _answer(claim_change(actor=self.actor, change=_find(change)))


class ChangeApprovals(ApiView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read", "POST": "change.approve"}

    @extend_schema(operation_id="changes_approvals_list", responses=ApprovalSerializer(many=True))
    def get(self, request: Request, change: str) -> Response:
        """Every verdict on a change, void ones too, in the order they were given."""
        approvals = Approval.objects.filter(change=_find(change)).select_related("approver", "change")
        return Response(ApprovalSerializer(approvals.order_by("created_at"), many=True).data)

    @extend_schema(
        operation_id="changes_approvals_decide", request=GiveVerdict, responses={201: ApprovalSerializer}
    )
    def post(self, request: Request, change: str) -> Response:
        """Approve or refuse a proposed change. Approving takes the `digest` that you read; refusing takes a reason."""
        data = self.parse(GiveVerdict)
        found = _find(change)
        digest = data.get("digest", "")
        if data["verdict"] == "approve":
            comment = data.get("comment") or data.get("reason", "")
            approval = approve_change(actor=self.actor, change=found, digest=digest, comment=comment)
        else:
            reason = data.get("reason") or data.get("comment", "")
            approval = refuse_change(actor=self.actor, change=found, reason=reason, digest=digest)
        return Response(ApprovalSerializer(approval).data, status=201)


class ChangeWithdraw(ApiView):
    permissions: ClassVar[dict[str, str]] = {"POST": "change.edit"}

    @extend_schema(operation_id="changes_withdraw", request=Withdraw, responses=ChangeDetailSerializer)
    def post(self, request: Request, change: str) -> Response:
        """Take back what one proposed, before it is carried out."""
        data = self.parse(Withdraw)
        return _answer(withdraw_change(actor=self.actor, change=_find(change), **data))
