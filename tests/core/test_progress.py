"""Rate and ETA: from counts and times, never before there is something to tell them from."""

from datetime import UTC, datetime, timedelta

from common.core.progress import Mark, Progress, measure

START = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def told(done: int, seconds: float, *, total: int = 1000, mark: Mark | None = None) -> Progress:
    return measure(done=done, total=total, started_at=START, finished_at=None, mark=mark, now=after(seconds))


def test_nothing_is_told_of_what_has_not_begun() -> None:
    waiting = measure(done=0, total=9, started_at=None, finished_at=None, mark=None, now=START)
    assert (waiting.elapsed, waiting.rate, waiting.remaining) == (0, None, None)


def test_no_rate_before_there_is_a_basis() -> None:
    assert told(4, 60).rate is None and told(4, 60).remaining is None
    assert told(500, 0.5).rate is None
    assert told(5, 1).rate == 5


def test_what_is_left_takes_as_long_as_the_rate_says() -> None:
    half = told(500, 50)
    assert (half.elapsed, half.rate, half.remaining) == (50, 10, 50)


def test_the_rate_is_that_of_the_last_minute_and_not_of_all_of_it() -> None:
    slow_then_fast = told(900, 640, mark=Mark(after(600), 100))
    assert slow_then_fast.rate == 20 and slow_then_fast.remaining == 5


def test_work_that_stands_still_becomes_slower_and_never_promises_less() -> None:
    mark = Mark(after(0), 100)
    left = [told(400, seconds, mark=mark).remaining or 0 for seconds in (30, 60, 600)]
    assert left == sorted(left) and left[0] < left[-1]
    assert told(400, 600, mark=Mark(after(500), 400)).remaining is None


def test_what_has_ended_has_the_rate_of_all_of_it_and_is_frozen() -> None:
    for now in (after(100), after(100_000)):
        over = measure(
            done=1000, total=1000, started_at=START, finished_at=after(100), mark=Mark(after(90), 5), now=now
        )
        assert (over.elapsed, over.rate, over.remaining) == (100, 10, None)


def test_nothing_is_left_when_everything_is_done_or_more_than_was_asked_for() -> None:
    assert told(1000, 10).remaining is None and told(1001, 10).remaining is None


def test_a_clock_that_went_back_promises_nothing() -> None:
    assert told(500, -5) == Progress(500, 1000, 0.0, None, None)
