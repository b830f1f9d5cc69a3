"""A look at a set of hosts, and what came of it for each."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from common.models import Job
from common.models.base import Record, Referenced, reference_number
from inventory.models import Host


class Scan(Referenced):
    PREFIX: ClassVar[str] = "SCN"

    number = reference_number("drift_scan_number")
    selector = models.TextField()
    # or "proof": after a fold-back; or "scheduled": a due time of its policy
    purpose = models.CharField(max_length=16, default="requested")
    policy = models.ForeignKey(
        "drift.ScanPolicy", on_delete=models.SET_NULL, null=True, related_name="scans", db_index=False
    )
    mode = models.CharField(max_length=8, default="deep")
    hosts = ArrayField(models.UUIDField())  # what the selector resolved to, frozen
    requested_by = models.CharField(max_length=200)
    job = models.OneToOneField(Job, on_delete=models.PROTECT, null=True, related_name="scan")
    finished_at = models.DateTimeField(null=True)
    counts = models.JSONField(default=dict)  # filled when it ends: hosts by status, resources by verdict

    class Meta:
        indexes = [
            models.Index(fields=["policy", "-number"], name="scan_of_policy"),
            models.Index(fields=["policy", "mode"], name="scan_unfinished", condition=Q(finished_at=None)),
        ]


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
    unmoved = models.BooleanField(default=False)  # nothing had moved since its last look, which still holds

    class Meta:
        constraints = [models.UniqueConstraint(fields=["scan", "host"], name="host_once_per_scan")]


class ScanSeen(Record):
    """Hosts of a scan on which nothing had moved: one row for many, in place of a `HostScan` each.

    Those of a row are alike: what is still known of each has this status, reason and these counts. A host of a scan is in
    a `HostScan` or in one of these.
    """

    scan = models.ForeignKey(Scan, on_delete=models.CASCADE, related_name="seen")
    batch = models.UUIDField()  # of the scan's job: who takes it over finds what was done
    hosts = ArrayField(models.UUIDField())
    status = models.CharField(max_length=16)
    reason = models.CharField(max_length=200, blank=True)
    revision = models.CharField(max_length=40, blank=True)
    counts = models.JSONField(default=dict)  # of each of them, not their sum
    seconds = models.FloatField(default=0)  # that a look took, on average


class ScanHost(models.Model):
    """Every host of a scan, in whichever of the two it is. A view of the database: read only."""

    id = models.UUIDField(primary_key=True)
    created_at = models.DateTimeField()
    scan = models.ForeignKey(Scan, on_delete=models.DO_NOTHING, related_name="+")
    host = models.ForeignKey(Host, on_delete=models.DO_NOTHING, related_name="+")
    status = models.CharField(max_length=16)
    reason = models.CharField(max_length=200)
    detail = models.TextField()
    seconds = models.FloatField()
    revision = models.CharField(max_length=40)
    counts = models.JSONField()
    seen = models.JSONField()
    unmoved = models.BooleanField()

    class Meta:
        managed = False
        verbose_name = "host of a scan"
        verbose_name_plural = "hosts of a scan"
