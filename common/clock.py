"""The only caller of the wall clock. Everything pure is given `now`."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

_shift = timedelta(0)


def now() -> datetime:
    return datetime.now(UTC) + _shift


def monotonic() -> float:
    """Seconds, for measuring durations only."""
    return time.monotonic()


@contextmanager
def shifted(by: timedelta) -> Iterator[None]:
    """Let this process live at another time: for the demonstration's history and for tests."""
    global _shift
    before, _shift = _shift, by
    try:
        yield
    finally:
        _shift = before
