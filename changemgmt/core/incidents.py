"""An incident's time: what was done within it, and how it is told on the timeline."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

# People write down the minute they remember; hosts' clocks differ.
SLACK = timedelta(minutes=5)
NAMED_AT_MOST = 3


@dataclass(frozen=True)
class Span:
    """When an incident went on; `until` is None while it does."""

    since: datetime
    until: datetime | None = None

    def has(self, at: datetime) -> bool:
        """Whether a moment lies inside, give or take what clocks and memories are off by."""
        return self.since - SLACK <= at and (self.until is None or at <= self.until + SLACK)

    def may_have(self, *, after: datetime | None, before: datetime, at: datetime | None) -> bool:
        """Whether something came about inside that was not there `after` and was there `before`.

        `at` is the moment itself where that is known; then it decides. Where nobody ever looked before (`after` is None)
        and no moment is known, it may have been there for years, and doesn't count.
        """
        if at is not None:
            return self.has(at)
        if after is None:
            return False
        return before >= self.since and (self.until is None or after <= self.until)


def named(names: Sequence[str]) -> str:
    """`web-1, web-2, web-3 and 9 more`"""
    more = len(names) - NAMED_AT_MOST
    shown = ", ".join(names[:NAMED_AT_MOST])
    return f"{shown} and {more} more" if more > 0 else shown


def hosts_told(hosts: Sequence[str]) -> str:
    if not hosts:
        return "no hosts"
    return f"{len(hosts)} host{'s' if len(hosts) != 1 else ''} ({named(hosts)})"


def scope_told(before: Sequence[str], after: Sequence[str]) -> str:
    """What became of the scope: `came: web-3; went: db-1`."""
    came = [host for host in after if host not in set(before)]
    went = [host for host in before if host not in set(after)]
    parts = [f"came: {named(came)}"] if came else []
    parts += [f"went: {named(went)}"] if went else []
    return "; ".join(parts)


def duration_told(length: timedelta) -> str:
    """`2 h 13 min`, `13 min`, `under a minute`, `3 d 4 h`."""
    minutes = int(length.total_seconds() // 60)
    if minutes < 1:
        return "under a minute"
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
