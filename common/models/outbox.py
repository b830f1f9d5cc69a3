"""Events, written in the transaction of what happened, and who still has to hear of them."""

from django.db import models
from django.db.models import Q

from common.models.base import Record


class OutboxEvent(Record):
    type = models.CharField(max_length=64)
    subject_id = models.UUIDField()
    data = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=["created_at"], name="outbox_time")]


class EventDelivery(Record):
    """One consumer that has to hear of one event. `done_at` is set in the transaction of its effect."""

    event = models.ForeignKey(OutboxEvent, on_delete=models.CASCADE, related_name="deliveries")
    consumer = models.CharField(max_length=200)
    announced_at = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    not_before = models.DateTimeField(null=True)  # after a failure: when it may be tried again
    error = models.TextField(blank=True)
    done_at = models.DateTimeField(null=True)
    set_aside_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "event deliveries"
        constraints = [models.UniqueConstraint(fields=["event", "consumer"], name="delivery_once")]
        indexes = [
            models.Index(
                fields=["created_at"], name="delivery_open", condition=Q(done_at=None) & Q(set_aside_at=None)
            ),
            models.Index(
                fields=["set_aside_at"], name="delivery_set_aside", condition=Q(set_aside_at__isnull=False)
            ),
        ]
