"""Pages of a list by the value at their edge: stable while rows are added, and never counting what went before."""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest

M = TypeVar("M", bound=Model)


@dataclass
class Page(Generic[M]):
    """`rows` and how to go on; `total` only where it is known cheaply."""

    rows: list[M]
    noun: str
    previous_url: str = ""
    next_url: str = ""
    total: int | None = None
    previous_label: str = "Newer"
    next_label: str = "Older"

    @property
    def shown(self) -> int:
        return len(self.rows)

    @property
    def is_whole(self) -> bool:
        """Whether this page is the whole list."""
        return not self.previous_url and not self.next_url


def paged(
    request: HttpRequest,
    queryset: QuerySet[M],
    *,
    by: str = "-number",
    size: int = 50,
    noun: str,
    total: int | None = None,
) -> Page[M]:
    """One page of `queryset` in the order of `by` (a column, or a path that is select_related), which is never null.

    The edge is in the address as `page=after~VALUE~ID`; one that can't be read means the first page.
    """
    column, descending = by.removeprefix("-"), by.startswith("-")
    backwards, edge = _edge(request.GET.get("page", ""), queryset, column)
    down = descending != backwards
    rows = queryset if edge is None else queryset.filter(_beyond(column, edge, down))
    sign = "-" if down else ""
    found = list(rows.order_by(f"{sign}{column}", f"{sign}pk")[: size + 1])
    more, found = len(found) > size, found[:size]
    if backwards:
        found.reverse()
    has_next, has_previous = (True, more) if backwards else (more, edge is not None)
    labels = ("Newer", "Older") if descending else ("Back", "Next")
    return Page(
        found,
        noun,
        previous_url=_url(request, "before", found[0], column) if found and has_previous else "",
        next_url=_url(request, "after", found[-1], column) if found and has_next else "",
        total=total,
        previous_label=labels[0],
        next_label=labels[1],
    )


def _edge(text: str, queryset: QuerySet[Any], column: str) -> tuple[bool, tuple[Any, UUID] | None]:
    side, _, rest = text.partition("~")
    value, _, pk = rest.rpartition("~")
    if side not in ("after", "before") or "\0" in value:
        return False, None
    try:
        return side == "before", (_field(queryset.model, column).to_python(value), UUID(pk))
    except (ValidationError, ValueError, OverflowError):
        return False, None


def _field(model: Any, column: str) -> Any:
    """The field that a path such as `host__name` leads to."""
    *path, last = column.split("__")
    for name in path:
        model = model._meta.get_field(name).related_model
    return model._meta.get_field(last)


def _beyond(column: str, edge: tuple[Any, UUID], down: bool) -> Q:
    """Rows after the edge. The first condition says nothing new; it lets an index on the column be used."""
    value, pk = edge
    side = "lt" if down else "gt"
    tie = Q(**{f"{column}__{side}": value}) | Q(**{column: value, f"pk__{side}": pk})
    return Q(**{f"{column}__{side}e": value}) & tie


def _url(request: HttpRequest, side: str, row: Model, column: str) -> str:
    value: Any = row
    for name in column.split("__"):
        value = getattr(value, name)
    query = request.GET.copy()
    query["page"] = f"{side}~{value.isoformat() if hasattr(value, 'isoformat') else value}~{row.pk}"
    return f"{request.path}?{query.urlencode()}"
