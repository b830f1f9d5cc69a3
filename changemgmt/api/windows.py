"""`windows/`: freezes and maintenance periods, when they hold, and calling them off."""

from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, ClassVar

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.fields import DateTimeField
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import ValidationError

from changemgmt.api.window_serializers import (
    CancelWindow,
    CreateWindow,
    UpdateWindow,
    WindowDetailSerializer,
    WindowSerializer,
    WindowTimeSerializer,
    WindowView,
)
from changemgmt.core import words
from changemgmt.core.lifecycles import WINDOW
from changemgmt.core.windows import times_between
from changemgmt.models import Window
from changemgmt.queries.windows import AHEAD, changes_within, times_of, windows_between
from changemgmt.services.windows import cancel_window, create_window, update_window
from common import clock
from common.api.filters import TimeFilter, TimeFilterSet, WordFilter
from common.api.views import ApiView, ListView, etag_of, find_by_reference
from common.core.errors import FieldError, Invalid
from inventory.queries.hosts import hosts_matching, parse_selector

PERMISSION = "window.edit"
NEXT_TIMES = 5
LONGEST_LOOK = timedelta(days=400)
_CREATE = OpenApiExample(
    "No pushes over the weekend",
    value={
        "kind": "freeze", "title": "Weekend", "selector": "env=prod", "timezone": "Europe/Berlin",
        "starts_at": "2026-01-16T18:00:00+01:00", "ends_at": "2026-01-19T08:00:00+01:00",
        "rule": "FREQ=WEEKLY;BYDAY=FR",
    },
    request_only=True,
)  # fmt: skip


class WindowFilterSet(TimeFilterSet):
    kind = WordFilter(words.WINDOW_KINDS)
    state = WordFilter(WINDOW.meaning)
    title__contains = django_filters.CharFilter("title", lookup_expr="icontains", help_text="in any case")
    starts_at__gte = TimeFilter("starts_at", lookup_expr="gte")
    starts_at__lt = TimeFilter("starts_at", lookup_expr="lt")


def _windows() -> QuerySet[Window]:
    return Window.objects.select_related("created_by")


def _find(window: str) -> Window:
    return find_by_reference(_windows(), window)


def window_view(window: Window, now: datetime) -> WindowView:
    coming = times_between(times_of(window), now, now + AHEAD) if window.state == "active" else iter(())
    return WindowView(
        window,
        list(islice(coming, NEXT_TIMES)),
        hosts_matching(parse_selector(window.selector)).count(),
        changes_within(window, now=now),
    )


def _answer(window: Window, status: int = 200) -> Response:
    headers = {"ETag": etag_of(window)}
    if status == 201:
        headers["Location"] = f"/api/v1/windows/{window.pk}/"
    body = WindowDetailSerializer(window_view(window, clock.now())).data
    return Response(body, status=status, headers=headers)


class WindowList(ListView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read", "POST": PERMISSION}
    serializer_class = WindowSerializer
    filterset_class = WindowFilterSet
    sort_fields = ("starts_at", "created_at")
    default_sort = "-starts_at"

    def get_queryset(self) -> QuerySet[Window]:
        return _windows()

    @extend_schema(operation_id="windows_list", responses=WindowSerializer(many=True))
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Freezes and maintenance periods, by when each first begins; `windows/times/` has when they hold."""
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="windows_create",
        request=CreateWindow,
        responses={201: WindowDetailSerializer},
        examples=[_CREATE],
    )
    def post(self, request: Request) -> Response:
        """A freeze (no pushes) or a maintenance period, once or by a rule. `conflicts` are the changes that were planned
        for its hosts at its times."""
        window = create_window(actor=self.actor, **self.parse(CreateWindow))
        return _answer(_find(str(window.pk)), 201)


class WindowTimes(ApiView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read"}
    query_parameters = frozenset({"since", "until", "kind"})

    @extend_schema(
        operation_id="windows_times",
        parameters=[
            OpenApiParameter("since", datetime, description="now, unless it says else"),
            OpenApiParameter("until", datetime, description="a month after `since`; 400 days at most"),
            OpenApiParameter("kind", str, enum=words.WINDOW_KINDS),
        ],
        responses=WindowTimeSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """When windows hold: each time between two moments, by when it begins."""
        since = self._moment("since") or clock.now()
        until = self._moment("until") or since + timedelta(days=31)
        if not since < until <= since + LONGEST_LOOK:
            problem = f"after `since`, and {LONGEST_LOOK.days} days later at most"
            raise Invalid(f"until: {problem}.", errors=[FieldError("?until", problem)])
        kind = request.query_params.get("kind", "")
        if kind not in ("", *words.WINDOW_KINDS):
            problem = f"{kind!r} is not one of these: {', '.join(words.WINDOW_KINDS)}"
            raise Invalid(f"kind: {problem}.", errors=[FieldError("?kind", problem)])
        found = windows_between(since, until, kind=kind)
        return Response(WindowTimeSerializer(found, many=True).data)

    def _moment(self, name: str) -> datetime | None:
        text = self.request.query_params.get(name)
        if text is None:
            return None
        try:
            moment: datetime = DateTimeField().to_internal_value(text).astimezone(UTC)
            # So far from the ends of the calendar that a time zone and a year can be added.
            if not 1990 <= moment.year <= 2200:
                raise OverflowError
        except (ValidationError, OverflowError):
            problem = "a moment such as 2026-03-01T00:00:00Z, from 1990 to 2200"
            raise Invalid(f"{name}: {problem}.", errors=[FieldError(f"?{name}", problem)]) from None
        return moment


class WindowDetail(ApiView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read", "PATCH": PERMISSION}

    @extend_schema(operation_id="windows_read", responses=WindowDetailSerializer)
    def get(self, request: Request, window: str) -> Response:
        """One window, by id or reference: when it holds next, for how many hosts, and what is planned meanwhile."""
        return _answer(_find(window))

    @extend_schema(operation_id="windows_update", request=UpdateWindow, responses=WindowDetailSerializer)
    def patch(self, request: Request, window: str) -> Response:
        """Change what it says. `starts_at` and `ends_at` are its first time."""
        found = _find(window)
        self.check_if_match(etag_of(found))
        conditional = request.headers.get("If-Match", "*").strip() != "*"
        updated = update_window(
            actor=self.actor,
            window=found,
            fields=self.parse(UpdateWindow),
            expected_version=found.version if conditional else None,
        )
        return _answer(updated)


class WindowCancel(ApiView):
    permissions: ClassVar[dict[str, str]] = {"POST": PERMISSION}

    @extend_schema(operation_id="windows_cancel", request=CancelWindow, responses=WindowDetailSerializer)
    def post(self, request: Request, window: str) -> Response:
        """Call it off, all of its times from now on. To leave out one day, PATCH `excluded`."""
        return _answer(cancel_window(actor=self.actor, window=_find(window), **self.parse(CancelWindow)))
