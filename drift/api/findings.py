"""`findings/`: each distinct drift, its hosts, its diff, and who takes it on."""

from typing import Any, ClassVar

import django_filters
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from common.api.filters import TimeFilter, TimeFilterSet, WordFilter, WordsInFilter
from common.api.views import ApiView, ListView, find_by_reference
from drift.api.serializers import (
    DiffSerializer,
    FindingDetailSerializer,
    FindingSerializer,
    OccurrenceSerializer,
)
from drift.core.lifecycles import FINDING
from drift.models import Finding, Occurrence
from drift.queries.findings import finding_variants, findings_with_counts, pending_hosts
from drift.services.findings import claim_finding, unclaim_finding
from inventory.queries.hosts import hosts_matching, parse_selector


class FindingFilterSet(TimeFilterSet):
    state = WordFilter(FINDING.meaning)
    state__in = WordsInFilter(FINDING.meaning, "state")
    resource = django_filters.CharFilter()
    resource__contains = django_filters.CharFilter("resource", lookup_expr="contains")
    host = django_filters.CharFilter(method="on_host")
    selector = django_filters.CharFilter(
        method="on_hosts", help_text="`role=web env=prod`: on at least one of these hosts"
    )
    claimed_by = django_filters.CharFilter("claimed_by__username")
    is_explained = django_filters.BooleanFilter()
    last_seen_at__gte = TimeFilter("last_seen_at", lookup_expr="gte")

    def on_host(self, queryset: Any, name: str, value: str) -> Any:
        return queryset.filter(
            pk__in=Occurrence.objects.filter(host__name=value, ended_at=None).values("finding_id")
        )

    def on_hosts(self, queryset: Any, name: str, value: str) -> Any:
        hosts = hosts_matching(parse_selector(value, pointer="?selector"))
        return queryset.filter(
            pk__in=Occurrence.objects.filter(host__in=hosts, ended_at=None).values("finding_id")
        )


class FindingList(ListView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read"}
    serializer_class = FindingSerializer
    filterset_class = FindingFilterSet
    sort_fields = ("created_at", "last_seen_at", "first_seen_at")

    def get_queryset(self) -> Any:
        return findings_with_counts().select_related("supersedes")

    @extend_schema(operation_id="findings_list", responses=FindingSerializer(many=True))
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


def _find(text: str) -> Finding:
    return find_by_reference(findings_with_counts().select_related("supersedes"), text)


def _detail(finding: Finding) -> Any:
    finding.pending_hosts = pending_hosts(finding)  # type: ignore[attr-defined]
    return FindingDetailSerializer(finding).data


class FindingDetail(ApiView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read"}

    @extend_schema(operation_id="findings_read", responses=FindingDetailSerializer)
    def get(self, request: Request, finding: str) -> Response:
        return Response(_detail(_find(finding)))


class FindingOccurrences(ListView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read"}
    serializer_class = OccurrenceSerializer

    def get_queryset(self) -> Any:
        finding = find_by_reference(Finding.objects.all(), self.kwargs["finding"])
        return finding.occurrences.select_related("host")

    @extend_schema(operation_id="findings_occurrences", responses=OccurrenceSerializer(many=True))
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


class FindingDiff(ApiView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read"}

    @extend_schema(operation_id="findings_diff", responses=DiffSerializer)
    def get(self, request: Request, finding: str) -> Response:
        variants = finding_variants(find_by_reference(Finding.objects.all(), finding))
        return Response(DiffSerializer({"variants": variants}).data)


class FindingClaim(ApiView):
    permissions: ClassVar[dict[str, str]] = {"POST": "finding.claim", "DELETE": "finding.claim"}

    @extend_schema(operation_id="findings_claim", request=None, responses=FindingDetailSerializer)
    def post(self, request: Request, finding: str) -> Response:
        claim_finding(actor=self.actor, finding=find_by_reference(Finding.objects.all(), finding))
        return Response(_detail(_find(finding)))

    @extend_schema(operation_id="findings_unclaim", responses={200: FindingDetailSerializer})
    def delete(self, request: Request, finding: str) -> Response:
        unclaim_finding(actor=self.actor, finding=find_by_reference(Finding.objects.all(), finding))
        return Response(_detail(_find(finding)))
