"""A month on the calendar: its weeks, and on which days what lies on it is shown."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from web.core.months import SHOWN, Day, Entry, Month, month_of, weeks_of

NOVEMBER = Month(date(2026, 11, 1))
TODAY = date(2026, 11, 23)


def entry(start: str, end: str, kind: str = "freeze", title: str = "Peak") -> Entry:
    at = [datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (start, end)]
    return Entry(kind, "WIN-1", title, "/", "", "*", *at)


def shown(*entries: Entry) -> dict[date, list[str]]:
    days = [day for week in weeks_of(NOVEMBER, entries, TODAY) for day in week]
    return {day.date: [piece.times for piece in day.pieces] for day in days if day.pieces}


def test_weeks_are_whole_and_begin_on_monday() -> None:
    weeks = weeks_of(NOVEMBER, [], TODAY)
    assert [len(week) for week in weeks] == [7] * 6
    assert (weeks[0][0].date, weeks[-1][-1].date) == (date(2026, 10, 26), date(2026, 12, 6))
    assert [day.date for week in weeks for day in week if day.is_today] == [TODAY]
    assert not weeks[0][0].in_month and weeks[0][6].in_month


def test_a_freeze_over_a_weekend_is_on_each_of_its_days_with_when_it_begins_and_ends() -> None:
    assert shown(entry("2026-11-20T18:00", "2026-11-23T08:00")) == {
        date(2026, 11, 20): ["from 18:00"],
        date(2026, 11, 21): [""],
        date(2026, 11, 22): [""],
        date(2026, 11, 23): ["to 08:00"],
    }


def test_what_ends_at_midnight_is_not_on_the_next_day() -> None:
    assert shown(entry("2026-11-20T18:00", "2026-11-21T00:00")) == {date(2026, 11, 20): ["18:00–24:00"]}
    assert shown(entry("2026-11-20T00:00", "2026-11-21T00:00")) == {date(2026, 11, 20): [""]}
    assert shown(entry("2026-11-20T00:00", "2026-11-22T00:00")) == {
        date(2026, 11, 20): [""], date(2026, 11, 21): [""],
    }  # fmt: skip


def test_what_began_before_and_goes_on_after_is_on_every_day_that_is_shown() -> None:
    assert len(shown(entry("2026-01-01T00:00", "2027-01-01T00:00"))) == 42


def test_a_day_shows_its_first_entries_freezes_first_and_counts_the_others() -> None:
    many = [entry("2026-11-20T01:00", "2026-11-20T02:00", "change") for _ in range(SHOWN + 2)]
    freeze = entry("2026-11-20T05:00", "2026-11-20T06:00")
    [day] = [day for week in weeks_of(NOVEMBER, [*many, freeze], TODAY) for day in week if day.pieces]
    assert day.shown[0].entry == freeze and day.is_frozen
    assert (len(day.shown), day.more) == (SHOWN - 1, 4)
    assert Day(TODAY, True, True, day.pieces[:SHOWN]).more == 0


@given(st.dates(date(1990, 1, 1), date(2200, 1, 1)))
def test_months_follow_one_another(day: date) -> None:
    month = Month(day.replace(day=1))
    assert month.after.before == month == month.before.after
    assert month.ends_at == month.after.starts_at
    assert timedelta(days=28) <= month.ends_at - month.starts_at <= timedelta(days=31)


@given(st.text(max_size=12))
def test_any_text_means_a_month(text: str) -> None:
    assert month_of(text, TODAY).first.day == 1


def test_a_month_far_away_means_this_one() -> None:
    assert month_of("2027-02", TODAY) == Month(date(2027, 2, 1))
    for text in ("9999-12", "0001-01", "2026-13", "2026-1", "", "2026-11-23"):
        assert month_of(text, TODAY) == NOVEMBER, text
