"""Does a change explain a finding? Host, resource and time have to agree, and the person speaks for it where hosts tell
who it probably was; the reasons are said."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

# People write down the minute they remember; hosts' clocks differ.
SLACK = timedelta(hours=1)
# Before a host's first look there is no earlier bound; an older change than this hardly explains anything.
FIRST_LOOK = timedelta(days=14)
_NAMED_AT_MOST = 3


@dataclass(frozen=True)
class LoggedChange:
    """What a change says of itself: hosts and resources as text, when it happened, and whose it is (the username of
    whoever said that it was theirs; empty while somebody only stands in)."""

    hosts: Collection[str]
    resources: Collection[str]
    text: str
    happened_at: datetime
    owner: str = ""


@dataclass(frozen=True)
class SeenDrift:
    """A finding: its resource, hosts, when it was first seen, and the last look before that (if any). `probably` has
    the accounts that its hosts name, and with what confidence."""

    resource: str
    hosts: Collection[str]
    first_seen_at: datetime
    before_at: datetime | None
    probably: Mapping[str, str] = field(default_factory=dict)


def reasons(change: LoggedChange, drift: SeenDrift) -> list[str]:
    """Why `change` probably is `drift`; empty when it is not.

    The hosts must overlap, the time must fit, and the change must name the resource or mention its path. One that
    names no resource at all counts (and that is said) where at least half of its hosts have the drift: a weekly
    release to all hosts does not explain what one of them shows, unless its hosts tell that it was the same person.
    """
    shared = sorted(set(change.hosts) & set(drift.hosts))
    if not shared or not _time_fits(change.happened_at, drift):
        return []
    resource = _resource_reason(change, drift.resource)
    person = _person_reason(change, drift)
    if resource is None and not change.resources and (person or 2 * len(shared) >= len(set(change.hosts))):
        resource = "it names no resource, so any on that host fits"
    if resource is None:
        return []
    said = [_hosts_reason(shared, len(set(drift.hosts))), resource, _time_reason(change.happened_at, drift)]
    return [*said, person] if person else said


def says_the_same(change: LoggedChange, resource: str, hosts: Collection[str]) -> bool:
    """Whether a change that explains a finding is a record of the whole of it: it names what changed, and all hosts."""
    return set(hosts) <= set(change.hosts) and names_it(change, resource)


def names_it(change: LoggedChange, resource: str) -> bool:
    """Whether a change says that it was about this resource, rather than about something on that host."""
    return _resource_reason(change, resource) is not None


def _person_reason(change: LoggedChange, drift: SeenDrift) -> str | None:
    """That somebody was merely logged in speaks for nobody."""
    confidence = drift.probably.get(change.owner.casefold()) if change.owner else None
    if confidence not in ("high", "medium"):
        return None
    return f"it is {change.owner}'s, who probably did it by what the host tells ({confidence} confidence)"


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
