"""Sites: what limits how many connections are open to the hosts of one place at once."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from common.models.base import Record
from inventory.core.names import WORD_LENGTH, WORD_PATTERN


class Site(Record):
    """Hosts name their site as text; a site needs a row only where it has a limit or a description.

    `connections` is how many may be open to its hosts at once, over all workers and machines; null: no limit.
    """

    name = models.CharField(max_length=WORD_LENGTH)
    description = models.CharField(max_length=300, blank=True)
    connections = models.PositiveIntegerField(null=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("name"), name="site_name_once"),
            models.CheckConstraint(condition=Q(name__regex=f"^{WORD_PATTERN}$"), name="site_name_is_a_word"),
            models.CheckConstraint(
                condition=Q(connections=None) | Q(connections__gte=1), name="site_lets_somebody_in"
            ),
        ]

    def __str__(self) -> str:
        return self.name
