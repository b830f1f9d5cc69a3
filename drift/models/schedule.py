"""Scan policies: which hosts are looked at again and again, how often; and what came of each due time."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from common import clock
from common.models import Person
from common.models.base import Record
from drift.models.scan import Scan
from inventory.core.names import WORD_LENGTH, WORD_PATTERN


class ScanPolicy(Record):
    """The hosts that `selector` names, asked anew at each due time, are looked at every `quick_every` and
    `deep_every` seconds (null: never). `since`: due times before it are not owed."""

    name = models.CharField(max_length=WORD_LENGTH)
    selector = models.TextField()
    quick_every = models.PositiveIntegerField(null=True)
    deep_every = models.PositiveIntegerField(null=True)
    enabled = models.BooleanField(default=True)
    note = models.TextField(blank=True)
    since = models.DateTimeField(default=clock.now)
    created_by = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="+")
    version = models.PositiveIntegerField(default=1)

    class Meta:
        verbose_name = "scan policy"
        verbose_name_plural = "scan policies"
        constraints = [
            models.UniqueConstraint(Lower("name"), name="scan_policy_name_once"),
            models.CheckConstraint(
                condition=Q(name__regex=f"^{WORD_PATTERN}$"), name="scan_policy_name_is_a_word"
            ),
            models.CheckConstraint(
                condition=Q(quick_every__isnull=False) | Q(deep_every__isnull=False),
                name="scan_policy_looks_sometimes",
            ),
            models.CheckConstraint(
                condition=~Q(quick_every=0) & ~Q(deep_every=0), name="scan_policy_periods_are_not_zero"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ScanSlot(Record):
    """One due time of a policy and mode, and what came of it. The row is made in the transaction of the scan that it
    starts, so that no slot starts two. `missed`: due times before it that nobody was there for."""

    policy = models.ForeignKey(ScanPolicy, on_delete=models.CASCADE, related_name="slots")
    mode = models.CharField(max_length=8)
    starts_at = models.DateTimeField()
    outcome = models.CharField(max_length=16)  # started, skipped, replaced or failed: see drift.core.schedule
    reason = models.CharField(max_length=500, blank=True)
    missed = models.PositiveIntegerField(default=0)
    scan = models.ForeignKey(Scan, on_delete=models.SET_NULL, null=True, related_name="slots")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["policy", "mode", "starts_at"], name="scan_slot_once"),
            models.CheckConstraint(
                condition=Q(outcome__in=["started", "skipped", "replaced", "failed"]),
                name="scan_slot_outcome_is_one",
            ),
        ]
