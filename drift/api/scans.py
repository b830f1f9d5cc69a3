"""`scans/`: start a look at hosts, follow it, read what came of each host."""

from typing import Any, ClassVar

import django_filters
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from common.api.filters import TimeFilterSet, WordFilter
from common.api.views import ApiView, ListView, find_by_reference
from common.core.jobs import JOB
from drift.api.serializers import HostScanSerializer, ScanRequest, ScanSerializer
from drift.models import HostScan, Scan
from drift.models.scan import STATUSES
from drift.services.scans import PROOF, REQUESTED, create_scan


class ScanFilterSet(TimeFilterSet):
    purpose = WordFilter((REQUESTED, PROOF))
    state = WordFilter(JOB.meaning, "job__state")


class ScanList(ListView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read", "POST": "scan.run"}
    serializer_class = ScanSerializer
    filterset_class = ScanFilterSet

    def get_queryset(self) -> Any:
        return Scan.objects.select_related("job")

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

    @extend_schema(operation_id="scans_read", responses=ScanSerializer)
    def get(self, request: Request, scan: str) -> Response:
        return Response(ScanSerializer(find_by_reference(Scan.objects.select_related("job"), scan)).data)


class HostScanFilterSet(django_filters.FilterSet):
    status = WordFilter(STATUSES)
    reason = django_filters.CharFilter()


class ScanHosts(ListView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read"}
    serializer_class = HostScanSerializer
    filterset_class = HostScanFilterSet

    def get_queryset(self) -> Any:
        scan = find_by_reference(Scan.objects.all(), self.kwargs["scan"])
        return HostScan.objects.filter(scan=scan).select_related("host")

    @extend_schema(operation_id="scans_hosts", responses=HostScanSerializer(many=True))
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)
