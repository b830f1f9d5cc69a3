"""What the calendar shows of a month, and how the next freeze stands."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Q, QuerySet
from django.urls import reverse

from changemgmt.core.windows import Span
from changemgmt.models import Change, Window
from changemgmt.queries.windows import PLANNED, UNSAID, Occurrence, next_freeze, windows_between
from web.core.months import Day, Entry, Month, weeks_of
from web.core.sentences import plural, sentence, shortened
from web.core.times import to_the_minute
from web.queries.windows import hosts_meant

MOST_CHANGES = 300  # on one month's page
SHOWN_STATES = (*PLANNED, "completed", "failed", "reviewed")


@dataclass(frozen=True)
class MonthPage:
    month: Month
    weeks: list[list[Day]]
    entries: list[Entry]  # those of the month itself, by when they begin; of this month, what is not over
    over: list[Entry]
    freeze: Occurrence | None
    sentence: str
    cut: bool  # whether there are more planned changes than are shown


def month_page(month: Month, *, now: datetime) -> MonthPage:
    since, until = _midnight(month.first_shown), _midnight(month.last_shown + timedelta(days=1))
    changes = list(_changes(since, until)[: MOST_CHANGES + 1])
    entries = [_of_window(one) for one in windows_between(since, until)]
    entries += [_of_change(change) for change in changes[:MOST_CHANGES]]
    own = [one for one in entries if one.starts_at < month.ends_at and one.ends_at > month.starts_at]
    own.sort(key=lambda one: (one.starts_at, one.reference))
    freeze = next_freeze(now)
    counts = {kind: sum(one.kind == kind for one in own) for kind in ("freeze", "maintenance", "change")}
    is_now = month.starts_at <= now < month.ends_at
    return MonthPage(
        month,
        weeks_of(month, entries, now.date()),
        [one for one in own if not is_now or one.ends_at > now],
        [one for one in own if is_now and one.ends_at <= now],
        freeze,
        sentence(
            f"{plural(counts['freeze'], 'freeze')}, "
            f"{plural(counts['maintenance'], 'maintenance period')} and {plural(counts['change'], 'planned change')}",
            freeze_told(freeze, now),
        ),
        len(changes) > MOST_CHANGES,
    )


def freeze_told(freeze: Occurrence | None, now: datetime) -> str:
    """`frozen now, until …`, `the next freeze begins …`, or that there is none."""
    if freeze is None:
        return "no freeze is to come"
    if freeze.span.holds(now):
        return f"a freeze holds until {to_the_minute(freeze.span.ends_at)}"
    return f"the next freeze begins {to_the_minute(freeze.span.starts_at)}"


def _midnight(day: date) -> datetime:
    return Month(day.replace(day=1)).starts_at + timedelta(days=day.day - 1)


def _changes(since: datetime, until: datetime) -> QuerySet[Change]:
    unsaid = Q(planned_end=None, planned_start__gt=since - UNSAID)
    found = Change.objects.filter(
        Q(planned_end__gt=since) | unsaid, state__in=SHOWN_STATES, planned_start__lt=until
    )
    return found.order_by("planned_start", "number")


def _of_window(one: Occurrence) -> Entry:
    window, span = one.window, one.span
    url = reverse("web:window", args=[window.reference])
    return Entry(
        window.kind, window.reference, window.title, url, "", window.selector, span.starts_at, span.ends_at
    )


def _of_change(change: Change) -> Entry:
    assert change.planned_start is not None
    return Entry(
        "change",
        change.reference,
        change.title,
        reverse("web:change", args=[change.reference]),
        change.state,
        shortened(change.hosts),
        change.planned_start,
        change.planned_end or change.planned_start + UNSAID,
    )


@dataclass(frozen=True)
class FreezeCard:
    """Home's line about the next freeze."""

    window: Window
    span: Span
    holds: bool
    hosts: int


def freeze_card(now: datetime) -> FreezeCard | None:
    found = next_freeze(now)
    if found is None:
        return None
    hosts = hosts_meant(found.window.selector)
    return FreezeCard(found.window, found.span, found.span.holds(now), hosts.matching if hosts else 0)
