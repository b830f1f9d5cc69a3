"""`scan-policies/`: which hosts are looked at again and again, how often, and what came of it."""

from typing import Any, ClassVar

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from common import clock
from common.api.filters import TimeFilter, TimeFilterSet, WordFilter
from common.api.schema import ProblemSerializer
from common.api.views import ApiView, ListView, etag_of, find_by_reference
from drift.api.scan_policy_serializers import (
    CreatePolicyRequest,
    PolicyCoverageSerializer,
    RunPolicyRequest,
    ScanPolicyDetailSerializer,
    ScanPolicySerializer,
    ScanSlotSerializer,
    UpdatePolicyRequest,
)
from drift.api.serializers import ScanSerializer
from drift.core.schedule import MODES, OUTCOMES
from drift.models import ScanPolicy, ScanSlot
from drift.queries.scan_policies import policy_coverage, standings
from drift.services.scan_policies import create_scan_policy, delete_scan_policy, update_scan_policy
from drift.services.schedules import run_policy

_CREATE = OpenApiExample(
    "Production, every five minutes",
    value={"name": "production", "selector": "env=prod", "quick_every": 300, "deep_every": 86400},
    request_only=True,
)
_UPDATE = OpenApiExample("Pause it", value={"enabled": False}, request_only=True)
_RUN = OpenApiExample("A deep look, now", value={"mode": "deep"}, request_only=True)


class PolicyFilterSet(TimeFilterSet):
    name = django_filters.CharFilter()
    name__contains = django_filters.CharFilter("name", lookup_expr="icontains", help_text="in any case")
    enabled = django_filters.BooleanFilter()


def _policies() -> QuerySet[ScanPolicy]:
    return ScanPolicy.objects.select_related("created_by")


def _find(policy: str) -> ScanPolicy:
    return find_by_reference(_policies(), policy, name_field="name")


def _answer(policy: ScanPolicy, status: int = 200) -> Response:
    headers = {"ETag": etag_of(policy)}
    if status == 201:
        headers["Location"] = f"/api/v1/scan-policies/{policy.pk}/"
    [standing] = standings([policy], now=clock.now())
    return Response(ScanPolicyDetailSerializer(standing).data, status=status, headers=headers)


class PolicyList(ListView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read", "POST": "scan-policy.edit"}
    serializer_class = ScanPolicySerializer
    filterset_class = PolicyFilterSet
    sort_fields = ("name", "created_at")
    default_sort = "name"

    def get_queryset(self) -> QuerySet[ScanPolicy]:
        return _policies()

    def serialize(self, page: Any) -> Any:
        rows = standings(page, now=clock.now(), count_hosts=False)
        return [ScanPolicySerializer(row).data for row in rows]

    @extend_schema(operation_id="scan_policies_list", responses=ScanPolicySerializer(many=True))
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Scan policies by name, with when they are next due and what came of the last time."""
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="scan_policies_create",
        request=CreatePolicyRequest,
        responses={201: ScanPolicyDetailSerializer},
        examples=[_CREATE],
    )
    def post(self, request: Request) -> Response:
        """Have hosts looked at from now on. The selector is asked anew at each due time; it may name nobody yet."""
        policy = create_scan_policy(actor=self.actor, **self.parse(CreatePolicyRequest))
        return _answer(policy, 201)


class PolicyCoverageView(ApiView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read"}

    @extend_schema(operation_id="scan_policies_coverage", responses=PolicyCoverageSerializer)
    def get(self, request: Request) -> Response:
        """How many active hosts no enabled policy looks at, and the first of their names."""
        return Response(PolicyCoverageSerializer(policy_coverage()).data)


class PolicyDetail(ApiView):
    permissions: ClassVar[dict[str, str]] = {
        "GET": "read",
        "PATCH": "scan-policy.edit",
        "DELETE": "scan-policy.edit",
    }

    @extend_schema(operation_id="scan_policies_read", responses=ScanPolicyDetailSerializer)
    def get(self, request: Request, policy: str) -> Response:
        """One policy, by id or name: how many hosts it names now, when it is next due, its latest scans."""
        return _answer(_find(policy))

    @extend_schema(
        operation_id="scan_policies_update",
        request=UpdatePolicyRequest,
        responses=ScanPolicyDetailSerializer,
        examples=[_UPDATE],
    )
    def patch(self, request: Request, policy: str) -> Response:
        """Change it, or switch it off and on. Other periods count from now on."""
        found = _find(policy)
        self.check_if_match(etag_of(found))
        update_scan_policy(actor=self.actor, policy=found, changes=self.parse(UpdatePolicyRequest))
        return _answer(found)

    @extend_schema(
        operation_id="scan_policies_delete",
        request=None,
        responses={204: None, (412, "application/problem+json"): ProblemSerializer},
        parameters=[
            OpenApiParameter(
                "If-Match", str, OpenApiParameter.HEADER, description="The ETag you read; else 412."
            )
        ],
    )
    def delete(self, request: Request, policy: str) -> Response:
        """Remove it. Its scans stay, and one that runs goes on to its end."""
        found = _find(policy)
        self.check_if_match(etag_of(found))
        delete_scan_policy(actor=self.actor, policy=found)
        return Response(status=204)


class PolicyRun(ApiView):
    permissions: ClassVar[dict[str, str]] = {"POST": "scan.run"}

    @extend_schema(
        operation_id="scan_policies_run",
        request=RunPolicyRequest,
        responses={202: ScanSerializer},
        examples=[_RUN],
    )
    def post(self, request: Request, policy: str) -> Response:
        """Look at its hosts now, enabled or not. 409 while a scan of it in this mode runs."""
        found = _find(policy)
        scan = run_policy(actor=self.actor, policy=found, mode=self.parse(RunPolicyRequest)["mode"])
        return Response(
            ScanSerializer(scan).data, status=202, headers={"Location": f"/api/v1/scans/{scan.pk}/"}
        )


class SlotFilterSet(django_filters.FilterSet):
    mode = WordFilter(MODES)
    outcome = WordFilter(OUTCOMES)
    starts_at__gte = TimeFilter("starts_at", lookup_expr="gte")
    starts_at__lt = TimeFilter("starts_at", lookup_expr="lt")


class PolicySlots(ListView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read"}
    serializer_class = ScanSlotSerializer
    filterset_class = SlotFilterSet
    sort_fields = ("starts_at",)
    default_sort = "-starts_at"

    def get_queryset(self) -> QuerySet[ScanSlot]:
        slots = ScanSlot.objects.filter(policy=_find(self.kwargs["policy"]))
        return slots.select_related("scan__job").defer("scan__hosts")

    @extend_schema(operation_id="scan_policies_slots", responses=ScanSlotSerializer(many=True))
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Its due times of the last thirty days, the latest first, with what came of each."""
        return super().get(request, *args, **kwargs)
