"""When something happened, as told by whoever records it."""

from datetime import UTC, datetime, timedelta

from common.core.errors import FieldError, Invalid

# Clocks of programs run ahead a little; a plan is not a record.
SLACK = timedelta(minutes=10)
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)


def check_happened_at(
    happened_at: datetime | None, now: datetime, *, field: str = "happened_at"
) -> datetime | None:
    """`happened_at` in UTC, if it can be when something happened; raises Invalid, pointing at `field`."""
    if happened_at is None:
        return None
    problem = None
    if happened_at.tzinfo is None:
        problem = "say the offset from UTC, as in 2026-03-01T03:12:00Z"
    elif happened_at > now + SLACK:
        problem = "this is in the future: a change is recorded when it has been done"
    elif happened_at < EARLIEST:
        problem = "this is before 1990"
    if problem:
        raise Invalid(f"/{field}: {problem}.", errors=[FieldError(f"/{field}", problem)])
    return happened_at.astimezone(UTC)
