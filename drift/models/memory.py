"""What the last look at a host leaves behind for quick ones, so that they need to ask only whether anything moved."""

from django.db import models

from inventory.models import Host


class HostMemory(models.Model):
    """Written with the observation it belongs to (`HostState.observed`), and gone where nothing may be remembered.

    `sums`, `stats` and `rest` are those of `deployments.collector.question.Memory`. `judged` says what the verdicts were
    made from (`drift.core.basis`): empty where they have to be made anew. `status` and `reason` are those of the look:
    where nothing moved, that is what is still known.
    """

    host = models.OneToOneField(Host, on_delete=models.CASCADE, primary_key=True, related_name="memory")
    taken_at = models.DateTimeField()  # when that look began
    sums = models.JSONField()
    stats = models.BinaryField()
    rest = models.JSONField()
    judged = models.CharField(max_length=64, blank=True)
    status = models.CharField(max_length=16)
    reason = models.CharField(max_length=200, blank=True)

    class Meta:
        verbose_name_plural = "host memories"
