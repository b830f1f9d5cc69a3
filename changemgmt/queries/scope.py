"""What inventory knows about the hosts that changes name."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models.functions import Lower

from inventory.models import Host
from inventory.queries.hosts import resolve_selector


@dataclass(frozen=True)
class KnownHost:
    name: str
    environment: str
    lead: UUID | None  # of its team, while they are active


@dataclass(frozen=True)
class Scope:
    """`hosts` with the spelling that inventory has; `lead` leads the one team that all known hosts belong to."""

    hosts: list[str]
    lead: UUID | None
    environments: list[str]


def known_hosts(names: Iterable[str]) -> dict[str, KnownHost]:
    """What inventory knows by these names, by their lower case; in one query."""
    folded = {name.lower() for name in names}
    if not folded:
        return {}
    rows = (
        Host.objects.annotate(folded=Lower("name"))
        .filter(folded__in=folded)
        .values_list("folded", "name", "environment", "team__lead", "team__lead__is_active")
    )
    return {
        folded: KnownHost(name, environment, lead if active else None)
        for folded, name, environment, lead, active in rows
    }


def scope_of(names: Sequence[str], known: Mapping[str, KnownHost]) -> Scope:
    """The hosts of these names. One that inventory doesn't know stays as it was named."""
    ours = [known[name.lower()] for name in names if name.lower() in known]
    spelled = [known[name.lower()].name if name.lower() in known else name for name in names]
    leads = {host.lead for host in ours}
    return Scope(
        list(dict.fromkeys(spelled)),
        leads.pop() if len(leads) == 1 else None,
        sorted({host.environment for host in ours if host.environment}),
    )


def look_up_scope(hosts: Sequence[str], selector: str = "") -> Scope:
    """The hosts named and selected, frozen as text. Raises Invalid when the selector can't be read or means no host."""
    wanted = [*hosts, *selected_hosts(selector)]
    return scope_of(wanted, known_hosts(wanted))


def selected_hosts(selector: str, *, pointer: str = "/selector") -> list[str]:
    """Names of the hosts that a selector means now; none for an empty one. Raises Invalid."""
    return resolve_selector(selector, pointer=pointer).names if selector else []
