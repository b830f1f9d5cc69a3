"""Lists by cursor: stable while rows are added, no count unless asked."""

from typing import Any

from rest_framework.pagination import CursorPagination
from rest_framework.response import Response

from common.core.errors import Invalid

MAX_LIMIT = 1000


class Cursor(CursorPagination):
    page_size = 100
    page_size_query_param = "limit"
    max_page_size = MAX_LIMIT
    cursor_query_param = "cursor"
    ordering = "-id"
    invalid_cursor_message = (
        "This cursor is not one of ours, or it belongs to another list. Start without it."
    )

    def get_page_size(self, request: Any) -> int:
        text = request.query_params.get("limit")
        if text is None:
            return self.page_size or 100
        if not text.isdigit() or not 1 <= int(text) <= MAX_LIMIT:
            raise Invalid(f"limit is a number from 1 to {MAX_LIMIT}, not {text!r}.")
        return int(text)

    def get_ordering(self, request: Any, queryset: Any, view: Any) -> tuple[str, ...]:
        allowed = getattr(view, "sort_fields", ("created_at",))
        sort = request.query_params.get("sort") or getattr(view, "default_sort", "-created_at")
        sign, name = ("-", sort[1:]) if sort.startswith("-") else ("", sort)
        if name not in allowed:
            raise Invalid(f"sort takes {', '.join(allowed)} (with - for descending), not {sort!r}.")
        column = getattr(view, "sort_columns", {}).get(name, name)
        return (f"{sign}{column}", f"{sign}id")

    def paginate_queryset(self, queryset: Any, request: Any, view: Any = None) -> Any:
        self.total = queryset.count() if request.query_params.get("count") == "true" else None
        return super().paginate_queryset(queryset, request, view)

    def get_paginated_response(self, data: Any) -> Response:
        links = {"next": self.get_next_link(), "prev": self.get_previous_link()}
        body: dict[str, Any] = {"results": data, "next": links["next"], "previous": links["prev"]}
        if self.total is not None:
            body["count"] = self.total
        header = ", ".join(f'<{url}>; rel="{rel}"' for rel, url in links.items() if url)
        return Response(body, headers={"Link": header} if header else {})

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
