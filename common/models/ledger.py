"""What people and programs did. Insert-only: triggers refuse everything else (see the first migration)."""

from django.db import models

from common.models.base import Record


class LedgerEntry(Record):
    """Written in the transaction of what it records. No order and no hash yet: sealing gives both."""

    actor_kind = models.CharField(max_length=16)
    actor_label = models.CharField(max_length=200)
    person_id = models.UUIDField(null=True)  # who answers for it; text and ids, so history outlives rows
    token_id = models.UUIDField(null=True)
    action = models.CharField(max_length=64)
    subject_type = models.CharField(max_length=64)
    subject_id = models.UUIDField()
    subject_label = models.CharField(max_length=300)
    data = models.JSONField(default=dict)
    request_id = models.CharField(max_length=64, blank=True)

    class Meta:
        verbose_name_plural = "ledger entries"
        indexes = [
            models.Index(fields=["subject_id", "created_at"], name="ledger_subject"),
            models.Index(fields=["created_at"], name="ledger_time"),
        ]
