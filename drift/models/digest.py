"""SHA-256 as 32 bytes in the database and as 64 hex digits everywhere else."""

from typing import Any

from django.db import models


class DigestField(models.Field):
    """Half the size of its text, in every row and index that refers to it."""

    description = "SHA-256"

    def db_type(self, connection: Any) -> str:
        return "bytea"

    def get_prep_value(self, value: Any) -> bytes | None:
        value = super().get_prep_value(value)
        return bytes.fromhex(value) if isinstance(value, str) else value

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> str | None:
        return None if value is None else bytes(value).hex()

    def to_python(self, value: Any) -> str | None:
        return bytes(value).hex() if isinstance(value, bytes | memoryview) else value
