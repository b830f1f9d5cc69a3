"""Which windows hold when, for which hosts, and what a plan meets there."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet
from django.db.models.functions import Lower

from changemgmt.core import words
from changemgmt.core.conflicts import CHANGE, FREEZE, Conflict, Known, meant_by
from changemgmt.core.gates import ALLOWED, AWAITING, PREVENTED, GateAnswer
from changemgmt.core.windows import Span, Times, free_after, next_time, times_between
from changemgmt.models import Change, Window
from inventory.core.selectors import Selector, parse
from inventory.models import Host

# States of changes that are still to be carried out, or are being carried out.
PLANNED = ("proposed", "approved", "ready", "started")
UNSAID = timedelta(hours=1)  # how long a plan without an end is taken to last
AHEAD = timedelta(days=400)  # how far ahead the next time of a window is looked for
MOST_CONFLICTS = 100


@dataclass(frozen=True)
class Occurrence:
    """One time of a window."""

    window: Window
    span: Span


def times_of(window: Window) -> Times:
    return Times(window.starts_at, window.ends_at, window.timezone, window.rule, tuple(window.excluded or ()))


def windows_between(since: datetime, until: datetime, *, kind: str = "") -> list[Occurrence]:
    """Every time of every active window that overlaps `since` to `until`, by when it begins."""
    windows = _may_overlap(since, until)
    if kind:
        windows = windows.filter(kind=kind)
    found = [
        Occurrence(window, span)
        for window in windows
        for span in times_between(times_of(window), since, until)
    ]
    return sorted(found, key=lambda one: (one.span, one.window.number))


def _may_overlap(since: datetime, until: datetime) -> QuerySet[Window]:
    return Window.objects.filter(
        Q(rule="", ends_at__gt=since) | ~Q(rule=""), state="active", starts_at__lt=until
    )


def next_freeze(now: datetime) -> Occurrence | None:
    """The freeze that holds now and ends last, else the next one to come."""
    coming = [
        Occurrence(window, span)
        for window in _may_overlap(now, now + AHEAD).filter(kind=words.FREEZE)
        if (span := next_time(times_of(window), now, within=AHEAD)) is not None
    ]
    held = [one for one in coming if one.span.holds(now)]
    if held:
        return max(held, key=lambda one: one.span.ends_at)
    return min(coming, key=lambda one: one.span, default=None)


def conflicts_of(
    hosts: Sequence[str], start: datetime | None, end: datetime | None = None, exclude: Change | None = None
) -> list[Conflict]:
    """What a plan for these hosts and this time meets: freezes, then other changes that are planned; 100 at most.

    A plan without a start meets nothing; one without an end is taken to last an hour. One that names no hosts meets the
    freezes of everything. `exclude` is the change itself.
    """
    if start is None:
        return []
    until = end if end is not None and end > start else start + UNSAID
    freezes = [
        Conflict(
            FREEZE, f"{one.window}", one.window.title, "active", one.span.starts_at, one.span.ends_at, names
        )
        for one, names in freezes_on(hosts, start, until)
    ]
    return (freezes + _planned_beside(hosts, start, until, exclude))[:MOST_CONFLICTS]


def freezes_on(
    hosts: Sequence[str], since: datetime, until: datetime
) -> list[tuple[Occurrence, tuple[str, ...]]]:
    """The times of freezes between these moments, each with those of `hosts` that it means."""
    times = windows_between(since, until, kind=words.FREEZE)
    if not times:
        return []
    known = known_by_name(hosts)
    meant: dict[str, tuple[str, ...] | None] = {}
    for one in times:
        if one.window.selector not in meant:
            meant[one.window.selector] = _meant(parse(one.window.selector), hosts, known)
    return [(one, names) for one in times if (names := meant[one.window.selector]) is not None]


def _meant(selector: Selector, hosts: Sequence[str], known: dict[str, Known]) -> tuple[str, ...] | None:
    """Those of `hosts` that are meant; None when it is none of them. No hosts at all are meant by every host."""
    if not hosts:
        return () if selector == Selector() else None
    return tuple(meant_by(selector, hosts, known)) or None


def known_by_name(names: Collection[str]) -> dict[str, Known]:
    """What selectors go by of these hosts, by the names as they are given; also of those out of service."""
    given: dict[str, list[str]] = {}
    for name in names:
        given.setdefault(name.lower(), []).append(name)
    rows = (
        Host.objects.annotate(folded=Lower("name"))
        .filter(folded__in=list(given))
        .values_list("folded", "environment", "roles", "team__name", "site")
    )
    return {
        name: Known(environment, tuple(roles), team, site)
        for folded, environment, roles, team, site in rows
        for name in given[folded]
    }


def _planned_beside(
    hosts: Sequence[str], start: datetime, until: datetime, exclude: Change | None
) -> list[Conflict]:
    if not hosts:
        return []
    found = changes_planned(start, until).filter(hosts__overlap=list(hosts))
    if exclude is not None:
        found = found.exclude(pk=exclude.pk)
    wanted = set(hosts)
    return [
        _as_conflict(change, tuple(name for name in change.hosts if name in wanted))
        for change in found[:MOST_CONFLICTS]
    ]


def changes_planned(since: datetime, until: datetime) -> QuerySet[Change]:
    """Changes that are planned for a time between these moments and not yet done, by when they begin."""
    unsaid = Q(planned_end=None, planned_start__gt=since - UNSAID)
    found = Change.objects.filter(
        Q(planned_end__gt=since) | unsaid, state__in=PLANNED, planned_start__lt=until
    )
    return found.order_by("planned_start", "number")


def _as_conflict(change: Change, hosts: tuple[str, ...]) -> Conflict:
    assert change.planned_start is not None
    ends_at = change.planned_end or change.planned_start + UNSAID
    return Conflict(
        CHANGE, change.reference, change.title, change.state, change.planned_start, ends_at, hosts
    )


def changes_within(window: Window, *, now: datetime) -> list[Conflict]:
    """What is planned for hosts of a freeze at its coming times; nothing of maintenance, which is for changes."""
    if window.kind != words.FREEZE or window.state != "active":
        return []
    spans = list(times_between(times_of(window), now, now + AHEAD))
    if not spans:
        return []
    planned = [
        change
        for change in changes_planned(spans[0].starts_at, spans[-1].ends_at)[:1_000]
        if any(span.overlaps(*_planned_time(change)) for span in spans)
    ]
    known = known_by_name({name for change in planned for name in change.hosts})
    selector = parse(window.selector)
    found = ((change, _meant(selector, change.hosts, known)) for change in planned)
    return [_as_conflict(change, names) for change, names in found if names is not None][:MOST_CONFLICTS]


def _planned_time(change: Change) -> tuple[datetime, datetime]:
    assert change.planned_start is not None
    return change.planned_start, change.planned_end or change.planned_start + UNSAID


def freeze_gate(change: Change, now: datetime) -> GateAnswer:
    """Whether a freeze holds now for any host of a change, and when the last of them ends."""
    ahead = freezes_on(change.hosts, now, now + AHEAD)
    held = [(one, names) for one, names in ahead if one.span.holds(now)]
    if not held:
        return GateAnswer("freeze", ALLOWED, "No freeze holds for its hosts now.")
    free_at = free_after((one.span for one, _ in ahead), now)
    told = "; ".join(_told(one, names) for one, names in held[:3])
    if free_at >= now + AHEAD:
        return GateAnswer("freeze", PREVENTED, f"{told}. No end of it is in sight.")
    return GateAnswer(
        "freeze", AWAITING, f"{told}. It is over on {free_at:%Y-%m-%d at %H:%M} UTC.", until=free_at
    )


def _told(one: Occurrence, hosts: Iterable[str]) -> str:
    names = list(hosts)
    where = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return f"{one.window}, {one.window.title}, freezes {where or 'everything'} until {one.span.ends_at:%Y-%m-%d %H:%M} UTC"
