"""Which processes of the service are alive."""

from django.db import models


class Heartbeat(models.Model):
    """A process that works says so every few seconds; a row that is not renewed is a process that is gone."""

    process = models.CharField(max_length=8)  # worker, relay, beat
    name = models.CharField(max_length=200)  # `host:pid`
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    resident_bytes = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["process", "name"], name="heartbeat_once")]
