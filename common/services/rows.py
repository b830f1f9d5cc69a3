"""New rows of several models in one statement.

`bulk_create` is a statement for each model, and works that statement out anew each time. What is written together with
every change (its ledger entry, its event, who has to hear of it) is what whoever files one waits for, so it is one
statement here, whose text is kept.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

from django.contrib.postgres.fields import ArrayField
from django.db import DEFAULT_DB_ALIAS, connection, connections, models
from django.db.models.fields import NOT_PROVIDED
from psycopg2 import sql


class _Plan(NamedTuple):
    fields: Sequence["models.Field[Any, Any]"]
    head: str  # INSERT INTO … (…) VALUES
    row: str  # (%s, …)


def insert_rows(*groups: Sequence[models.Model], ending: str = "SELECT") -> None:
    """Insert new records, those of a group all of one model, in one statement that ends with `ending`.

    Inside a transaction of the caller's. Nothing is read back, and no signals are sent.
    """
    values: list[Any] = []
    parts = [f"w{n} AS ({insertion(rows, values)})" for n, rows in enumerate(groups) if rows]
    if parts:
        with connection.cursor() as cursor:
            cursor.execute(f"WITH {', '.join(parts)} {ending}", values)


def insert_referenced(rows: Sequence[models.Model]) -> None:
    """Insert new records of one model, whose reference's `number` the database gives and this reads back."""
    if not rows:
        return
    values: list[Any] = []
    with connection.cursor() as cursor:
        cursor.execute(f"{insertion(rows, values)} RETURNING number", values)
        for row, (number,) in zip(rows, cursor.fetchall(), strict=True):
            row.number = number  # type: ignore[attr-defined]


def insertion(rows: Sequence[models.Model], values: list[Any]) -> str:
    """The statement that inserts these records of one model; what it inserts is added to `values`."""
    plan, db = _plan(type(rows[0])), connections[DEFAULT_DB_ALIAS]
    for row in rows:
        values += [field.get_db_prep_save(getattr(row, field.attname), db) for field in plan.fields]
        row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS
    return plan.head + ", ".join([plan.row] * len(rows))


@cache
def _plan(model: type[models.Model]) -> _Plan:
    """Columns that the database fills (references, generated ones) are left to it."""
    fields = [
        field
        for field in model._meta.local_concrete_fields
        if not field.generated and field.db_default is NOT_PROVIDED
    ]
    head = sql.SQL("INSERT INTO {} ({}) VALUES ").format(
        sql.Identifier(model._meta.db_table),
        sql.SQL(", ").join(sql.Identifier(str(field.column)) for field in fields),
    )
    places = ", ".join(
        f"%s::{field.db_type(connection)}" if isinstance(field, ArrayField) else "%s" for field in fields
    )
    with connection.cursor() as cursor:
        return _Plan(fields, head.as_string(cursor.connection), f"({places})")
