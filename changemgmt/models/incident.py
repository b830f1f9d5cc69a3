"""Incidents, and what happened in them, line by line."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q

from changemgmt.core import words
from changemgmt.core.lifecycles import INCIDENT
from common import clock
from common.models import Person
from common.models.base import Record, Referenced, reference_number


class Incident(Referenced):
    PREFIX: ClassVar[str] = "INC"

    number = reference_number("changemgmt_incident_number")
    title = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    severity = models.CharField(
        max_length=16, choices=[(one, one) for one in words.SEVERITIES], default=words.MAJOR
    )
    state = models.CharField(max_length=16, default="open")
    commander = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="commanded")
    opened_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    recorded_via = models.CharField(max_length=200)
    token_id = models.UUIDField(null=True)
    client_id = models.UUIDField()
    external_id = models.CharField(max_length=200, blank=True)
    selector = models.TextField(blank=True)
    hosts = ArrayField(models.CharField(max_length=255), default=list)  # what `selector` was resolved to
    started_at = models.DateTimeField()  # when the harm began
    closed_at = models.DateTimeField(null=True)
    review = models.TextField(blank=True)
    reviewed_by = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="+")
    reviewed_at = models.DateTimeField(null=True)
    version = models.PositiveIntegerField(default=1)
    updated_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(severity__in=words.SEVERITIES), name="incident_severity_is_known"
            ),
            models.CheckConstraint(
                condition=Q(state__in=sorted(INCIDENT.states)), name="incident_state_is_known"
            ),
            models.CheckConstraint(condition=~Q(title=""), name="incident_has_a_title"),
            models.CheckConstraint(
                condition=Q(state="open", closed_at=None) | (~Q(state="open") & Q(closed_at__isnull=False)),
                name="incident_closed_has_a_time",
            ),
            models.UniqueConstraint(
                fields=["client_id", "external_id"],
                condition=~Q(external_id=""),
                name="incident_external_id_once",
            ),
        ]
        indexes = [
            models.Index(fields=["state", "-created_at"], name="incident_state"),
            models.Index(fields=["-started_at", "-id"], name="incident_started"),
            GinIndex(fields=["hosts"], name="incident_hosts"),
        ]


class TimelineEntry(Record):
    """`at` is when it happened, `created_at` when it was written down: what was added later shows as such."""

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="timeline")
    at = models.DateTimeField()
    kind = models.CharField(max_length=16, choices=[(kind, kind) for kind in words.ENTRY_KINDS])
    text = models.TextField()
    link = models.CharField(max_length=64, blank=True)  # a reference: CHG-1042, DRF-88, SCN-7
    author = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="+")
    via = models.CharField(max_length=200)
    event_id = models.UUIDField(null=True)  # the outbox event that it tells of, once

    class Meta:
        verbose_name_plural = "timeline entries"
        constraints = [
            models.CheckConstraint(condition=~Q(text=""), name="timeline_entry_says_something"),
            models.CheckConstraint(condition=Q(kind__in=words.ENTRY_KINDS), name="timeline_kind_is_known"),
            models.UniqueConstraint(
                fields=["incident", "event_id"],
                condition=Q(event_id__isnull=False),
                name="timeline_event_once",
            ),
        ]
        indexes = [models.Index(fields=["incident", "at"], name="timeline_of_incident")]
