"""One person's verdict on one proposed change, bound to its exact content by a digest.

What four eyes compares is copied from the change, so that a check constraint can hold it; triggers (see the
guards migration) refuse a copy that differs from the change, any later edit but the voiding, and a change that
becomes approved without a live approval of its digest.
"""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from changemgmt.core import words
from changemgmt.models.change import Change
from common.models import Person
from common.models.base import Record


class Approval(Record):
    change = models.ForeignKey(Change, on_delete=models.PROTECT, related_name="approvals")
    approver = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="approvals")
    requested_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    owner = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    made_by = ArrayField(models.UUIDField(), default=list)
    digest = models.CharField(max_length=64)
    verdict = models.CharField(max_length=16, choices=[(verdict, verdict) for verdict in words.VERDICTS])
    reason = models.TextField(blank=True)
    four_eyes = models.BooleanField()  # False: FOUR_EYES was off, and this approval says so
    expires_at = models.DateTimeField()
    voided_at = models.DateTimeField(null=True)
    void_reason = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(verdict__in=words.VERDICTS), name="approval_verdict_is_known"),
            models.CheckConstraint(
                condition=Q(four_eyes=False)
                | (
                    ~Q(approver=F("requested_by"))
                    & ~Q(approver=F("owner"))
                    & ~Q(made_by__contains=[F("approver")])
                ),
                name="approval_is_somebody_elses",
            ),
            models.CheckConstraint(
                condition=Q(digest__regex="^[0-9a-f]{64}$"), name="approval_binds_a_digest"
            ),
            models.CheckConstraint(
                condition=~Q(verdict=words.REFUSED) | ~Q(reason=""), name="approval_refusal_has_a_reason"
            ),
            models.UniqueConstraint(
                fields=["change", "approver"], condition=Q(voided_at=None), name="approval_one_live_each"
            ),
        ]
