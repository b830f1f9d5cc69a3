"""Numbers that only ever grow, for whoever watches: they outlast the rows that they were counted from."""

from django.db import models


class Tally(models.Model):
    name = models.CharField(max_length=64)
    label = models.CharField(max_length=64, blank=True)
    value = models.FloatField(default=0)

    class Meta:
        verbose_name_plural = "tallies"
        constraints = [models.UniqueConstraint(fields=["name", "label"], name="tally_once")]
