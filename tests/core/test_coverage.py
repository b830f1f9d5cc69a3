"""Coverage is sampled at round moments, and thinned with age."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from drift.core.coverage import GONE_AFTER, SLOT, floor, superfluous

NOW = datetime(2026, 3, 2, 3, 17, 30, tzinfo=UTC)


def every(step: timedelta, since: timedelta) -> list[datetime]:
    first = floor(NOW - since, SLOT)
    return [first + step * n for n in range(since // step + 1)]


def test_slots_are_round_in_utc() -> None:
    assert floor(NOW, SLOT) == datetime(2026, 3, 2, 3, 10, tzinfo=UTC)
    assert floor(NOW, timedelta(days=1)) == datetime(2026, 3, 2, tzinfo=UTC)
    assert floor(floor(NOW, SLOT), SLOT) == floor(NOW, SLOT)


def test_two_days_are_kept_whole_then_an_hour_then_a_day_has_one() -> None:
    slots = every(SLOT, timedelta(days=60))
    gone = set(superfluous(slots, NOW))
    kept = [slot for slot in slots if slot not in gone]
    ages = [NOW - slot for slot in kept]
    assert sum(age <= timedelta(days=2) for age in ages) == 288
    assert sum(timedelta(days=2) < age <= timedelta(days=3) for age in ages) in (24, 25)
    assert sum(timedelta(days=40) < age <= timedelta(days=50) for age in ages) in (10, 11)
    assert len(kept) < 1_200


def test_after_three_years_it_is_forgotten() -> None:
    old = NOW - GONE_AFTER - timedelta(seconds=1)
    assert superfluous([old, NOW - timedelta(days=1000)], NOW) == [old]


@given(st.lists(st.integers(0, 200_000), max_size=60), st.integers(0, 4_000))
def test_thinning_again_takes_nothing_more_and_no_hour_or_day_is_lost(minutes: list[int], later: int) -> None:
    slots = sorted({floor(NOW - timedelta(minutes=m), SLOT) for m in minutes})
    once = set(slots) - set(superfluous(slots, NOW))
    assert superfluous(sorted(once), NOW) == []
    for step, age in ((timedelta(hours=1), timedelta(days=34)), (timedelta(days=1), timedelta(days=999))):
        had = {floor(slot, step) for slot in slots if NOW - slot <= age}
        assert had <= {floor(slot, step) for slot in once}
    after = NOW + timedelta(minutes=later)
    assert set(superfluous(sorted(once), after)) <= once
