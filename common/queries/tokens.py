"""Which token a text belongs to."""

import json
from functools import cache

from django.db import connection, models
from psycopg2 import sql

from common.models import Person, Token


def read_token(prefix: str) -> Token | None:
    """The token with this prefix, and its sponsor. Each request of a program begins with it, so the statement is put
    together once, not each time."""
    with connection.cursor() as cursor:
        cursor.execute(_sql(), [prefix])
        row = cursor.fetchone()
    if row is None:
        return None
    own = _names(Token)
    token = Token.from_db(connection.alias, own, row[: len(own)])
    token.scopes = json.loads(token.scopes)
    token.sponsor = Person.from_db(connection.alias, _names(Person), row[len(own) :])
    return token


@cache
def _sql() -> str:
    columns = [
        sql.Identifier(table, str(field.column))
        for table, model in (("token", Token), ("sponsor", Person))
        for field in model._meta.concrete_fields
    ]
    text = sql.SQL(
        "SELECT {} FROM {} token JOIN {} sponsor ON sponsor.id = token.sponsor_id WHERE token.prefix = %s"
    ).format(
        sql.SQL(", ").join(columns),
        sql.Identifier(Token._meta.db_table),
        sql.Identifier(Person._meta.db_table),
    )
    return text.as_string(connection.connection)


@cache
def _names(model: type[models.Model]) -> list[str]:
    return [field.attname for field in model._meta.concrete_fields]
