"""Which changes may have brought an incident about: ranked by when and where they were, with the reasons said.

A rank is a hint of where to look first. It blames nobody.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from changemgmt.core import words
from changemgmt.core.incidents import duration_told

Told = tuple[UUID, Collection[str], datetime, str, str]
"""A change: its id, hosts, when it happened, kind and state."""


@dataclass(frozen=True)
class Suspect:
    key: UUID
    score: int
    reasons: tuple[str, ...]


def suspects(changes: Iterable[Told], *, scope: Collection[str], began: datetime) -> list[Suspect]:
    """The changes that touch the scope, most telling first; equal ones in the order in which they come."""
    inside = set(scope)
    found = [_weigh(one, inside, began) for one in changes]
    return sorted((one for one in found if one is not None), key=lambda one: -one.score)


def _weigh(told: Told, scope: set[str], began: datetime) -> Suspect | None:
    key, hosts, at, kind, state = told
    shared = scope & set(hosts)
    if not shared:
        return None
    before = began - at
    reasons = [_when(before)]
    score = 60 - min(55, max(0, int(before / timedelta(minutes=15))))
    # On exactly the hosts that suffer is more telling than a change of everything that happens to hold them.
    score += round(25 * len(shared) / len(scope)) + round(15 * len(shared) / len(set(hosts)))
    elsewhere = len(set(hosts)) - len(shared)
    where = (
        f"on {len(shared)} of the {len(scope)} hosts in the scope"
        if len(scope) > 1
        else "on the host in the scope"
    )
    reasons.append(where + (f", and {elsewhere} elsewhere" if elsewhere else ""))
    if state == "failed":
        score += 15
        reasons.append("it failed")
    if kind == words.EMERGENCY:
        score += 5
        reasons.append("recorded as an emergency")
    return Suspect(key, score, tuple(reasons))


def _when(before: timedelta) -> str:
    if before < timedelta(0):
        return "just as it began"
    return f"{duration_told(before)} before it began"
