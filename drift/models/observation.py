"""What hosts were seen to be, content-addressed so that hosts that are alike share storage."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import HashIndex
from django.db import models
from django.db.models.functions import MD5

from common.models.base import Record
from drift.core.verdict import Verdict
from drift.models.digest import DigestField
from inventory.models import Host


class Kept(models.Model):
    """What is named by its content. `unreferenced_at`: since when nothing is known to refer to it; a while later it is
    deleted, unless somebody takes it up again (drift.services.retention)."""

    unreferenced_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True


class Blob(Kept):
    """The text of a file that differed. `digest` is of what the host has; `text` is redacted on arrival."""

    digest = models.CharField(max_length=64, primary_key=True)
    text = models.TextField()
    redactions = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField()


class Chunk(Kept):
    """A part of a manifest: resource id → state, as JSON. Shared by every manifest that holds it."""

    digest = DigestField(primary_key=True)
    states = models.JSONField()


class ChunkGroup(Kept):
    """The chunks that hosts which are alike have in common: listed once, and not in each host's manifest."""

    digest = DigestField(primary_key=True)
    chunks = ArrayField(DigestField())


class Manifest(Kept):
    """The resource states of one host at one time: a group of chunks that others have too, and the chunks of what
    depends on the host itself. (Manifests from before there were groups have all their chunks here.)"""

    digest = DigestField(primary_key=True)
    group = models.ForeignKey(ChunkGroup, on_delete=models.PROTECT, null=True, related_name="+")
    chunks = ArrayField(DigestField())


class HostState(models.Model):
    """What is known of a host now: base (agreed), observed (measured), and how the last look went."""

    host = models.OneToOneField(Host, on_delete=models.CASCADE, primary_key=True, related_name="drift_state")
    base = models.ForeignKey(Manifest, on_delete=models.PROTECT, null=True, related_name="+")
    observed = models.ForeignKey(Manifest, on_delete=models.PROTECT, null=True, related_name="+")
    revision = models.CharField(max_length=40, blank=True)  # the definition it was last compared with
    observed_at = models.DateTimeField(null=True)  # last time it was really looked at
    tried_at = models.DateTimeField(null=True)
    status = models.CharField(max_length=16)  # of the last try: ok, partial, unknown
    reason = models.CharField(max_length=200, blank=True)
    counts = models.JSONField(default=dict)  # verdict → resources, of the last real look
    reimaged_at = models.DateTimeField(null=True)  # the host's re-image from which all this counts


class HostHistory(Record):
    """Append-only: from when on a host was seen as this manifest. `before_at` is the look that was the last to show
    the manifest before; None at the first, and where that was not written down yet."""

    host = models.ForeignKey(Host, on_delete=models.CASCADE, related_name="history")
    manifest = models.ForeignKey(Manifest, on_delete=models.PROTECT, related_name="+")
    seen_at = models.DateTimeField()
    before_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "host histories"
        indexes = [models.Index(fields=["host", "-seen_at"], name="history_host")]


class ResourceVerdict(models.Model):
    """The verdict of each resource that is not in sync, as of the host's last real look."""

    host = models.ForeignKey(Host, on_delete=models.CASCADE, related_name="verdicts")
    resource = models.CharField(max_length=4200)
    verdict = models.CharField(max_length=16, choices=[(v.value, v.value) for v in Verdict])
    reason = models.CharField(max_length=300, blank=True)
    hidden = models.CharField(max_length=300, blank=True)  # the ignore rule's reason
    since = models.DateTimeField()

    class Meta:
        # By digest: a path may be longer than an ordered index can hold.
        constraints = [models.UniqueConstraint("host", MD5("resource"), name="verdict_once")]
        indexes = [
            models.Index(fields=["verdict"], name="verdict_kind"),
            HashIndex(fields=["resource"], name="verdict_resource"),
        ]
