"""What a plan meets: freezes that hold at its time for its hosts, and other changes on the same hosts then."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from inventory.core.selectors import Selector

FREEZE = "freeze"
CHANGE = "change"


@dataclass(frozen=True)
class Known:
    """What is known of a host that somebody named: enough for a selector."""

    environment: str = ""
    roles: tuple[str, ...] = ()
    team: str | None = None
    site: str = ""


@dataclass(frozen=True)
class Conflict:
    """`reference` is a window's or a change's; `hosts` are those of the plan that it concerns."""

    kind: str  # FREEZE or CHANGE
    reference: str
    title: str
    state: str  # of the change; "active" of a freeze
    starts_at: datetime
    ends_at: datetime
    hosts: tuple[str, ...]


def meant_by(selector: Selector, hosts: Iterable[str], known: Mapping[str, Known]) -> list[str]:
    """Those of `hosts` that the selector means. Of a host that inventory doesn't know only the name counts: `*`, names,
    and what is excluded by them."""
    unknown = Known()
    return [
        name
        for name in hosts
        if (host := known.get(name, unknown)) is not None
        and selector.matches(name, host.environment, host.roles, host.team, host.site)
    ]
