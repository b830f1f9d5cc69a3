"""What every record has: a time-ordered id, and, where people talk about it, a reference."""

from typing import Any, ClassVar
from uuid import UUID

from django.db import models
from uuid_utils.compat import uuid7

from common import clock


def new_id() -> UUID:
    return uuid7()


class Record(models.Model):
    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        abstract = True


class NextValue(models.Func):
    """The database's next value of a named sequence, so that references are unique across processes."""

    function = "nextval"

    def __init__(self, sequence: str) -> None:
        self.sequence = sequence
        super().__init__(models.Value(sequence), output_field=models.BigIntegerField())

    def as_sql(self, compiler: Any, connection: Any, *args: Any, **extra: Any) -> tuple[str, tuple[()]]:
        # Inlined: a column default can't take parameters.
        return f"nextval('{self.sequence}')", ()

    def deconstruct(self) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
        return ("common.models.base.NextValue", (self.sequence,), {})


def reference_number(sequence: str) -> Any:
    """A number field filled by the database; its migration creates the sequence first."""
    return models.BigIntegerField(unique=True, editable=False, db_default=NextValue(sequence))


class Referenced(Record):
    """A record that people talk about: `CHG-1042`. Subclasses set PREFIX and a `number` field."""

    PREFIX: ClassVar[str]
    number: Any

    class Meta:
        abstract = True

    @property
    def reference(self) -> str:
        return f"{self.PREFIX}-{self.number}"

    def __str__(self) -> str:
        return self.reference
