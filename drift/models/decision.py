"""What a person decided about findings. A decision is a change: its approvals and its owner live there."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from changemgmt.models import Change
from common.models import Job
from common.models.base import Referenced, reference_number
from drift.models.finding import Finding

FOLD_BACK = "fold-back"
WAIVE = "waive"


class Decision(Referenced):
    PREFIX: ClassVar[str] = "DEC"

    number = reference_number("drift_decision_number")
    kind = models.CharField(max_length=16, choices=[(FOLD_BACK, FOLD_BACK), (WAIVE, WAIVE)])
    change = models.OneToOneField(Change, on_delete=models.PROTECT, related_name="decision")
    findings = models.ManyToManyField(Finding, related_name="decisions")
    reason = models.TextField()
    until = models.DateTimeField(null=True)  # waive: until when
    layer = models.CharField(max_length=300, blank=True)
    explanation = models.TextField(blank=True)
    base_revision = models.CharField(max_length=40, blank=True)
    edits = models.JSONField(default=dict)  # path → {"text": …} or {"base64": …} or null (deleted)
    patch = models.TextField(blank=True)
    effect = models.JSONField(default=dict)  # hosts changed, already right, in conflict: what approval binds
    commit = models.CharField(max_length=40, blank=True)
    job = models.OneToOneField(Job, on_delete=models.PROTECT, null=True, related_name="decision")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(kind=WAIVE) | Q(until__isnull=False), name="a_waive_decision_has_a_date"
            ),
            models.CheckConstraint(
                condition=~Q(kind=FOLD_BACK) | ~Q(base_revision=""), name="a_fold_back_has_a_revision"
            ),
        ]
