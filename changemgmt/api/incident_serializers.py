"""Incidents and their timelines as JSON."""

from typing import Any

from rest_framework import serializers

from changemgmt.api.serializers import LISTED_NAMES, NamesField
from changemgmt.core import words
from changemgmt.core.texts import TEXT_LENGTH, TITLE_LENGTH
from changemgmt.models import Incident, TimelineEntry
from changemgmt.queries.incidents import unknown_hosts
from changemgmt.services.incidents import EXTERNAL_ID_LENGTH
from changemgmt.services.timeline import LINK_LENGTH
from common.api.fields import ChoiceField
from common.api.people_ref import PersonRef

PERSON = "username or id"


class TimelineEntrySerializer(serializers.ModelSerializer[TimelineEntry]):
    """`at` is when it happened, `created_at` when it was written down."""

    author = PersonRef(read_only=True, allow_null=True)

    class Meta:
        model = TimelineEntry
        fields = ("id", "created_at", "at", "kind", "text", "link", "author", "via")


class IncidentSerializer(serializers.ModelSerializer[Incident]):
    """As lists show it: of many hosts the first, and how many there are."""

    url = serializers.SerializerMethodField()
    html_url = serializers.SerializerMethodField()
    commander = PersonRef(read_only=True)
    opened_by = PersonRef(read_only=True)
    reviewed_by = PersonRef(read_only=True, allow_null=True)
    hosts = serializers.SerializerMethodField(help_text=f"a list shows the first {LISTED_NAMES}")
    hosts_total = serializers.SerializerMethodField()

    class Meta:
        model = Incident
        fields = (
            "id", "reference", "url", "html_url", "created_at", "updated_at", "title", "description", "severity",
            "state", "commander", "opened_by", "recorded_via", "selector", "hosts", "hosts_total", "started_at",
            "closed_at", "external_id", "review", "reviewed_by", "reviewed_at",
        )  # fmt: skip

    def get_url(self, incident: Incident) -> str:
        return f"/api/v1/incidents/{incident.pk}/"

    def get_html_url(self, incident: Incident) -> str:
        return f"/incidents/{incident.reference}/"

    def get_hosts(self, incident: Incident) -> list[str]:
        return incident.hosts[:LISTED_NAMES]

    def get_hosts_total(self, incident: Incident) -> int:
        return len(incident.hosts)


class IncidentDetailSerializer(IncidentSerializer):
    """One incident, whole. `unknown_hosts` are names of its scope that inventory doesn't have: nothing looks at them."""

    hosts = serializers.ListField(child=serializers.CharField())  # type: ignore[assignment]
    unknown_hosts = serializers.SerializerMethodField()

    class Meta(IncidentSerializer.Meta):
        fields = (*IncidentSerializer.Meta.fields, "unknown_hosts")  # type: ignore[assignment]

    def get_unknown_hosts(self, incident: Incident) -> list[str]:
        return unknown_hosts(incident)


class _Scope(serializers.Serializer[Any]):
    selector = serializers.CharField(
        required=False, allow_blank=True, help_text="the hosts that are harmed, by selector; resolved now"
    )
    hosts = NamesField(required=False, help_text="host names, beside or instead of the selector")
    description = serializers.CharField(max_length=TEXT_LENGTH, required=False, allow_blank=True)
    severity = ChoiceField(choices=words.SEVERITIES, required=False, help_text="major unless it says else")
    commander = serializers.CharField(max_length=64, required=False, help_text=PERSON)
    started_at = serializers.DateTimeField(
        required=False, help_text="when the harm began; now, unless it says else"
    )


class OpenIncident(_Scope):
    title = serializers.CharField(max_length=TITLE_LENGTH, help_text="what is wrong, in one line")
    external_id = serializers.CharField(
        max_length=EXTERNAL_ID_LENGTH,
        required=False,
        help_text="yours: a second POST with it returns the first incident",
    )


class UpdateIncident(_Scope):
    title = serializers.CharField(max_length=TITLE_LENGTH, required=False)


class CloseIncident(serializers.Serializer[Any]):
    summary = serializers.CharField(
        max_length=TEXT_LENGTH, required=False, allow_blank=True, help_text="what it was and what helped"
    )


class ReopenIncident(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=TEXT_LENGTH)


class ReviewIncident(serializers.Serializer[Any]):
    text = serializers.CharField(max_length=TEXT_LENGTH, help_text="what was learnt")


class HandOver(serializers.Serializer[Any]):
    commander = serializers.CharField(max_length=64, help_text=PERSON)
    note = serializers.CharField(
        max_length=TEXT_LENGTH, required=False, allow_blank=True, help_text="what they have to know"
    )


class AddLine(serializers.Serializer[Any]):
    text = serializers.CharField(max_length=TEXT_LENGTH)
    at = serializers.DateTimeField(required=False, help_text="when it happened; now, unless it says else")
    link = serializers.CharField(
        max_length=LINK_LENGTH, required=False, allow_blank=True, help_text="a reference: CHG-1042, DRF-88"
    )
