"""What drift does for an incident: its scope is looked at, and what nobody logged becomes changes."""

from django.db import models
from django.db.models import Q

from changemgmt.models import Change, Incident
from common.models.base import Record
from drift.models.finding import Finding
from drift.models.scan import Scan

OPENING, CLOSING = "opening", "closing"


class IncidentScan(Record):
    """A look at an incident's scope: when it opened, and again when it closed (each time that it did)."""

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="scans")
    scan = models.OneToOneField(Scan, on_delete=models.CASCADE, null=True, related_name="of_incident")
    phase = models.CharField(max_length=16, choices=[(OPENING, OPENING), (CLOSING, CLOSING)])
    event_id = models.UUIDField(unique=True)  # the event that asked for it, once

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(phase__in=(OPENING, CLOSING)), name="incident_scan_phase_is_known"
            )
        ]


class DraftedChange(Record):
    """The one change that was drafted for a finding which nobody explained in an incident."""

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="drafts")
    finding = models.ForeignKey(Finding, on_delete=models.CASCADE, related_name="drafts")
    change = models.OneToOneField(Change, on_delete=models.PROTECT, related_name="draft")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["incident", "finding"], name="drafted_once")]
