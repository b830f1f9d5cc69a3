"""`preflight/`: would a push to these hosts undo what somebody fixed by hand?"""

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common import clock
from common.api.people_ref import PersonRef
from common.api.views import ApiView
from drift.queries.preflight import Undone, preflight
from drift.queries.reports import describe_change
from inventory.queries.hosts import parse_selector

NAMES = 100


class ExplainedBySerializer(serializers.Serializer[Any]):
    change = serializers.CharField(source="change.reference")
    title = serializers.CharField(source="change.title")
    owner = PersonRef(source="change.owner")
    incident = serializers.CharField(source="change.incident.reference", default=None, allow_null=True)


class UndoneSerializer(serializers.Serializer[Any]):
    finding = serializers.CharField(source="finding.reference")
    html_url = serializers.SerializerMethodField()
    resource = serializers.CharField(source="finding.resource")
    summary = serializers.SerializerMethodField()
    state = serializers.CharField(source="finding.state")
    claimed_by = PersonRef(source="finding.claimed_by", allow_null=True)
    explained_by = ExplainedBySerializer(source="finding.explanations.all", many=True)
    hosts = serializers.SerializerMethodField(help_text=f"the first {NAMES}")
    hosts_total = serializers.SerializerMethodField()

    def get_html_url(self, row: Undone) -> str:
        return f"/findings/{row.finding.reference}/"

    def get_summary(self, row: Undone) -> str:
        return describe_change(row.finding.change, row.finding.resource)

    def get_hosts(self, row: Undone) -> list[str]:
        return row.hosts[:NAMES]

    def get_hosts_total(self, row: Undone) -> int:
        return len(row.hosts)


class UnknownSerializer(serializers.Serializer[Any]):
    hosts = serializers.IntegerField()
    reasons = serializers.DictField(child=serializers.IntegerField(), help_text="reason → hosts")
    names = serializers.ListField(child=serializers.CharField(), help_text=f"the first {NAMES}")


class PreflightSerializer(serializers.Serializer[Any]):
    hosts = serializers.IntegerField(help_text="that the selector means")
    would_undo = UndoneSerializer(many=True)
    unknown = UnknownSerializer(help_text="hosts that can't be told about; never to be taken for clean")


class PreflightView(ApiView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read"}
    query_parameters = frozenset({"hosts"})

    @extend_schema(
        operation_id="preflight_read",
        parameters=[OpenApiParameter("hosts", str, required=True, description="a selector")],
        responses=PreflightSerializer,
    )
    def get(self, request: Request) -> Response:
        """Which fixes made by hand a push of the definition to these hosts would undo, as of the last looks."""
        selector = parse_selector(request.query_params.get("hosts", ""), pointer="?hosts")
        found = preflight(selector, clock.now())
        body = {
            "hosts": found.hosts,
            "would_undo": found.undone,
            "unknown": {
                "hosts": len(found.unknown),
                "reasons": found.reasons,
                "names": sorted(found.unknown)[:NAMES],
            },
        }
        return Response(PreflightSerializer(body).data)
