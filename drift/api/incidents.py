"""`incidents/{incident}/findings/` and `…/summary/`: what drift knows of an incident."""

from typing import Any, ClassVar

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from changemgmt.api.incidents import find_incident
from common import clock
from common.api.views import ApiView
from drift.queries.incident_summary import incident_summary, standing_of
from drift.queries.incidents import Inside, findings_inside


class InsideSerializer(serializers.Serializer[Any]):
    """A finding that came about inside an incident's scope and time."""

    finding = serializers.CharField(source="finding.reference")
    resource = serializers.CharField(source="finding.resource")
    state = serializers.CharField(source="finding.state")
    hosts = serializers.ListField(child=serializers.CharField())
    first_seen_at = serializers.DateTimeField()
    after = serializers.DateTimeField(allow_null=True, help_text="the last look that did not show it")
    at = serializers.DateTimeField(allow_null=True, help_text="when it was changed, where a host tells that")
    explained_by = serializers.SerializerMethodField(help_text="changes that somebody stands by")
    draft = serializers.SerializerMethodField(help_text="the change that was drafted for it, if any")
    standing = serializers.SerializerMethodField(help_text="the same in words")

    def get_explained_by(self, one: Inside) -> list[str]:
        return [change.reference for change in one.explained_by]

    def get_draft(self, one: Inside) -> str | None:
        return one.draft.reference if one.draft else None

    def get_standing(self, one: Inside) -> str:
        return standing_of(one)


class IncidentFindingsSerializer(serializers.Serializer[Any]):
    results = InsideSerializer(many=True)


class IncidentFindings(ApiView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read"}

    @extend_schema(operation_id="incidents_findings", responses=IncidentFindingsSerializer)
    def get(self, request: Request, incident: str) -> Response:
        """Findings that came about inside its scope and time and are not over, the earliest first."""
        found = findings_inside(find_incident(incident))
        return Response(IncidentFindingsSerializer({"results": found}).data)


class IncidentSummary(ApiView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read"}

    @extend_schema(operation_id="incidents_summary", responses={(200, "text/markdown"): OpenApiTypes.STR})
    def get(self, request: Request, incident: str) -> HttpResponse:
        """The incident as Markdown: what happened, who did what, what is still to reconcile."""
        text = incident_summary(find_incident(incident), now=clock.now())
        return HttpResponse(text, content_type="text/markdown; charset=utf-8")
