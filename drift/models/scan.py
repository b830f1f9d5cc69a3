"""A look at a set of hosts, and what came of it for each."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models

from common.models import Job
from common.models.base import Record, Referenced, reference_number
from inventory.models import Host


class Scan(Referenced):
    PREFIX: ClassVar[str] = "SCN"

    number = reference_number("drift_scan_number")
    selector = models.TextField()
    purpose = models.CharField(max_length=16, default="requested")  # or "proof": after a fold-back
    mode = models.CharField(max_length=8, default="deep")
    hosts = ArrayField(models.UUIDField())  # what the selector resolved to, frozen
    requested_by = models.CharField(max_length=200)
    job = models.OneToOneField(Job, on_delete=models.PROTECT, null=True, related_name="scan")
    finished_at = models.DateTimeField(null=True)
    counts = models.JSONField(default=dict)  # filled when it ends: hosts by status, resources by verdict


OVERTAKEN = "overtaken"
STATUSES = ("ok", "partial", OVERTAKEN, "unknown")
SEEN = ("ok", "partial", OVERTAKEN)


class HostScan(Record):
    """`status` is ok, partial (some resources unknown), overtaken (another scan's later look was recorded first, so
    that this one says nothing more) or unknown (nothing could be looked at)."""

    scan = models.ForeignKey(Scan, on_delete=models.CASCADE, related_name="host_scans")
    host = models.ForeignKey(Host, on_delete=models.CASCADE, related_name="scans")
    status = models.CharField(max_length=16)
    reason = models.CharField(max_length=200, blank=True)
    detail = models.TextField(blank=True)
    seconds = models.FloatField(default=0)
    revision = models.CharField(max_length=40, blank=True)
    manifest = models.ForeignKey("drift.Manifest", on_delete=models.PROTECT, null=True, related_name="+")
    counts = models.JSONField(default=dict)
    # What this look saw out of band, for reports that stay as they are: [{finding, verdict, first_seen}]
    seen = models.JSONField(default=list)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["scan", "host"], name="host_once_per_scan")]
