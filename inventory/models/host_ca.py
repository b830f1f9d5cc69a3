"""Host CAs: keys whose signature on a host's key stands for a person's look at its fingerprint."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from common.models import Person
from common.models.base import Record
from inventory.core.names import WORD_LENGTH, WORD_PATTERN


class HostCa(Record):
    """Trusted for the hosts that the selector `hosts` means, asked anew at each connection, until `revoked_at`.

    `revoked_keys` are keys that it has signed and that are refused all the same, on every host.
    """

    name = models.CharField(max_length=WORD_LENGTH)
    algorithm = models.CharField(max_length=64)
    public_key = models.TextField()  # "algorithm base64", without a comment
    fingerprint = models.CharField(max_length=60, unique=True)
    hosts = models.TextField()
    revoked_keys = ArrayField(models.TextField(), default=list, blank=True)
    added_by = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="+")
    revoked_at = models.DateTimeField(null=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        verbose_name = "host CA"
        constraints = [
            models.UniqueConstraint(Lower("name"), name="host_ca_name_once"),
            models.CheckConstraint(
                condition=Q(name__regex=f"^{WORD_PATTERN}$"), name="host_ca_name_is_a_word"
            ),
        ]

    def __str__(self) -> str:
        return self.name
