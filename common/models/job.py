"""Durable work: what people see (`Job`) and what one worker holds of it (`JobBatch`)."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from common.models.base import Record, Referenced, reference_number


class Job(Referenced):
    PREFIX: ClassVar[str] = "JOB"

    number = reference_number("common_job_number")
    kind = models.CharField(max_length=32)
    state = models.CharField(max_length=16)
    subject_id = models.UUIDField()
    subject_label = models.CharField(max_length=300)
    items_total = models.PositiveIntegerField(default=0)
    items_done = models.PositiveIntegerField(default=0)
    requested_by = models.CharField(max_length=200)
    # Two marks of how many items were done when, half a minute or more apart: how fast it goes now.
    marked_at = models.DateTimeField(null=True)
    marked_done = models.PositiveIntegerField(default=0)
    before_at = models.DateTimeField(null=True)
    before_done = models.PositiveIntegerField(default=0)
    cancel_requested_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    # Many a day, and nobody's act: that it began and was done is not in the ledger; that it went wrong is.
    quiet = models.BooleanField(default=False, db_default=False)

    class Meta:
        indexes = [models.Index(fields=["kind", "state"], name="job_kind_state")]


class JobBatch(Record):
    """A part of a job. Held under a lease; each claim raises `token`, which fences off an earlier holder."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="batches")
    position = models.PositiveIntegerField()
    items = models.JSONField(default=list)  # ids only; the worker re-reads and re-checks
    state = models.CharField(max_length=16)
    token = models.PositiveBigIntegerField(default=0)
    worker = models.CharField(max_length=200, blank=True)  # the process that took it last: `host:pid`
    lease_until = models.DateTimeField(null=True)
    announced_at = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    not_before = models.DateTimeField(null=True)  # after a failure: when it may be tried again
    error = models.TextField(blank=True)
    # Batches of one lane share `lane_places`; each holds some of them while its lease runs. No lane: no limit.
    lane = models.CharField(max_length=80, blank=True, default="", db_default="")
    lane_places = models.PositiveIntegerField(null=True)
    held = models.PositiveIntegerField(default=0, db_default=0)

    class Meta:
        verbose_name_plural = "job batches"
        constraints = [models.UniqueConstraint(fields=["job", "position"], name="batch_position")]
        indexes = [
            models.Index(
                fields=["created_at"], name="batch_open", condition=Q(state__in=["pending", "running"])
            ),
            models.Index(fields=["lane"], name="batch_lane_held", condition=Q(held__gt=0)),
        ]
