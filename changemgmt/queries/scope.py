"""What inventory knows about the hosts that a change names."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models.functions import Lower

from inventory.models import Host
from inventory.queries.hosts import resolve_selector


@dataclass(frozen=True)
class Scope:
    """`hosts` with the spelling that inventory has; `lead` leads the one team that all known hosts belong to."""

    hosts: list[str]
    lead: UUID | None


def look_up_scope(hosts: Sequence[str], selector: str = "") -> Scope:
    """The hosts named and selected, frozen as text. A host that inventory doesn't know stays as it was named.

    Raises Invalid when the selector can't be read or means no host.
    """
    selected = resolve_selector(selector, pointer="/selector").names if selector else []
    wanted = [*hosts, *selected]
    if not wanted:
        return Scope([], None)
    rows = (
        Host.objects.annotate(folded=Lower("name"))
        .filter(folded__in={name.lower() for name in wanted})
        .values_list("folded", "name", "team__lead", "team__lead__is_active")
    )
    known = {folded: (name, lead if active else None) for folded, name, lead, active in rows}
    names = [known[name.lower()][0] if name.lower() in known else name for name in wanted]
    leads = {lead for _, lead in known.values()}
    return Scope(list(dict.fromkeys(names)), leads.pop() if len(leads) == 1 else None)
