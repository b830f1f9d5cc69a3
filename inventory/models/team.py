"""Teams: who is in them, and who answers for their hosts when nobody else does."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from common.models import Person
from common.models.base import Record
from inventory.core.names import WORD_LENGTH, WORD_PATTERN


class Team(Record):
    name = models.CharField(max_length=WORD_LENGTH)
    description = models.CharField(max_length=300, blank=True)
    lead = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="teams_led")
    members = models.ManyToManyField(Person, related_name="teams")  # beside the lead
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("name"), name="team_name_once"),
            models.CheckConstraint(condition=Q(name__regex=f"^{WORD_PATTERN}$"), name="team_name_is_a_word"),
        ]

    def __str__(self) -> str:
        return self.name
