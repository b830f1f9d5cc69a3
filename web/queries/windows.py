"""Windows as pages show them: their list, one with its next times, and what one would mean while it is typed."""

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from zoneinfo import ZoneInfo

from django.http import HttpRequest

from changemgmt.core.conflicts import Conflict
from changemgmt.core.recurrence import parse_rule
from changemgmt.core.windows import Span, Times, check_times, times_between
from changemgmt.models import Window
from changemgmt.queries.windows import AHEAD, changes_within, conflicts_of, times_of
from common.core.errors import Invalid
from inventory.queries.hosts import resolve_selector
from web.core.sentences import sentence, share
from web.core.times import to_the_minute
from web.paging import Page, paged
from web.queries.scans import SelectorPreview, preview_selector

NEXT_TIMES = 5


@dataclass(frozen=True)
class WindowRow:
    window: Window
    next: Span | None


def window_list(request: HttpRequest, *, now: datetime) -> tuple[Page[Window], list[WindowRow]]:
    """All windows, those that are over or called off too, the latest made first; with when each holds next."""
    page = paged(request, Window.objects.select_related("created_by"), noun="window")
    return page, [WindowRow(window, next(iter(coming_times(window, now, 1)), None)) for window in page.rows]


def coming_times(window: Window, now: datetime, most: int = NEXT_TIMES) -> list[Span]:
    if window.state != "active":
        return []
    return list(islice(times_between(times_of(window), now, now + AHEAD), most))


@dataclass(frozen=True)
class LocalTime:
    """One time of a window, in UTC and as clocks show it in the window's zone."""

    span: Span
    local_start: datetime
    local_end: datetime

    @property
    def start_told(self) -> str:
        return _told(self.local_start)

    @property
    def end_told(self) -> str:
        return _told(self.local_end)


@dataclass(frozen=True)
class WindowPage:
    window: Window
    times: list[LocalTime]
    hosts: SelectorPreview | None
    conflicts: list[Conflict]
    sentence: str


def window_page(window: Window, *, now: datetime) -> WindowPage:
    zone = ZoneInfo(window.timezone)
    spans = coming_times(window, now)
    hosts = hosts_meant(window.selector)
    where = share(hosts.matching, hosts.total, "host") if hosts else ""
    return WindowPage(
        window,
        [_local(span, zone) for span in spans],
        hosts,
        changes_within(window, now=now),
        sentence(_standing(window, spans, now), f"it means {where} now" if where else ""),
    )


def _standing(window: Window, spans: list[Span], now: datetime) -> str:
    word = "freeze" if window.kind == "freeze" else "maintenance period"
    if window.state != "active":
        return f"a {word} that was called off"
    if not spans:
        return f"a {word} that is over"
    if spans[0].holds(now):
        return f"a {word} that holds now, until {to_the_minute(spans[0].ends_at)}"
    return f"a {word}; it {'next holds' if window.rule else 'holds'} from {to_the_minute(spans[0].starts_at)}"


def _told(when: datetime) -> str:
    """As clocks show it; templates would make UTC of it."""
    return f"{when:%a} {when.day} {when:%b %Y %H:%M}"


def _local(span: Span, zone: ZoneInfo) -> LocalTime:
    return LocalTime(span, span.starts_at.astimezone(zone), span.ends_at.astimezone(zone))


def hosts_meant(selector: str) -> SelectorPreview | None:
    try:
        return preview_selector(selector)
    except Invalid:
        return None


@dataclass(frozen=True)
class WindowPreview:
    """What a window would mean while it is typed; `problem` instead where it can't be."""

    problem: str
    timezone: str = ""
    times: tuple[LocalTime, ...] = ()
    ends: bool = True  # whether these are all of its times
    hosts: SelectorPreview | None = None
    conflicts: tuple[Conflict, ...] = ()


def preview_window(times: Times | None, *, kind: str, selector: str, now: datetime) -> WindowPreview | None:
    """None while there is nothing to tell anything about."""
    if times is None:
        return None
    try:
        times = check_times(times, now=now)
        hosts = preview_selector(selector) if selector.strip() else None
    except Invalid as error:
        return WindowPreview(error.errors[0].detail if error.errors else error.detail)
    zone = ZoneInfo(times.timezone)
    spans = list(islice(times_between(times, times.starts_at, times.starts_at + AHEAD), NEXT_TIMES + 1))
    trial = Window(
        kind=kind, selector=selector, starts_at=times.starts_at, ends_at=times.ends_at,
        timezone=times.timezone, rule=times.rule, excluded=list(times.excluded),
    )  # fmt: skip
    return WindowPreview(
        "",
        times.timezone,
        tuple(_local(span, zone) for span in spans[:NEXT_TIMES]),
        len(spans) <= NEXT_TIMES,
        hosts,
        tuple(changes_within(trial, now=now)) if hosts else (),
    )


def met_by_plan(*, selector: str, start: str, end: str) -> list[Conflict] | None:
    """What a plan would meet, while it is typed: freezes, and other plans for its hosts. None while hosts or time are
    not said, or can't be read; the form says so itself."""
    try:
        starts_at, ends_at = (_utc(text) for text in (start, end))
        names = [one.name for one in resolve_selector(selector)] if selector.strip() else []
    except (Invalid, ValueError):
        return None
    return conflicts_of(names, starts_at, ends_at) if names and starts_at else None


def _utc(text: str) -> datetime | None:
    """What a browser's field for a time sends; raises ValueError."""
    when = datetime.fromisoformat(text[:40]) if text else None
    if when is not None and (when.tzinfo is not None or not 1990 <= when.year <= 2200):
        raise ValueError
    return when.replace(tzinfo=UTC) if when else None


def rule_told(window: Window) -> str:
    """The rule in words where it is one of the usual ones, else as it is."""
    if not window.rule:
        return "once"
    zone = ZoneInfo(window.timezone)
    rule = parse_rule(window.rule, zone)
    parts = [part for part in rule.text.split(";") if not part.startswith("UNTIL=")]
    told = USUAL.get(";".join(parts), ";".join(parts))
    return f"{told}, until {rule.until.astimezone(zone):%Y-%m-%d}" if rule.until else told


WEEKDAYS = "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"
USUAL = {
    "FREQ=DAILY": "every day",
    WEEKDAYS: "every working day, Monday to Friday",
    "FREQ=WEEKLY": "every week, on the same day",
    "FREQ=WEEKLY;INTERVAL=2": "every second week, on the same day",
    "FREQ=MONTHLY": "every month, on the same date",
    "FREQ=YEARLY": "every year, on the same date",
}
