"""When coverage is sampled, and which samples are kept for how long."""

from datetime import UTC, datetime, timedelta

SLOT = timedelta(minutes=10)
# Older than the first: the first sample of each of the second; older than the last, none.
KEPT = (
    (timedelta(days=2), timedelta(hours=1)),
    (timedelta(days=35), timedelta(days=1)),
)
GONE_AFTER = timedelta(days=3 * 366)
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


def floor(moment: datetime, step: timedelta) -> datetime:
    """The round moment at or before this one: slots of ten minutes, hours and days, all of UTC."""
    return moment - (moment - _EPOCH) % step


def superfluous(slots: list[datetime], now: datetime) -> list[datetime]:
    """Those of `slots` that need not be kept any more."""
    gone: list[datetime] = []
    seen: set[tuple[timedelta, datetime]] = set()
    for slot in sorted(slots):
        age = now - slot
        if age > GONE_AFTER:
            gone.append(slot)
            continue
        step = next((step for older, step in reversed(KEPT) if age > older), None)
        if step is None:
            break
        place = (step, floor(slot, step))
        if place in seen:
            gone.append(slot)
        seen.add(place)
    return gone
