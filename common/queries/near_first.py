"""The first rows of a list that is narrowed by what has no index in the list's order.

The planner takes what it looks for to lie evenly among all rows: what many have it looks for along the order, and when
only the oldest have it, it walks past all the others first. So that walk ends after NEAR rows. What it did not find is
found through the index of what was asked for, and sorted.
"""

from datetime import UTC, datetime, timedelta
from typing import TypeVar

from django.db.models import DateTimeField, ExpressionWrapper, F, Model, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

M = TypeVar("M", bound=Model)
NEAR = 25_000  # as long to walk past as to find a few thousand by an index, each on a page of its own
_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


def near_first(wanted: QuerySet[M], *, among: QuerySet[M], column: str, down: bool, most: int) -> list[M]:
    """The first `most` of `wanted` by a column of times and by id; in two queries, in one when they are near.

    `among` is what the walk goes along: rows of the same kind, with only those conditions that the order's index knows.
    """
    sign = "-" if down else ""
    order = (f"{sign}{column}", f"{sign}pk")
    end = Coalesce(
        Subquery(among.order_by(*order).values(column)[NEAR : NEAR + 1]), Value(_FIRST if down else _LAST)
    )
    found = list(wanted.filter(**{f"{column}__{'gte' if down else 'lte'}": end}).order_by(*order)[:most])
    if len(found) == most:
        return found
    # The same time, as far as the order goes; only that no index has it, so there is nothing to walk along. Which rows
    # they are is sorted out first: there may be many, and what a page shows of each is long.
    same = ExpressionWrapper(F(column) + timedelta(0), DateTimeField())
    ids = wanted.order_by(same.desc() if down else same.asc(), f"{sign}pk").values("pk")[:most]
    return list(among.filter(pk__in=ids).order_by(*order))
