"""How much of the fleet was looked at, over time."""

from django.db import models


class CoverageSample(models.Model):
    """Active hosts by what was known of them at `slot`, a round moment: taken once, whoever asks for it."""

    slot = models.DateTimeField(primary_key=True)
    hosts = models.PositiveIntegerField()
    fresh = models.PositiveIntegerField()
    partial = models.PositiveIntegerField()
    stale = models.PositiveIntegerField()
    not_reached = models.PositiveIntegerField()
    never = models.PositiveIntegerField()
