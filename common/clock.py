"""The only caller of the wall clock. Everything pure is given `now`."""

import time
from datetime import UTC, datetime


def now() -> datetime:
    return datetime.now(UTC)


def monotonic() -> float:
    """Seconds, for measuring durations only."""
    return time.monotonic()
