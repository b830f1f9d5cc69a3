"""`scans/`: start a look at hosts, follow it, read what came of each host."""

from typing import Any, ClassVar

import django_filters
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from common.api.filters import TimeFilterSet, WordFilter
from common.api.views import ApiView, ListView, find_by_reference
from common.core.jobs import JOB
from drift.api.serializers import HostScanSerializer, ScanDetailSerializer, ScanRequest, ScanSerializer
from drift.models import Scan, ScanHost
from drift.models.scan import STATUSES
from drift.services.scans import PURPOSES, create_scan


class ScanFilterSet(TimeFilterSet):
    purpose = WordFilter(PURPOSES)
    mode = WordFilter(("quick", "deep"))
    policy = django_filters.CharFilter("policy__name", help_text="the name of a scan policy")
    state = WordFilter(JOB.meaning, "job__state")


class ScanList(ListView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read", "POST": "scan.run"}
    serializer_class = ScanSerializer
    filterset_class = ScanFilterSet

    def get_queryset(self) -> Any:
        return Scan.objects.select_related("job", "policy").defer("hosts")  # frozen on it, and long

    @extend_schema(operation_id="scans_list", responses=ScanSerializer(many=True))
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(operation_id="scans_create", request=ScanRequest, responses={202: ScanSerializer})
    def post(self, request: Request) -> Response:
        body = self.parse(ScanRequest)
        scan = create_scan(actor=self.actor, selector=body["hosts"], mode=body["mode"])
        return Response(
            ScanSerializer(scan).data, status=202, headers={"Location": f"/api/v1/scans/{scan.pk}/"}
        )


class ScanDetail(ApiView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read"}

    @extend_schema(operation_id="scans_read", responses=ScanDetailSerializer)
    def get(self, request: Request, scan: str) -> Response:
        found = find_by_reference(Scan.objects.select_related("job", "policy").defer("hosts"), scan)
        return Response(ScanDetailSerializer(found).data)


class HostScanFilterSet(django_filters.FilterSet):
    status = WordFilter(STATUSES)
    reason = django_filters.CharFilter()


class ScanHosts(ListView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read"}
    serializer_class = HostScanSerializer
    filterset_class = HostScanFilterSet

    def get_queryset(self) -> Any:
        scan = find_by_reference(Scan.objects.defer("hosts"), self.kwargs["scan"])
        return ScanHost.objects.filter(scan=scan).select_related("host")

    @extend_schema(operation_id="scans_hosts", responses=HostScanSerializer(many=True))
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)
