"""Times as people say them. `now` is always passed in."""

from datetime import UTC, datetime

# Up to this many seconds, count in that unit: "36 h ago" says more than "1 day ago".
_SCALE = (
    (100, 1, "s"),
    (100 * 60, 60, "min"),
    (48 * 3_600, 3_600, "h"),
    (90 * 86_400, 86_400, "day"),
    (730 * 86_400, 30 * 86_400, "month"),
)


def relative(then: datetime, now: datetime) -> str:
    """`just now`, `40 s ago`, `12 min ago`, `3 h ago`, `2 days ago`, `in 5 days`. One unit is enough."""
    seconds = int((now - then).total_seconds())
    if abs(seconds) < 10:
        return "just now"
    amount = _amount(abs(seconds))
    return f"{amount} ago" if seconds > 0 else f"in {amount}"


def _amount(seconds: int) -> str:
    for limit, size, unit in _SCALE:
        if seconds < limit:
            return plural_unit(seconds // size, unit)
    return plural_unit(seconds // (365 * 86_400), "year")


def plural_unit(count: int, unit: str) -> str:
    """`1 day`, `3 days`, `3 h`: abbreviations take no plural."""
    return f"{count} {unit}" if count == 1 or unit in ("s", "min", "h") else f"{count} {unit}s"


def absolute(then: datetime) -> str:
    """`2026-03-04 05:06:07 UTC`, to the second, the zone always named."""
    return then.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def to_the_minute(then: datetime) -> str:
    """`2026-03-04 05:06 UTC`, for what is agreed to the minute."""
    return then.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def machine(then: datetime) -> str:
    """RFC 3339 in UTC, for the `datetime` attribute."""
    return then.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def duration(seconds: float) -> str:
    """A length of time in at most two units: `0.4 s`, `42 s`, `4 min 12 s`, `3 h 5 min`, `2 days 4 h`."""
    if seconds < 0:
        raise ValueError("a duration is not negative")
    if 0 < seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    days, rest = divmod(whole, 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes, left = divmod(rest, 60)
    parts = [
        plural_unit(days, "day") if days else "",
        f"{hours} h" if hours else "",
        f"{minutes} min" if minutes else "",
        f"{left} s" if left else "",
    ]
    # Two neighbouring units; what follows is noise at that size.
    first = next((index for index, part in enumerate(parts) if part), 3)
    return " ".join(part for part in parts[first : first + 2] if part) or "0 s"
