"""How far long work is, how fast it goes, and when it may end: from counts and times, which are rows."""

from dataclasses import dataclass
from datetime import datetime, timedelta

# A rate from a handful of items, or from the first moment, says nothing.
TELLING_ITEMS = 5
TELLING_SECONDS = 1.0
MARK_EVERY = timedelta(seconds=30)


@dataclass(frozen=True)
class Mark:
    """How many items were done at some moment."""

    at: datetime
    done: int


@dataclass(frozen=True)
class Progress:
    """`elapsed` in seconds since the work was begun; `rate` in items a second; `remaining` in seconds. The last two are
    None while nobody can tell; work that has ended has no `remaining`, and the rate of all of it."""

    done: int
    total: int
    elapsed: float
    rate: float | None
    remaining: float | None


def measure(
    *,
    done: int,
    total: int,
    started_at: datetime | None,
    finished_at: datetime | None,
    mark: Mark | None,
    now: datetime,
) -> Progress:
    """Measured since `mark`, which is some half a minute old or older, or else since the start: work that stands still
    becomes slower and slower, and one that begins again after a pause is as fast as it is now."""
    if started_at is None:
        return Progress(done, total, 0.0, None, None)
    if finished_at is not None:
        elapsed = max(0.0, (finished_at - started_at).total_seconds())
        return Progress(done, total, elapsed, done / elapsed if elapsed and done else None, None)
    since = mark if mark is not None and mark.done <= done else Mark(started_at, 0)
    elapsed, seconds = ((now - at).total_seconds() for at in (started_at, since.at))
    items = done - since.done
    rate = items / seconds if items >= TELLING_ITEMS and seconds >= TELLING_SECONDS else None
    left = max(0, total - done)
    return Progress(done, total, max(0.0, elapsed), rate, left / rate if rate and left else None)
