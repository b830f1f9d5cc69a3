"""The first answer to a POST, kept for its Idempotency-Key."""

from django.db import models

from common.models.base import Record


class IdempotencyKey(Record):
    client = models.CharField(max_length=80)  # who sent it: a token's or a person's id
    key = models.CharField(max_length=255)
    request_digest = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    body = models.JSONField(null=True)
    headers = models.JSONField(default=dict)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["client", "key"], name="idempotency_once")]
        indexes = [models.Index(fields=["created_at"], name="idempotency_time")]
