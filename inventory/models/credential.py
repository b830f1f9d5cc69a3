"""SSH credentials: sealed for the workers, never shown again."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from common import clock
from common.models import Person
from common.models.base import Record
from inventory.core.names import WORD_LENGTH, WORD_PATTERN

PRIVATE_KEY, PASSWORD = "private-key", "password"
KINDS = (PRIVATE_KEY, PASSWORD)


class Credential(Record):
    """`sealed` opens only with the private half of the seal key named by `seal_key`, and only for this row.

    `public_key` is the line to put into `authorized_keys` for a private key, empty for a password.
    """

    name = models.CharField(max_length=WORD_LENGTH)
    kind = models.CharField(max_length=16, choices=[(kind, kind) for kind in KINDS])
    user = models.CharField(max_length=WORD_LENGTH, blank=True)
    sealed = models.BinaryField()
    seal_key = models.CharField(max_length=60)
    public_key = models.TextField(blank=True)
    is_default = models.BooleanField(default=False)
    created_by = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="+")
    rotated_at = models.DateTimeField(default=clock.now)
    rotated_by = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="+")
    tested_at = models.DateTimeField(null=True)
    tested_host = models.CharField(max_length=253, blank=True)
    test_result = models.CharField(max_length=300, blank=True)  # "ok", or why it did not work
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("name"), name="credential_name_once"),
            models.UniqueConstraint(
                "is_default", condition=Q(is_default=True), name="credential_one_default"
            ),
            models.CheckConstraint(
                condition=Q(name__regex=f"^{WORD_PATTERN}$"), name="credential_name_is_a_word"
            ),
            models.CheckConstraint(condition=Q(kind__in=KINDS), name="credential_kind_is_known"),
        ]

    def __str__(self) -> str:
        return self.name
