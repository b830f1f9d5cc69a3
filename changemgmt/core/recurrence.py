"""Recurrence rules (RFC 5545) on the wall clock of a time zone.

Taken are rules by day, week, month and year, with the parts that choose days. What chooses times of day is not: a
window's first time says when it begins. dateutil expands the rule on naive wall-clock times; each is then made a moment
with the zone's own offset of that day, so that "every Friday at 18:00" stays at 18:00 when the clocks change.

A wall-clock time that a day doesn't have (the clocks go forward over it) begins later by as much as they do, and one
that a day has twice is the first of the two. RFC 5545 would leave the former out; a freeze that silently isn't there on
one night of the year would be worse.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice
from zoneinfo import ZoneInfo, available_timezones

from dateutil.rrule import rrulestr

from common.core.errors import FieldError, Invalid

RULE_LENGTH = 500
FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_DAYS = "MO|TU|WE|TH|FR|SA|SU"
_BY_DAY = re.compile(rf"([+-]?[1-9][0-9]?)?({_DAYS})")
_NUMBER = re.compile(r"[+-]?[0-9]{1,4}")
_UNTIL = re.compile(r"(\d{8})(?:T(\d{6})(Z?))?")
# Part: the largest number, and whether it may count from the end with a minus.
_NUMBERS = {
    "BYSETPOS": (366, True),
    "BYYEARDAY": (366, True),
    "BYWEEKNO": (53, True),
    "BYMONTHDAY": (31, True),
    "BYMONTH": (12, False),
    "INTERVAL": (1000, False),
    "COUNT": (5000, False),
}
_SINGLE = ("INTERVAL", "COUNT")
# What RFC 5545 doesn't let a part stand beside.
_NOT_WITH = {
    "BYWEEKNO": ("DAILY", "WEEKLY", "MONTHLY"),
    "BYYEARDAY": ("DAILY", "WEEKLY", "MONTHLY"),
    "BYMONTHDAY": ("WEEKLY",),
}
_ORDER = (
    "FREQ", "INTERVAL", "BYMONTH", "BYWEEKNO", "BYYEARDAY", "BYMONTHDAY", "BYDAY", "BYSETPOS", "WKST", "COUNT", "UNTIL",
)  # fmt: skip
_UNTIL_IS = "UNTIL is a date such as 20271231, or a moment such as 20271231T220000Z"
# Whole periods after a time of the rule, the rule goes on as it did from there.
_PERIODS = {"DAILY": timedelta(days=1), "WEEKLY": timedelta(weeks=1)}
_TIMES_OF_DAY = ("BYHOUR", "BYMINUTE", "BYSECOND")


@dataclass(frozen=True)
class Rule:
    """`text` in one order of parts, UNTIL in UTC; it reads to itself. `until` is the last moment one may begin at."""

    text: str
    until: datetime | None


@cache
def known_zones() -> frozenset[str]:
    """The names of time zones that this machine knows, UTC always among them."""
    return frozenset(available_timezones()) | {"UTC"}


def find_zone(name: str) -> ZoneInfo:
    """The time zone of this name; raises Invalid."""
    if name not in known_zones():
        problem = f"{name[:60]!r} is not a time zone; such as UTC, Europe/Berlin or America/New_York"
        raise Invalid(f"/timezone: {problem}.", errors=[FieldError("/timezone", problem)])
    return ZoneInfo(name)


def parse_rule(text: str, zone: ZoneInfo) -> Rule:
    """Read a rule; raises Invalid with a pointer to `/rule`. A local UNTIL is on the wall clock of `zone`, a mere date
    lasts to its end."""
    parts = _split(text)
    frequency = parts.get("FREQ", "")
    if frequency not in FREQUENCIES:
        raise _invalid(
            "a rule begins with FREQ=DAILY, WEEKLY, MONTHLY or YEARLY, such as FREQ=WEEKLY;BYDAY=FR"
        )
    if "COUNT" in parts and "UNTIL" in parts:
        raise _invalid("COUNT and UNTIL exclude each other: say one of them")
    for name, value in parts.items():
        _check_part(name, value, frequency)
    if "BYSETPOS" in parts and not any(
        name in parts for name in ("BYDAY", "BYMONTHDAY", "BYMONTH", "BYYEARDAY", "BYWEEKNO")
    ):
        raise _invalid("BYSETPOS chooses among days: say which with BYDAY or another part")
    until = _read_until(parts["UNTIL"], zone) if "UNTIL" in parts else None
    if until is not None:
        parts["UNTIL"] = f"{until:%Y%m%dT%H%M%SZ}"
    if parts.get("INTERVAL") == "1":
        del parts["INTERVAL"]
    return Rule(";".join(f"{name}={parts[name]}" for name in _ORDER if name in parts), until)


def _split(text: str) -> dict[str, str]:
    text = "".join(text.split()).upper().removeprefix("RRULE:").strip(";")
    if len(text) > RULE_LENGTH:
        raise _invalid(f"a rule has at most {RULE_LENGTH} characters")
    parts: dict[str, str] = {}
    for part in text.split(";"):
        name, _, value = part.partition("=")
        if name in _TIMES_OF_DAY:
            raise _invalid(f"{name} isn't taken: the first time says when on the day it begins")
        if name not in _ORDER:
            raise _invalid(f"{name[:40]!r} is not a part of a rule; those are {', '.join(_ORDER)}")
        if name in parts:
            raise _invalid(f"{name} is said twice")
        if not value:
            raise _invalid(f"{name} needs a value")
        parts[name] = value
    return parts


def _check_part(name: str, value: str, frequency: str) -> None:
    if frequency in _NOT_WITH.get(name, ()):
        raise _invalid(f"{name} can't stand beside FREQ={frequency}")
    if name == "WKST" and value not in _DAYS.split("|"):
        raise _invalid("WKST is a day: MO, TU, WE, TH, FR, SA or SU")
    if name == "BYDAY":
        for day in value.split(","):
            _check_day(day, frequency)
    if name in _NUMBERS:
        numbers = value.split(",")
        if name in _SINGLE and len(numbers) > 1:
            raise _invalid(f"{name} is one number")
        for number in numbers:
            _check_number(name, number)


def _check_day(day: str, frequency: str) -> None:
    match = _BY_DAY.fullmatch(day)
    if match is None:
        raise _invalid(
            f"{day[:20]!r} is not a day; MO, FR, and by month or year 1MO (the first) or -1FR (the last)"
        )
    most = {"MONTHLY": 5, "YEARLY": 53}.get(frequency)
    if match[1] and (most is None or abs(int(match[1])) > most):
        raise _invalid(f"{day}: there is no such day in FREQ={frequency}")


def _check_number(name: str, text: str) -> None:
    most, may_be_negative = _NUMBERS[name]
    number = int(text) if _NUMBER.fullmatch(text) else 0
    if not 1 <= abs(number) <= most or (number < 0 and not may_be_negative):
        raise _invalid(
            f"{name}={text[:20]}: a number from 1 to {most}"
            + (", or from the end with a minus" * may_be_negative)
        )


def _read_until(text: str, zone: ZoneInfo) -> datetime:
    match = _UNTIL.fullmatch(text)
    if match is None:
        raise _invalid(_UNTIL_IS)
    try:
        until = datetime.fromisoformat(f"{match[1]}T{match[2] or '235959'}")
        if not 1990 <= until.year <= 2200:
            raise ValueError
        return until.replace(tzinfo=UTC if match[3] else zone).astimezone(UTC)
    except ValueError:
        raise _invalid(_UNTIL_IS) from None


def _invalid(problem: str) -> Invalid:
    return Invalid(f"/rule: {problem}.", errors=[FieldError("/rule", problem)])


def wall_clock_starts(
    rule: Rule, first: datetime, end: datetime, *, since: datetime | None = None
) -> Iterator[datetime]:
    """The naive wall-clock times of the rule from `first` (one of them) on, up to `end`; all naive, in order. Of those
    before `since`, as many as can be are left out, so that a rule of years costs no more than one of today.

    The search always has an end, also where no day fits; so COUNT, beside which UNTIL may not stand, is counted here.
    """
    parts = dict(part.split("=") for part in rule.text.split(";"))
    count = int(parts.pop("COUNT", 0)) or None
    parts["UNTIL"] = f"{end:%Y%m%dT%H%M%S}"
    bounded = ";".join(f"{name}={value}" for name, value in parts.items())
    period = _PERIODS.get(parts["FREQ"])
    if period is not None and count is None and since is not None and since > first:
        period *= int(parts.get("INTERVAL", 1))
        first += (since - first) // period * period
    return islice(rrulestr(bounded, dtstart=first), count)


def moment(wall_clock: datetime, zone: ZoneInfo) -> datetime:
    """The moment in UTC at which clocks in `zone` show this; see the head of this module for what none or two do."""
    return wall_clock.replace(tzinfo=zone, fold=0).astimezone(UTC)


def exists(wall_clock: datetime, zone: ZoneInfo) -> bool:
    """Whether clocks in `zone` ever show this."""
    return moment(wall_clock, zone).astimezone(zone).replace(tzinfo=None) == wall_clock


def first_that_fits(rule: Rule, first: datetime) -> datetime | None:
    """The first naive wall-clock time of the rule at or after `first`, if there is one within nine years."""
    return next(wall_clock_starts(rule, first, first + timedelta(days=9 * 366)), None)
