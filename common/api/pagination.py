"""Lists by cursor: stable while rows are added, no count unless asked.

A cursor is the sort value and the id of the row at the edge of a page, signed: the next page is what comes
after that row, however many rows share its value and whatever was added meanwhile.
"""

from datetime import datetime
from typing import Any

from django.core import signing
from django.db.models import Q, QuerySet
from rest_framework.pagination import BasePagination
from rest_framework.response import Response
from rest_framework.utils.urls import remove_query_param, replace_query_param

from common.core.errors import FieldError, Invalid
from common.queries.near_first import near_first

MAX_LIMIT = 1000
DEFAULT_LIMIT = 100
_SALT = "foldback.cursor"


class Cursor(BasePagination):
    def paginate_queryset(
        self, queryset: QuerySet[Any], request: Any, view: Any = None, among: QuerySet[Any] | None = None
    ) -> list[Any]:
        """The rows of the page that the request's `cursor`, `limit` and `sort` mean; sort columns are never null.

        `among` when no index has these rows in this order: see `common.queries.near_first`.
        """
        self.url = request.build_absolute_uri()
        self.total = queryset.count() if _flag(request, "count") else None
        limit = limit_of(request)
        self.sort, self.column, descending = _ordering(request, view)
        self.scope = f"{queryset.model._meta.label_lower} {self.sort}"
        backwards, edge = self._read_cursor(request.query_params.get("cursor"))
        down = descending != backwards
        if edge is not None:
            beyond = _beyond(self.column, edge, down)
            queryset = queryset.filter(beyond)
            among = among.filter(beyond) if among is not None else None
        if among is not None:
            rows = near_first(queryset, among=among, column=self.column, down=down, most=limit + 1)
        else:
            sign = "-" if down else ""
            rows = list(queryset.order_by(f"{sign}{self.column}", f"{sign}pk")[: limit + 1])
        more, rows = len(rows) > limit, rows[:limit]
        if backwards:
            rows.reverse()
        self.rows = rows
        self.has_next, self.has_previous = (True, more) if backwards else (more, edge is not None)
        return rows

    def get_paginated_response(self, data: Any) -> Response:
        links = {"next": self._link(False), "prev": self._link(True)}
        body: dict[str, Any] = {"results": data, "next": links["next"], "previous": links["prev"]}
        if self.total is not None:
            body["count"] = self.total
        header = ", ".join(f'<{url}>; rel="{rel}"' for rel, url in links.items() if url)
        return Response(body, headers={"Link": header} if header else {})

    def _link(self, backwards: bool) -> str | None:
        if not (self.has_previous if backwards else self.has_next):
            return None
        if not self.rows:  # past the end, with nothing to stand on: begin again
            return remove_query_param(self.url, "cursor") if backwards else None
        row = self.rows[0 if backwards else -1]
        value = row
        for name in self.column.split("__"):
            value = getattr(value, name)
        plain = {"t": value.isoformat()} if isinstance(value, datetime) else value
        text = signing.dumps([self.scope, backwards, plain, str(row.pk)], salt=_SALT)
        return replace_query_param(self.url, "cursor", text)

    def _read_cursor(self, text: str | None) -> tuple[bool, tuple[Any, str] | None]:
        if text is None:
            return False, None
        try:
            scope, backwards, plain, pk = signing.loads(text, salt=_SALT)
        except (signing.BadSignature, ValueError):
            scope = None
        if scope != self.scope:
            problem = "this cursor is not one of ours, or it belongs to another list. Start without it"
            raise Invalid(f"?cursor: {problem}.", errors=[FieldError("?cursor", problem)])
        value = datetime.fromisoformat(plain["t"]) if isinstance(plain, dict) else plain
        return backwards, (value, pk)

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        url = {"type": ["string", "null"], "format": "uri"}
        return {
            "type": "object",
            "required": ["results", "next", "previous"],
            "properties": {
                "results": schema,
                "next": url,
                "previous": url,
                "count": {"type": "integer", "description": "only with `?count=true`"},
            },
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        fields = [sign + name for name in _sort_fields(view) for sign in ("", "-")]
        schemas = {
            "cursor": ({"type": "string"}, "From the `next` or `previous` of an answer."),
            "limit": (
                {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
                "Rows a page.",
            ),
            "sort": (
                {"type": "string", "enum": fields, "default": _default_sort(view)},
                "`-` for descending.",
            ),
            "count": (
                {"type": "boolean", "default": False},
                "Whether to count all rows, which may take long.",
            ),
        }
        return [
            {"name": name, "in": "query", "required": False, "description": text, "schema": schema}
            for name, (schema, text) in schemas.items()
        ]


def _beyond(column: str, edge: tuple[Any, str], down: bool) -> Q:
    """Rows after the edge. The first condition says nothing new; it lets an index on the column be used."""
    value, pk = edge
    side = "lt" if down else "gt"
    tie = Q(**{f"{column}__{side}": value}) | Q(**{column: value, f"pk__{side}": pk})
    return Q(**{f"{column}__{side}e": value}) & tie


def _sort_fields(view: Any) -> tuple[str, ...]:
    return getattr(view, "sort_fields", ("created_at",))


def _default_sort(view: Any) -> str:
    return getattr(view, "default_sort", "-created_at")


def _ordering(request: Any, view: Any) -> tuple[str, str, bool]:
    """(sort as asked, column, descending)"""
    sort = request.query_params.get("sort") or _default_sort(view)
    name = sort.removeprefix("-")
    if name not in _sort_fields(view):
        problem = f"sort takes {', '.join(_sort_fields(view))} (with - for descending), not {sort!r}"
        raise Invalid(f"?sort: {problem}.", errors=[FieldError("?sort", problem)])
    return sort, getattr(view, "sort_columns", {}).get(name, name), sort.startswith("-")


def limit_of(request: Any) -> int:
    text = request.query_params.get("limit")
    if text is None:
        return DEFAULT_LIMIT
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= MAX_LIMIT):
        problem = f"limit is a number from 1 to {MAX_LIMIT}, not {text[:40]!r}"
        raise Invalid(f"?limit: {problem}.", errors=[FieldError("?limit", problem)])
    return int(text)


def _flag(request: Any, name: str) -> bool:
    text = request.query_params.get(name, "false")
    if text not in ("true", "false"):
        problem = f"{name} is true or false, not {text[:40]!r}"
        raise Invalid(f"?{name}: {problem}.", errors=[FieldError(f"?{name}", problem)])
    return text == "true"
