"""Does a change explain a finding? Host, resource and time have to agree; the reasons are said."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

# People write down the minute they remember; hosts' clocks differ.
SLACK = timedelta(hours=1)
# Before a host's first look there is no earlier bound; an older change than this hardly explains anything.
FIRST_LOOK = timedelta(days=14)
_NAMED_AT_MOST = 3


@dataclass(frozen=True)
class LoggedChange:
    """What a change says of itself: hosts and resources as text, and when it happened."""

    hosts: Collection[str]
    resources: Collection[str]
    text: str
    happened_at: datetime


@dataclass(frozen=True)
class SeenDrift:
    """A finding: its resource, hosts, when it was first seen, and the last look before that (if any)."""

    resource: str
    hosts: Collection[str]
    first_seen_at: datetime
    before_at: datetime | None


def reasons(change: LoggedChange, drift: SeenDrift) -> list[str]:
    """Why `change` probably is `drift`; empty when it is not.

    The hosts must overlap, the time must fit, and the change must name the resource or mention its path. One that
    names no resource at all counts (and that is said) where at least half of its hosts have the drift: a weekly
    release to all hosts does not explain what one of them shows.
    """
    shared = sorted(set(change.hosts) & set(drift.hosts))
    if not shared or not _time_fits(change.happened_at, drift):
        return []
    resource = _resource_reason(change, drift.resource)
    if resource is None and not change.resources and 2 * len(shared) >= len(set(change.hosts)):
        resource = "it names no resource, so any on that host fits"
    if resource is None:
        return []
    return [_hosts_reason(shared, len(set(drift.hosts))), resource, _time_reason(change.happened_at, drift)]


def _time_fits(at: datetime, drift: SeenDrift) -> bool:
    return earliest(drift) <= at <= drift.first_seen_at + SLACK


def earliest(drift: SeenDrift) -> datetime:
    """The earliest moment at which the drift can have come about, as far as we know."""
    return drift.before_at - SLACK if drift.before_at else drift.first_seen_at - FIRST_LOOK


def _resource_reason(change: LoggedChange, resource: str) -> str | None:
    path = resource.partition(":")[2]
    # A path means what is there, whatever kind it is logged as; another name belongs to its kind.
    named = {name.partition(":")[2] for name in change.resources if name.partition(":")[2].startswith("/")}
    if resource in change.resources or path in named or path in change.resources:
        return f"it names {path}"
    if path in change.text.split() or path.rpartition("/")[2] in change.text.split():
        return f"its text mentions {path.rpartition('/')[2]}"
    return None


def _hosts_reason(shared: list[str], total: int) -> str:
    names = ", ".join(shared[:_NAMED_AT_MOST]) + (" …" if len(shared) > _NAMED_AT_MOST else "")
    return f"it names {len(shared)} of {total} hosts ({names})"


def _time_reason(at: datetime, drift: SeenDrift) -> str:
    if drift.before_at is None:
        return f"it happened before the first look, at {at:%Y-%m-%d %H:%M} UTC"
    return f"it happened at {at:%Y-%m-%d %H:%M} UTC, between two looks"
