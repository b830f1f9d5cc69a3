"""`reports/scans/{scan}/`: the drift report as JSON, CSV or HTML."""

import csv
import io
from dataclasses import asdict
from typing import Any, ClassVar

from django.http import HttpResponse
from django.template.loader import render_to_string
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common import clock
from common.api.views import ApiView, find_by_reference
from common.core.errors import Invalid
from drift.api.serializers import HostScanSerializer, ScanSerializer
from drift.models import Scan
from drift.queries.reports import COLUMNS, DriftReport, drift_report

PURGED = "what this scan saw on each host is not kept any more"


class ReportRowSerializer(serializers.Serializer[Any]):
    finding = serializers.CharField()
    resource = serializers.CharField()
    change = serializers.CharField()
    verdict = serializers.CharField()
    host = serializers.CharField()
    environment = serializers.CharField()
    first_seen = serializers.DateTimeField()
    last_seen = serializers.DateTimeField()
    explained_by = serializers.CharField()
    answers_for_it = serializers.CharField()
    state = serializers.CharField()
    decision = serializers.CharField()


class DriftReportSerializer(serializers.Serializer[Any]):
    scan = ScanSerializer()
    findings = serializers.IntegerField()
    hosts = serializers.IntegerField()
    rows = ReportRowSerializer(many=True)
    not_seen = HostScanSerializer(many=True)
    purged = serializers.BooleanField(
        help_text="the scan is so old that what it saw on each host is not kept any more; its counts still are"
    )


class ScanReport(ApiView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read"}
    query_parameters = frozenset({"format"})

    @extend_schema(
        operation_id="reports_scan",
        parameters=[OpenApiParameter("format", str, enum=["json", "csv", "html"], default="json")],
        responses={
            (200, "application/json"): DriftReportSerializer,
            (200, "text/csv"): OpenApiTypes.STR,
            (200, "text/html"): OpenApiTypes.STR,
        },
    )
    def get(self, request: Request, scan: str) -> Response | HttpResponse:
        report = drift_report(find_by_reference(Scan.objects.select_related("job"), scan))
        name = f"drift-report-{report.scan.reference}"
        match request.query_params.get("format", "json"):
            case "json":
                return Response(DriftReportSerializer(report).data)
            case "csv":
                answer = HttpResponse(report_csv(report), content_type="text/csv; charset=utf-8")
                answer.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
                return answer
            case "html":
                return HttpResponse(
                    render_to_string("reports/drift.html", {"report": report, "now": clock.now()})
                )
            case other:
                raise Invalid(f"format is json, csv or html, not {other!r}.")


def report_csv(report: DriftReport) -> str:
    """RFC 4180; a row a finding and host, then a row for each host that was not (wholly) looked at."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    if report.purged:
        writer.writerow([PURGED if column == "change" else "" for column in COLUMNS])
    for row in report.rows:
        writer.writerow([_cell(value) for value in asdict(row).values()])
    for look in report.not_seen:
        values = {"host": look.host.name, "environment": look.host.environment, "verdict": "unknown"}
        values |= {"change": f"{look.status}: {look.reason}", "last_seen": look.created_at.isoformat()}
        writer.writerow([_cell(values.get(column, "")) for column in COLUMNS])
    return out.getvalue()


def _cell(value: Any) -> str:
    """Text that a spreadsheet takes as text: a host's file name may begin with a formula's sign."""
    text = value.isoformat() if hasattr(value, "isoformat") else str(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
