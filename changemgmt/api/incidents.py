"""`incidents/`: open, read, correct, hand over, close, reopen, review; and their timelines."""

from typing import Any, ClassVar
from uuid import UUID

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from changemgmt.api.incident_serializers import (
    AddLine,
    CloseIncident,
    HandOver,
    IncidentDetailSerializer,
    IncidentSerializer,
    OpenIncident,
    ReopenIncident,
    ReviewIncident,
    TimelineEntrySerializer,
    UpdateIncident,
)
from changemgmt.core import words
from changemgmt.core.lifecycles import INCIDENT
from changemgmt.models import Incident, TimelineEntry
from changemgmt.services.incidents import (
    close_incident,
    hand_over_incident,
    open_incident,
    reopen_incident,
    review_incident,
    update_incident,
)
from changemgmt.services.timeline import add_to_timeline
from common.api.filters import TimeFilter, TimeFilterSet, WordFilter, WordsInFilter
from common.api.views import ApiView, ListView, etag_of, find_by_reference
from inventory.api.references import find_person, named


class IncidentFilterSet(TimeFilterSet):
    state = WordFilter(INCIDENT.meaning)
    state__in = WordsInFilter(INCIDENT.meaning, "state")
    severity = WordFilter(words.SEVERITIES)
    severity__in = WordsInFilter(words.SEVERITIES, "severity")
    commander = django_filters.CharFilter(method="by_commander", help_text="username or id")
    host = django_filters.CharFilter(method="by_host", help_text="a host's name")
    external_id = django_filters.CharFilter()
    title__contains = django_filters.CharFilter("title", lookup_expr="icontains", help_text="in any case")
    started_at__gte = TimeFilter("started_at", lookup_expr="gte")
    started_at__lt = TimeFilter("started_at", lookup_expr="lt")

    def by_commander(self, queryset: QuerySet[Incident], name: str, value: str) -> QuerySet[Incident]:
        try:
            return queryset.filter(commander_id=UUID(value))
        except ValueError:
            return queryset.filter(commander__username=value)

    def by_host(self, queryset: QuerySet[Incident], name: str, value: str) -> QuerySet[Incident]:
        return queryset.filter(hosts__contains=[value])


def incidents() -> QuerySet[Incident]:
    return Incident.objects.select_related("commander", "opened_by", "reviewed_by")


def find_incident(text: str) -> Incident:
    """The incident with this id or reference; else NotFound."""
    return find_by_reference(incidents(), text)


def _answer(incident: Incident, status: int = 200) -> Response:
    headers = {"ETag": etag_of(incident)}
    if status == 201:
        headers["Location"] = f"/api/v1/incidents/{incident.pk}/"
    return Response(IncidentDetailSerializer(incident).data, status=status, headers=headers)


def _with_commander(data: dict[str, Any]) -> dict[str, Any]:
    if "commander" in data:
        data["commander"] = named("commander", find_person, data["commander"])
    return data


class IncidentList(ListView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read", "POST": "incident.open"}
    serializer_class = IncidentSerializer
    filterset_class = IncidentFilterSet
    sort_fields = ("created_at", "started_at")

    def get_queryset(self) -> QuerySet[Incident]:
        return incidents()

    @extend_schema(operation_id="incidents_list", responses=IncidentSerializer(many=True))
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Incidents, the latest first."""
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="incidents_open",
        request=OpenIncident,
        responses={201: IncidentDetailSerializer, 200: IncidentDetailSerializer},
    )
    def post(self, request: Request) -> Response:
        """Open an incident over a set of hosts. A title is enough; its scope is looked at as soon as it is known.

        200 instead of 201 when this client has used the `external_id` before: the answer is that first incident.
        """
        incident, created = open_incident(actor=self.actor, **_with_commander(self.parse(OpenIncident)))
        return _answer(incident, 201 if created else 200)


class IncidentDetail(ApiView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read", "PATCH": "incident.edit"}

    @extend_schema(operation_id="incidents_read", responses=IncidentDetailSerializer)
    def get(self, request: Request, incident: str) -> Response:
        """One incident, by id or reference."""
        return _answer(find_incident(incident))

    @extend_schema(
        operation_id="incidents_update", request=UpdateIncident, responses=IncidentDetailSerializer
    )
    def patch(self, request: Request, incident: str) -> Response:
        """Correct what an incident says. `selector` and `hosts` say its scope anew, together."""
        found = find_incident(incident)
        self.check_if_match(etag_of(found))
        conditional = request.headers.get("If-Match", "*").strip() != "*"
        updated = update_incident(
            actor=self.actor,
            incident=found,
            fields=_with_commander(self.parse(UpdateIncident)),
            expected_version=found.version if conditional else None,
        )
        return _answer(updated)


class IncidentClose(ApiView):
    permissions: ClassVar[dict[str, str]] = {"POST": "incident.edit"}

    @extend_schema(operation_id="incidents_close", request=CloseIncident, responses=IncidentDetailSerializer)
    def post(self, request: Request, incident: str) -> Response:
        """The harm has ended: the scope is looked at again, and what nobody logged is drafted as changes."""
        data = self.parse(CloseIncident)
        return _answer(close_incident(actor=self.actor, incident=find_incident(incident), **data))


class IncidentReopen(ApiView):
    permissions: ClassVar[dict[str, str]] = {"POST": "incident.edit"}

    @extend_schema(
        operation_id="incidents_reopen", request=ReopenIncident, responses=IncidentDetailSerializer
    )
    def post(self, request: Request, incident: str) -> Response:
        """It was not over."""
        data = self.parse(ReopenIncident)
        return _answer(reopen_incident(actor=self.actor, incident=find_incident(incident), **data))


class IncidentReview(ApiView):
    permissions: ClassVar[dict[str, str]] = {"POST": "incident.edit"}

    @extend_schema(
        operation_id="incidents_review", request=ReviewIncident, responses=IncidentDetailSerializer
    )
    def post(self, request: Request, incident: str) -> Response:
        """What was learnt. The incident's record ends with it."""
        data = self.parse(ReviewIncident)
        return _answer(review_incident(actor=self.actor, incident=find_incident(incident), **data))


class IncidentHandOver(ApiView):
    permissions: ClassVar[dict[str, str]] = {"POST": "incident.edit"}

    @extend_schema(operation_id="incidents_handover", request=HandOver, responses=IncidentDetailSerializer)
    def post(self, request: Request, incident: str) -> Response:
        """Somebody else leads from now on."""
        data = _with_commander(self.parse(HandOver))
        return _answer(hand_over_incident(actor=self.actor, incident=find_incident(incident), **data))


class IncidentTimeline(ListView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read", "POST": "incident.open"}
    serializer_class = TimelineEntrySerializer
    sort_fields = ("at", "created_at")
    default_sort = "at"

    def get_queryset(self) -> QuerySet[TimelineEntry]:
        incident = find_incident(self.kwargs["incident"])
        return TimelineEntry.objects.filter(incident=incident).select_related("author")

    @extend_schema(operation_id="incidents_timeline_list", responses=TimelineEntrySerializer(many=True))
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """What happened, in the order in which it happened."""
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="incidents_timeline_add", request=AddLine, responses={201: TimelineEntrySerializer}
    )
    def post(self, request: Request, incident: str) -> Response:
        """Write a line, now or afterwards (`at` is when it happened)."""
        data = self.parse(AddLine)
        entry = add_to_timeline(actor=self.actor, incident=find_incident(incident), **data)
        return Response(TimelineEntrySerializer(entry).data, status=201)
