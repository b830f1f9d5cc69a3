"""When a window holds: its first time, and those that its rule makes of it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from changemgmt.core.recurrence import (
    Rule,
    find_zone,
    first_that_fits,
    moment,
    parse_rule,
    wall_clock_starts,
)
from common.core.errors import FieldError, Invalid

LONGEST_ONCE = timedelta(days=366)
LONGEST_RECURRING = timedelta(days=31)
EARLIEST_BEFORE = timedelta(days=366)  # how long ago a new window may have begun
LATEST_AFTER = timedelta(days=10 * 366)
MOST_EXCLUDED = 366
_DAY = timedelta(days=1)


@dataclass(frozen=True, order=True)
class Span:
    """From `starts_at` up to, and without, `ends_at`; both in UTC."""

    starts_at: datetime
    ends_at: datetime

    def overlaps(self, since: datetime, until: datetime) -> bool:
        return self.starts_at < until and self.ends_at > since

    def holds(self, now: datetime) -> bool:
        return self.starts_at <= now < self.ends_at


@dataclass(frozen=True)
class Times:
    """The times of a window. `excluded` are days of `timezone` on which one that begins is left out."""

    starts_at: datetime
    ends_at: datetime
    timezone: str = "UTC"
    rule: str = ""
    excluded: tuple[date, ...] = ()


def times_between(times: Times, since: datetime, until: datetime) -> Iterator[Span]:
    """The times that overlap `since` to `until`, in order.

    The first is exactly what it says; each later one begins and ends at the same wall-clock times in its zone, whatever
    the clocks do in between.
    """
    if not times.rule:
        once = Span(times.starts_at, times.ends_at)
        yield from (span for span in [once] if span.overlaps(since, until))
        return
    zone = ZoneInfo(times.timezone)
    rule = parse_rule(times.rule, zone)
    first, length = _wall_clock(times, zone)
    # What began so long before is over by then, whatever the clocks did.
    over = _naive(since, zone) - length - 3 * _DAY
    for start in wall_clock_starts(rule, first, _naive(until, zone), since=over):
        if start.date() in times.excluded:
            continue
        span = Span(times.starts_at, times.ends_at) if start == first else _span(start, length, zone)
        if span.starts_at >= until or (rule.until is not None and span.starts_at > rule.until):
            return
        if span.ends_at > since:
            yield span


def next_time(times: Times, now: datetime, *, within: timedelta) -> Span | None:
    """The time that holds at `now`, else the next that begins within this long."""
    return next(times_between(times, now, now + within), None)


def _wall_clock(times: Times, zone: ZoneInfo) -> tuple[datetime, timedelta]:
    """When the first begins, and how long it is, on the wall clock."""
    first, end = (
        one.astimezone(zone).replace(tzinfo=None, fold=0) for one in (times.starts_at, times.ends_at)
    )
    return first, end - first


def _span(start: datetime, length: timedelta, zone: ZoneInfo) -> Span:
    starts_at, ends_at = moment(start, zone), moment(start + length, zone)
    # The hour that the clocks leave out can hold all of a short one; then it begins later, and ends later too.
    return Span(starts_at, ends_at if ends_at > starts_at else starts_at + length)


def _naive(when: datetime, zone: ZoneInfo) -> datetime:
    """A wall-clock time in `zone` that is not before `when`, whatever the clocks do that day."""
    return when.astimezone(zone).replace(tzinfo=None, fold=0) + _DAY


def joined(spans: Iterable[Span]) -> list[Span]:
    """The same time in as few spans as can be: what overlaps or touches is one."""
    result: list[Span] = []
    for span in sorted(spans):
        if result and span.starts_at <= result[-1].ends_at:
            result[-1] = Span(result[-1].starts_at, max(result[-1].ends_at, span.ends_at))
        else:
            result.append(span)
    return result


def free_after(spans: Iterable[Span], moment: datetime) -> datetime:
    """The first moment at or after `moment` that lies in none of them."""
    for span in joined(spans):
        if span.holds(moment):
            return span.ends_at
    return moment


def check_times(times: Times, *, now: datetime) -> Times:
    """The same times as they are kept (UTC, the rule in one order, excluded days sorted); raises Invalid with pointers."""
    for name, at in (("starts_at", times.starts_at), ("ends_at", times.ends_at)):
        if at.tzinfo is None:
            raise _invalid(name, "say the offset from UTC, as in 2026-03-01T03:12:00Z")
    starts_at, ends_at = times.starts_at.astimezone(UTC), times.ends_at.astimezone(UTC)
    zone = find_zone(times.timezone)
    if ends_at <= starts_at:
        raise _invalid("ends_at", "it ends before it begins")
    if not now - EARLIEST_BEFORE <= starts_at <= now + LATEST_AFTER:
        raise _invalid("starts_at", "it begins within the last year or the next ten")
    rule = parse_rule(times.rule, zone) if times.rule.strip() else None
    longest = LONGEST_RECURRING if rule else LONGEST_ONCE
    if ends_at - starts_at > longest:
        recurs = " when it recurs" if rule else ""
        raise _invalid("ends_at", f"it lasts {longest.days} days at most{recurs}")
    excluded = tuple(sorted(set(times.excluded)))
    if excluded and rule is None:
        raise _invalid("excluded", "only what recurs can be left out on some days")
    if len(excluded) > MOST_EXCLUDED:
        raise _invalid("excluded", f"{MOST_EXCLUDED} days at most")
    checked = Times(starts_at, ends_at, times.timezone, rule.text if rule else "", excluded)
    if rule is not None:
        _check_recurring(checked, rule, zone)
    return checked


def _check_recurring(times: Times, rule: Rule, zone: ZoneInfo) -> None:
    first, length = _wall_clock(times, zone)
    if length <= timedelta(0):
        raise _invalid("ends_at", "on the wall clock it ends before it begins: the clocks go back in between")
    if rule.until is not None and rule.until < times.starts_at:
        raise _invalid("rule", "UNTIL is before the first time")
    fits = first_that_fits(rule, first)
    if fits != first:
        then = (
            f"the first that does is {fits:%A} {fits:%Y-%m-%d}"
            if fits
            else "and nothing in the next nine years does"
        )
        raise _invalid("rule", f"{first:%A} {first:%Y-%m-%d}, its first time, doesn't fit the rule; {then}")
    # Everything can be left out by name only of what ends.
    if (
        times.excluded
        and next(times_between(times, times.starts_at, times.starts_at + 2 * LATEST_AFTER), None) is None
    ):
        raise _invalid("excluded", "this leaves nothing of it")


def _invalid(field: str, problem: str) -> Invalid:
    return Invalid(f"/{field}: {problem}.", errors=[FieldError(f"/{field}", problem)])
