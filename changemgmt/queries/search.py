"""Changes by what they say: every word of title, description, reason, plan, outcome, hosts, resources and links.

The words are a generated column of the table (see the migration `search`), which no model loads: nobody reads it.
"""

from typing import Any

from django.db.models import BooleanField, F, Func, QuerySet, Value

from changemgmt.core.searching import as_query
from changemgmt.models import Change


class _Says(Func):
    """No field is the column, so it is named beside the row's id: the table goes by another name in a subquery."""

    output_field = BooleanField()

    def __init__(self, query: str, **extra: Any) -> None:
        super().__init__(F("pk"), Value(query), **extra)

    def as_sql(self, compiler: Any, connection: Any, *args: Any, **extra: Any) -> tuple[str, Any]:
        pk, query = self.get_source_expressions()
        sql, parameters = compiler.compile(query)
        return f'{compiler.quote_name_unless_alias(pk.alias)}."search" @@ lower({sql})::tsquery', parameters


def changes_saying(changes: QuerySet[Change], text: str, *, pointer: str = "?q") -> QuerySet[Change]:
    """Those of `changes` with every word of `text`, or with a word that begins so; raises Invalid for none."""
    return changes.filter(_Says(as_query(text, pointer=pointer)))
