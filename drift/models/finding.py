"""Each distinct drift is one finding; its occurrences are the hosts that have it."""

from typing import ClassVar

from django.contrib.postgres.indexes import HashIndex
from django.db import models
from django.db.models import Q

from changemgmt.models import Change
from common.models import Person
from common.models.base import Record, Referenced, reference_number
from drift.core.verdict import Verdict
from inventory.models import Host


class Finding(Referenced):
    """`fingerprint` is the identity (see drift.core.identity): the same drift that comes back reopens the row."""

    PREFIX: ClassVar[str] = "DRF"

    number = reference_number("drift_finding_number")
    fingerprint = models.CharField(max_length=64, unique=True)
    resource = models.CharField(max_length=4200)
    change = models.JSONField()  # drift.core.identity's summary
    state = models.CharField(max_length=16, default="open")
    claimed_by = models.ForeignKey(
        Person, on_delete=models.PROTECT, null=True, related_name="claimed_findings"
    )
    claimed_at = models.DateTimeField(null=True)
    supersedes = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="superseded_by")
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    reopened = models.PositiveIntegerField(default=0)
    waived_until = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    # When people were told that nobody has explained it (see drift/services/alerts.py); once each time it opens.
    alerted_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["state", "-last_seen_at"], name="finding_state"),
            models.Index(
                fields=["first_seen_at"], name="finding_unalerted", condition=Q(state="open", alerted_at=None)
            ),
            # By hash: a path may be longer than an ordered index can hold.
            HashIndex(fields=["resource"], name="finding_resource"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=~Q(state="waived") | Q(waived_until__isnull=False), name="a_waiver_has_a_date"
            )
        ]


class Occurrence(Record):
    """One host that has (or had) the drift. Open while `ended_at` is null; `ended_as` says how it ended."""

    finding = models.ForeignKey(Finding, on_delete=models.CASCADE, related_name="occurrences")
    host = models.ForeignKey(Host, on_delete=models.CASCADE, related_name="occurrences")
    verdict = models.CharField(max_length=16, choices=[(v.value, v.value) for v in Verdict])
    base = models.JSONField()
    head = models.JSONField()
    live = models.JSONField()
    attributes = models.JSONField(default=list)
    evidence = models.JSONField(default=dict)  # mtime, ctime, size … as the host told
    # Nobody declared it: base and head are what was there at the first look.
    watched = models.BooleanField(default=False)
    # What was taken out of its live state because it looked like a secret: compared, and never folded back.
    redactions = models.PositiveIntegerField(default=0)
    attribution = models.JSONField(default=dict)  # who it probably was: drift.services.attribution
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    before_at = models.DateTimeField(null=True)  # the last look before it was seen: it happened after this
    ended_at = models.DateTimeField(null=True)
    ended_as = models.CharField(max_length=16, blank=True)
    # Which time round of its finding (`Finding.reopened` then): how it ended in an earlier one decides nothing now.
    life = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["finding", "host"], name="occurrence_once")]
        indexes = [models.Index(fields=["host"], name="occurrence_open", condition=Q(ended_at=None))]


class Explanation(Record):
    """A change that probably is the drift, with the reasons why we think so."""

    finding = models.ForeignKey(Finding, on_delete=models.CASCADE, related_name="explanations")
    change = models.ForeignKey(Change, on_delete=models.PROTECT, related_name="explains")
    reasons = models.JSONField(default=list)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["finding", "change"], name="explained_once")]
