"""Due times: which slots there are, which is due, what is done about it. Pure; `now` is passed in."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drift.core.schedule import (
    DEEP,
    LONGEST,
    MODES,
    OUTCOMES,
    QUICK,
    REPLACED,
    SHORTEST,
    SKIPPED,
    STARTED,
    Plan,
    Slot,
    due_slot,
    due_slots,
    last_slot,
    next_slot,
    offset,
    period_problems,
    steps,
)

KEY = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
MINUTE, HOUR, DAY = 60, 3_600, 86_400

periods = st.integers(SHORTEST, 40 * DAY)
keys = st.uuids()
moments = st.datetimes(datetime(2021, 1, 1), datetime(2099, 1, 1), timezones=st.just(UTC))


def plan(
    quick: int | None = MINUTE, deep: int | None = DAY, *, since: datetime = LONG_AGO, key: UUID = KEY
) -> Plan:
    return Plan(key, quick, deep, since)


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


# ---- the grid


@given(keys, periods, moments)
def test_slots_lie_one_period_apart_and_now_lies_between_two(key: UUID, every: int, now: datetime) -> None:
    one = plan(every, None, key=key)
    last, following = last_slot(one, QUICK, now), next_slot(one, QUICK, now)
    assert last <= now < following and following - last == seconds(every)
    assert last_slot(one, QUICK, following) == following
    assert last_slot(one, QUICK, following - seconds(1)) == last


@given(keys, periods, moments, st.integers(0, 10**6))
def test_whoever_asks_whenever_within_a_slot_is_told_the_same_slot(
    key: UUID, every: int, now: datetime, later: int
) -> None:
    one = plan(every, None, key=key)
    start = last_slot(one, QUICK, now)
    assert last_slot(one, QUICK, start + seconds(later % every)) == start


@given(keys, periods, periods)
def test_the_offset_is_within_the_period(key: UUID, quick: int, deep: int) -> None:
    for mode in MODES:
        one = plan(quick, deep, key=key)
        assert 0 <= offset(one, mode) < (one.every(mode) or 0)
        alone = plan(quick if mode == QUICK else None, deep if mode == DEEP else None, key=key)
        assert 0 <= offset(alone, mode) < (alone.every(mode) or 0)


@given(keys, st.integers(SHORTEST, DAY), st.integers(2, 100), moments)
def test_a_deep_slot_lies_on_a_quick_one_where_the_periods_fit(
    key: UUID, quick: int, times: int, now: datetime
) -> None:
    one = plan(quick, quick * times, key=key)
    deep = last_slot(one, DEEP, now)
    assert last_slot(one, QUICK, deep) == deep


def test_policies_that_are_alike_do_not_begin_on_the_same_second() -> None:
    offsets = {mode: [offset(plan(HOUR, DAY, key=UUID(int=n)), mode) for n in range(600)] for mode in MODES}
    for mode, every in ((QUICK, HOUR), (DEEP, DAY)):
        by_tenth = [0] * 10
        for moved in offsets[mode]:
            by_tenth[moved * 10 // every] += 1
        assert all(30 <= count <= 90 for count in by_tenth), (mode, by_tenth)


def test_a_plan_without_a_mode_has_no_offset_for_it() -> None:
    with pytest.raises(ValueError, match="no deep looks"):
        offset(plan(MINUTE, None), DEEP)


# ---- what is due

START = last_slot(plan(), QUICK, NOON)


@pytest.mark.parametrize(
    ("why", "handled", "since", "after", "missed"),
    [
        ("never looked", None, START - seconds(1), 0, 0),
        ("dealt with the one before", START - seconds(60), LONG_AGO, 0, 0),
        ("late by most of a slot", START - seconds(60), LONG_AGO, 59.9, 0),
        ("nobody was there for ten minutes", START - seconds(600), LONG_AGO, 0, 9),
        ("nobody was there for ten minutes, and late", START - seconds(600), LONG_AGO, 30, 9),
        ("made six slots ago, and nobody has been there", None, START - seconds(330), 0, 5),
        ("enabled after the last one that was dealt with", START - seconds(600), START - seconds(90), 0, 1),
        ("a slot of an earlier grid", START - seconds(17), LONG_AGO, 0, 0),
    ],
)
def test_the_latest_slot_is_due_and_those_before_it_are_counted(
    why: str, handled: datetime | None, since: datetime, after: float, missed: int
) -> None:
    found = due_slot(plan(since=since), QUICK, handled, START + seconds(after))
    assert found == Slot(QUICK, START, missed), why


@pytest.mark.parametrize(
    ("why", "handled", "since", "after"),
    [
        ("dealt with already", START, LONG_AGO, 0),
        ("dealt with already, and the next is not due", START, LONG_AGO, 59.9),
        ("made after the slot", None, START + seconds(5), 30),
        ("made on the slot", None, START, 30),
        ("made later than now, by another clock", None, START + seconds(600), 30),
        ("dealt with by a clock that was ahead", START + seconds(60), LONG_AGO, 59),
    ],
)
def test_nothing_is_due(why: str, handled: datetime | None, since: datetime, after: float) -> None:
    assert due_slot(plan(since=since), QUICK, handled, START + seconds(after)) is None, why


def test_a_mode_that_is_never_looked_in_is_never_due() -> None:
    assert due_slots(plan(None, DAY), {}, NOON)[0].mode == DEEP
    assert [slot.mode for slot in due_slots(plan(MINUTE, None), {}, NOON)] == [QUICK]
    assert [slot.mode for slot in due_slots(plan(), {}, NOON)] == [DEEP, QUICK]


@given(keys, periods, moments, st.lists(st.integers(0, 20 * DAY), max_size=40))
def test_however_often_it_is_asked_no_slot_is_due_twice_and_all_are_counted(
    key: UUID, every: int, since: datetime, pauses: list[int]
) -> None:
    one, handled, now = plan(every, None, since=since, key=key), None, since
    seen: list[datetime] = []
    counted = 0
    for pause in pauses:
        now += seconds(pause)
        slot = due_slot(one, QUICK, handled, now)
        if slot is not None:
            assert since < slot.starts_at <= now
            seen.append(slot.starts_at)
            counted += slot.missed + 1
            handled = slot.starts_at
        assert due_slot(one, QUICK, handled, now) is None
    assert seen == sorted(set(seen))
    first = next_slot(one, QUICK, since)
    assert counted == max(0, (now - first) // seconds(every) + 1)


# ---- what is done about it

QUICK_SLOT, DEEP_SLOT = Slot(QUICK, NOON), Slot(DEEP, NOON - seconds(7), missed=2)


@pytest.mark.parametrize(
    ("due", "running", "told"),
    [
        ([], [], []),
        ([QUICK_SLOT], [], [(QUICK, STARTED)]),
        ([QUICK_SLOT], [QUICK], [(QUICK, SKIPPED)]),
        ([QUICK_SLOT], [DEEP], [(QUICK, STARTED)]),
        ([DEEP_SLOT], [QUICK], [(DEEP, STARTED)]),
        ([DEEP_SLOT], [DEEP], [(DEEP, SKIPPED)]),
        ([QUICK_SLOT, DEEP_SLOT], [], [(DEEP, STARTED), (QUICK, REPLACED)]),
        ([QUICK_SLOT, DEEP_SLOT], [QUICK], [(DEEP, STARTED), (QUICK, REPLACED)]),
        ([QUICK_SLOT, DEEP_SLOT], [DEEP], [(DEEP, SKIPPED), (QUICK, STARTED)]),
        ([QUICK_SLOT, DEEP_SLOT], [DEEP, QUICK], [(DEEP, SKIPPED), (QUICK, SKIPPED)]),
    ],
)
def test_one_scan_at_most_is_started_and_none_beside_one_of_its_mode(
    due: list[Slot], running: list[str], told: list[tuple[str, str]]
) -> None:
    found = steps(due, running)
    assert [(step.slot.mode, step.outcome) for step in found] == told
    assert {step.slot for step in found} == set(due)
    assert {step.outcome for step in found} <= set(OUTCOMES)


# ---- how often


@pytest.mark.parametrize(
    ("quick", "deep", "fields"),
    [
        (MINUTE, DAY, []),
        (MINUTE, None, []),
        (None, DAY, []),
        (SHORTEST, LONGEST, []),
        (None, None, ["quick_every"]),
        (SHORTEST - 1, DAY, ["quick_every"]),
        (0, None, ["quick_every"]),
        (-60, None, ["quick_every"]),
        (MINUTE, LONGEST + 1, ["deep_every"]),
        (HOUR, MINUTE, ["deep_every"]),
        (HOUR, HOUR, ["deep_every"]),
        (1, 2, ["quick_every", "deep_every"]),
    ],
)
def test_periods_that_can_not_be_kept_are_refused_by_field(
    quick: int | None, deep: int | None, fields: list[str]
) -> None:
    assert [field for field, _ in period_problems(quick, deep)] == fields
