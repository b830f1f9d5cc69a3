"""How often, as people write it: `30 s`, `5 min`, `1 h 30 min`, `1 day`."""

import re

_SIZES = {"s": 1, "min": 60, "h": 3_600, "day": 86_400, "week": 7 * 86_400}
_UNITS = {
    "s": "s", "sec": "s", "secs": "s", "second": "s", "seconds": "s",
    "m": "min", "min": "min", "mins": "min", "minute": "min", "minutes": "min",
    "h": "h", "hr": "h", "hrs": "h", "hour": "h", "hours": "h",
    "d": "day", "day": "day", "days": "day",
    "w": "week", "week": "week", "weeks": "week",
}  # fmt: skip
_PART = re.compile(r"\s*(\d{1,9})\s*([a-z]+)\s*", re.ASCII)


def parse(text: str) -> int | None:
    """Seconds; None for nothing. Raises ValueError for what is no length of time."""
    text = text.strip().lower().replace(" and ", " ").replace(",", " ")
    if not text:
        return None
    seconds, at = 0, 0
    if text in _UNITS:  # "every day"
        return _SIZES[_UNITS[text]]
    while at < len(text):
        part = _PART.match(text, at)
        if part is None or part[2] not in _UNITS:
            raise ValueError(text)
        seconds += int(part[1]) * _SIZES[_UNITS[part[2]]]
        at = part.end()
    return seconds


def told(seconds: int) -> str:
    """Exactly, so that it reads back as the same: `90` is `1 min 30 s`."""
    words = []
    for unit in ("day", "h", "min", "s"):
        count, seconds = divmod(seconds, _SIZES[unit])
        if count:
            words.append(f"{count} days" if unit == "day" and count > 1 else f"{count} {unit}")
    return " ".join(words) or "0 s"


def every(seconds: int) -> str:
    """`every day`, `every minute`, `every 5 min`."""
    names = {1: "second", 60: "minute", 3_600: "hour", 86_400: "day"}
    return f"every {names.get(seconds) or told(seconds)}"
