"""When windows hold: rules, time zones, and the days on which clocks change."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from changemgmt.core.recurrence import exists, first_that_fits, moment, parse_rule, wall_clock_starts
from changemgmt.core.windows import Span, Times, check_times, free_after, joined, next_time, times_between
from common.core.errors import Invalid

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# North, south, a shift of half an hour, none, and at midnight.
ZONES = (
    "UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Santiago",
    "Africa/Cairo", "Pacific/Chatham",
)  # fmt: skip
RULES = (
    "FREQ=DAILY", "FREQ=DAILY;INTERVAL=3", "FREQ=WEEKLY", "FREQ=WEEKLY;INTERVAL=2", "FREQ=MONTHLY", "FREQ=YEARLY",
    "FREQ=DAILY;COUNT=40",
    "FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR",
    "FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,TU;WKST=SU",
    "FREQ=MONTHLY;BYDAY=-1FR",
    "FREQ=DAILY;INTERVAL=2;BYMONTH=3,4,10,11",
)  # fmt: skip


def at(text: str, zone: str = "Europe/Berlin") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


def weekly(rule: str = "FREQ=WEEKLY;BYDAY=FR", **more: Any) -> Times:
    """Friday 18:00 to Monday 08:00 in Berlin."""
    times: dict[str, Any] = {
        "starts_at": at("2026-01-16T18:00"),
        "ends_at": at("2026-01-19T08:00"),
        "timezone": "Europe/Berlin",
    }
    return check_times(Times(**(times | {"rule": rule} | more)), now=NOW)


def spans(times: Times, since: str, until: str) -> list[tuple[str, str]]:
    found = times_between(times, at(since), at(until))
    zone = ZoneInfo(times.timezone)
    return [
        (f"{one.starts_at.astimezone(zone):%Y-%m-%d %H:%M}", f"{one.ends_at.astimezone(zone):%Y-%m-%d %H:%M}")
        for one in found
    ]


def refusal(**fields: Any) -> tuple[str, str]:
    with pytest.raises(Invalid) as told:
        weekly(**fields)
    [error] = told.value.errors
    return error.pointer, error.detail


# ---- on the wall clock


def test_a_weekly_window_begins_and_ends_at_the_same_wall_clock_time_in_summer_and_winter() -> None:
    assert spans(weekly(), "2026-03-20", "2026-04-06") == [
        ("2026-03-20 18:00", "2026-03-23 08:00"),
        ("2026-03-27 18:00", "2026-03-30 08:00"),  # the clocks go forward within it
        ("2026-04-03 18:00", "2026-04-06 08:00"),
    ]
    lengths = [
        one.ends_at - one.starts_at for one in times_between(weekly(), at("2026-03-20"), at("2026-04-06"))
    ]
    assert lengths == [62 * HOUR, 61 * HOUR, 62 * HOUR]


def test_a_time_that_the_clocks_leave_out_begins_later_and_is_not_left_out() -> None:
    times = check_times(
        Times(at("2026-03-27T02:30"), at("2026-03-27T02:45"), "Europe/Berlin", "FREQ=DAILY"), now=NOW
    )
    assert spans(times, "2026-03-28", "2026-03-31") == [
        ("2026-03-28 02:30", "2026-03-28 02:45"),
        ("2026-03-29 03:30", "2026-03-29 03:45"),
        ("2026-03-30 02:30", "2026-03-30 02:45"),
    ]


def test_a_window_whose_beginning_only_is_left_out_still_ends_after_it_begins() -> None:
    times = check_times(
        Times(at("2026-03-27T02:30"), at("2026-03-27T03:00"), "Europe/Berlin", "FREQ=DAILY"), now=NOW
    )
    assert spans(times, "2026-03-29", "2026-03-30") == [("2026-03-29 03:30", "2026-03-29 04:00")]


def test_a_time_that_a_day_has_twice_is_the_first_of_the_two() -> None:
    times = check_times(
        Times(at("2026-10-24T02:30"), at("2026-10-24T03:30"), "Europe/Berlin", "FREQ=DAILY"), now=NOW
    )
    [_, twice] = times_between(times, at("2026-10-24"), at("2026-10-25T23:00"))
    assert twice.starts_at == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert twice.ends_at == datetime(2026, 10, 25, 2, 30, tzinfo=UTC)


def test_the_first_time_is_exactly_what_was_said_also_in_the_second_of_two_hours() -> None:
    second = datetime(2026, 10, 25, 1, 30, tzinfo=UTC)  # 02:30 in Berlin, for the second time
    times = check_times(Times(second, second + HOUR, "Europe/Berlin", "FREQ=DAILY"), now=NOW)
    first, then = list(times_between(times, second, second + 30 * HOUR))
    assert first == Span(second, second + HOUR)
    assert then.starts_at == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)


# ---- what a rule says


def test_a_window_that_does_not_recur_holds_once() -> None:
    once = weekly(rule="")
    assert spans(once, "2026-01-01", "2027-01-01") == [("2026-01-16 18:00", "2026-01-19 08:00")]
    assert spans(once, "2026-01-19T08:00", "2027-01-01") == []
    assert spans(once, "2026-01-01", "2026-01-16T18:00") == []


def test_what_began_before_and_still_holds_is_among_the_times() -> None:
    assert spans(weekly(), "2026-01-18", "2026-01-19") == [("2026-01-16 18:00", "2026-01-19 08:00")]


def test_excluded_days_are_left_out() -> None:
    times = weekly(excluded=(date(2026, 1, 23),))
    assert [start for start, _ in spans(times, "2026-01-16", "2026-01-31")] == [
        "2026-01-16 18:00",
        "2026-01-30 18:00",
    ]


def test_a_count_counts_excluded_days_too() -> None:
    times = weekly(rule="FREQ=WEEKLY;COUNT=3", excluded=(date(2026, 1, 23),))
    assert [start for start, _ in spans(times, "2026-01-01", "2027-01-01")] == [
        "2026-01-16 18:00",
        "2026-01-30 18:00",
    ]


@pytest.mark.parametrize(
    ("until", "last"),
    [
        ("20260130", "2026-01-30"),  # a date lasts to its end
        ("20260130T180000", "2026-01-30"),  # on the wall clock
        ("20260130T170000Z", "2026-01-30"),
        ("20260130T165959Z", "2026-01-23"),
    ],
)
def test_until_is_the_last_moment_at_which_one_begins(until: str, last: str) -> None:
    times = weekly(rule=f"FREQ=WEEKLY;UNTIL={until}")
    assert spans(times, "2026-01-01", "2027-01-01")[-1][0] == f"{last} 18:00"


def test_the_last_friday_of_each_month() -> None:
    times = weekly(
        rule="FREQ=MONTHLY;BYDAY=-1FR", starts_at=at("2026-01-30T18:00"), ends_at=at("2026-01-30T23:00")
    )
    assert [start[:10] for start, _ in spans(times, "2026-01-01", "2026-06-01")] == [
        "2026-01-30", "2026-02-27", "2026-03-27", "2026-04-24", "2026-05-29",
    ]  # fmt: skip


def test_the_next_time_is_the_one_that_holds_else_the_next_to_come() -> None:
    times = weekly()
    assert next_time(times, at("2026-01-18"), within=DAY) == Span(
        at("2026-01-16T18:00").astimezone(UTC), at("2026-01-19T08:00").astimezone(UTC)
    )
    coming = next_time(times, at("2026-01-20"), within=9 * DAY)
    assert coming is not None and coming.starts_at == at("2026-01-23T18:00")
    assert next_time(times, at("2026-01-20"), within=DAY) is None


def test_a_rule_is_kept_in_one_order_and_reads_to_itself() -> None:
    kept = parse_rule("rrule:byday=fr, mo ;interval=1;FREQ=weekly;until=20261231", BERLIN)
    assert kept.text == "FREQ=WEEKLY;BYDAY=FR,MO;UNTIL=20261231T225959Z"
    assert parse_rule(kept.text, BERLIN) == kept


# ---- what can't be


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("WEEKLY", "not a part of a rule"),
        ("BYDAY=FR", "begins with FREQ="),
        ("FREQ=HOURLY", "begins with FREQ="),
        ("FREQ=DAILY;BYHOUR=3", "when on the day it begins"),
        ("FREQ=DAILY;FREQ=DAILY", "said twice"),
        ("FREQ=DAILY;COUNT=0", "a number from 1 to 5000"),
        ("FREQ=DAILY;COUNT=2;UNTIL=20270101", "exclude each other"),
        ("FREQ=DAILY;INTERVAL=-1", "a number from 1 to 1000"),
        ("FREQ=DAILY;INTERVAL=1,2", "one number"),
        ("FREQ=DAILY;INTERVAL=" + "9" * 30, "a number from 1 to 1000"),
        ("FREQ=DAILY;INTERVAL=\u0661", "a number from 1 to 1000"),
        ("FREQ=WEEKLY;BYDAY=XX", "not a day"),
        ("FREQ=WEEKLY;BYDAY=2FR", "no such day in FREQ=WEEKLY"),
        ("FREQ=MONTHLY;BYDAY=6FR", "no such day in FREQ=MONTHLY"),
        ("FREQ=WEEKLY;BYMONTHDAY=1", "can't stand beside"),
        ("FREQ=MONTHLY;BYSETPOS=1", "say which"),
        ("FREQ=DAILY;UNTIL=20271331", "a date such as"),
        ("FREQ=DAILY;UNTIL=soon", "a date such as"),
        ("FREQ=DAILY;UNTIL=00010101", "a date such as"),
        ("FREQ=DAILY;BYEASTER=1", "not a part of a rule"),
        ("FREQ=DAILY;WKST=8", "WKST is a day"),
        ("FREQ=DAILY;BYMONTH=", "needs a value"),
        ("FREQ=DAILY;" + "BYDAY=MO," * 100, "500 characters"),
        ("FREQ=DAILY;UNTIL=20260101", "before the first time"),
        ("FREQ=WEEKLY;BYDAY=SA", "Friday 2026-01-16, its first time, doesn't fit the rule; the first that does is Saturday 2026-01-17"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "nothing in the next nine years does"),
    ],
)  # fmt: skip
def test_a_rule_that_can_not_be_is_refused_in_words(rule: str, told: str) -> None:
    pointer, detail = refusal(rule=rule)
    assert pointer == "/rule" and told in detail


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"timezone": "Mars/Olympus"}, "/timezone"),
        ({"timezone": "../../etc/passwd"}, "/timezone"),
        ({"ends_at": at("2026-01-16T18:00")}, "/ends_at"),
        ({"ends_at": at("2026-02-19T18:00")}, "/ends_at"),  # recurring: a month at most
        ({"rule": "", "ends_at": at("2027-01-19T18:00")}, "/ends_at"),
        ({"starts_at": datetime(2026, 1, 16, 18)}, "/starts_at"),
        ({"starts_at": at("2006-01-13T18:00")}, "/starts_at"),
        ({"rule": "", "excluded": (date(2026, 1, 16),)}, "/excluded"),
        ({"rule": "FREQ=WEEKLY;COUNT=1", "excluded": (date(2026, 1, 16),)}, "/excluded"),
    ],
)
def test_times_that_can_not_be_are_refused_with_the_field(fields: dict[str, Any], pointer: str) -> None:
    assert refusal(**fields)[0] == pointer


def test_a_recurring_window_must_end_after_it_begins_on_the_wall_clock_too() -> None:
    begins = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)  # 02:30 in Berlin, and so is an hour later
    with pytest.raises(Invalid, match="clocks go back"):
        check_times(Times(begins, begins + HOUR, "Europe/Berlin", "FREQ=DAILY"), now=NOW)


# ---- spans


def test_what_overlaps_or_touches_is_one_span() -> None:
    one, two, far = Span(NOW, NOW + HOUR), Span(NOW + HOUR, NOW + 2 * HOUR), Span(NOW + DAY, NOW + 2 * DAY)
    assert joined([far, two, one, one]) == [Span(NOW, NOW + 2 * HOUR), far]
    assert free_after([two, one, far], NOW) == NOW + 2 * HOUR
    assert free_after([far], NOW) == NOW


# ---- of any zone, rule and time

zones = st.sampled_from(ZONES)
rules = st.sampled_from(RULES)
minutes = st.integers(0, 24 * 60 - 1)
days = st.integers(0, 700)
lengths = st.integers(1, 3 * 24 * 60)


@st.composite
def recurring(draw: st.DrawFn) -> Times:
    zone = ZoneInfo(draw(zones))
    rule = draw(rules)
    wall = datetime(2026, 1, 2) + timedelta(days=draw(days), minutes=draw(minutes))
    fits = first_that_fits(parse_rule(rule, zone), wall)
    assert fits is not None
    starts_at = moment(fits, zone)
    ends_at = starts_at + timedelta(minutes=draw(lengths))
    first, end = (one.astimezone(zone).replace(tzinfo=None) for one in (starts_at, ends_at))
    if end <= first:  # in the hour that is there twice
        ends_at += 2 * HOUR
    return check_times(Times(starts_at, ends_at, zone.key, rule), now=NOW)


@settings(max_examples=150, deadline=None)
@given(recurring())
def test_every_time_begins_at_the_wall_clock_time_of_the_first_unless_that_day_lacks_it(times: Times) -> None:
    zone = ZoneInfo(times.timezone)
    first = times.starts_at.astimezone(zone)
    for span in times_between(times, times.starts_at, times.starts_at + 500 * DAY):
        begins = span.starts_at.astimezone(zone).replace(tzinfo=None)
        meant = begins.replace(hour=first.hour, minute=first.minute)
        if exists(meant, zone):
            assert begins == meant
        else:
            gap = begins - meant
            assert timedelta(0) < gap <= HOUR
            # As much later as the clocks go forward over it.
            after, before = (meant.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1))
            assert after is not None and before is not None and abs(before - after) == gap
        assert span.ends_at > span.starts_at


@settings(max_examples=150, deadline=None)
@given(recurring(), days, days, minutes)
def test_a_narrower_question_has_the_same_answer(times: Times, after: int, length: int, minute: int) -> None:
    since = times.starts_at + timedelta(days=after - 20, minutes=minute)
    until = since + timedelta(days=length % 60, minutes=minute)
    everything = list(times_between(times, times.starts_at, times.starts_at + 800 * DAY))
    assert list(times_between(times, since, until)) == [
        one for one in everything if one.overlaps(since, until)
    ]
    assert everything == sorted(everything) and len(set(everything)) == len(everything)


def test_a_rule_of_years_costs_no_more_than_one_of_today() -> None:
    """What is long over is not gone through: a wall clock asked about in ten years takes a few steps."""
    first = datetime(2026, 1, 2, 18)
    for rule in ("FREQ=DAILY", "FREQ=WEEKLY;INTERVAL=2"):
        since = first + 3_650 * DAY
        [*found] = wall_clock_starts(parse_rule(rule, BERLIN), first, since + 30 * DAY, since=since)
        assert found[0] <= since and len(found) <= 32


@settings(max_examples=60, deadline=None)
@given(zones, st.sampled_from((1, 2, 7)), minutes)
def test_every_so_many_days_is_counted_on_the_calendar(zone: str, interval: int, minute: int) -> None:
    first = datetime(2026, 1, 2) + timedelta(minutes=minute)
    starts_at = moment(first, ZoneInfo(zone))
    times = check_times(
        Times(starts_at, starts_at + timedelta(minutes=5), zone, f"FREQ=DAILY;INTERVAL={interval}"), now=NOW
    )
    found = times_between(times, starts_at, starts_at + 370 * DAY)
    expected = [moment(first + timedelta(days=day), ZoneInfo(zone)) for day in range(0, 371, interval)]
    assert [one.starts_at for one in found] == [day for day in expected if day < starts_at + 370 * DAY]
