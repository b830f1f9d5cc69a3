"""What base, head and live mean together, for one resource on one host: PRODUCT's table as a function.

`base` is the last agreed state, `head` what the definition says now, `live` what the host has.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum

from deployments.core.states import Absent, Present, State, Undeclared, Unknown, project


class Verdict(StrEnum):
    IN_SYNC = "in sync"
    PENDING = "pending"
    DRIFTED = "drifted"
    CONFLICT = "conflict"
    UNKNOWN = "unknown"
    UNMANAGED = "unmanaged"  # the definition says nothing: no verdict


OUT_OF_BAND = frozenset({Verdict.DRIFTED, Verdict.CONFLICT})


@dataclass(frozen=True)
class Judgement:
    """A verdict, its reason where it needs one, and whether base now moves to what is live."""

    verdict: Verdict
    reason: str = ""
    base_moves: bool = False


# (live = base, live = head, base = head) → judgement. Equality is transitive, so the other three can't be.
_TABLE: dict[tuple[bool, bool, bool], Judgement] = {
    (True, True, True): Judgement(Verdict.IN_SYNC),
    (True, False, False): Judgement(Verdict.PENDING, "the definition moved, and has not arrived here"),
    (False, True, False): Judgement(Verdict.IN_SYNC, base_moves=True),
    (False, False, True): Judgement(Verdict.DRIFTED, "changed out of band"),
    (False, False, False): Judgement(Verdict.CONFLICT, "changed out of band, and the definition moved too"),
}


def judge(
    base: State,
    head: State,
    live: State,
    attributes: Iterable[str],
    *,
    optional: Collection[str] = (),
) -> Judgement:
    """The verdict for one resource.

    `attributes` are those the definition declares; live and base are projected onto them first. Where head is
    absent nothing is declared to project onto, so base and live are compared in all that base has. `optional`
    are attributes that a state only has where there is something to say (an ACL): base without one had none,
    which is something else than base that does not know.
    """
    if isinstance(head, Undeclared):
        return Judgement(Verdict.UNMANAGED, "the definition no longer says anything about it")
    for state in (head, live, base):
        if isinstance(state, Unknown):
            return Judgement(Verdict.UNKNOWN, state.reason)
    if isinstance(live, Undeclared):
        return Judgement(Verdict.UNKNOWN, "not looked at")
    if isinstance(head, Absent) and isinstance(base, Present):
        attributes = base.data.keys()
    attributes = frozenset(attributes)
    if isinstance(base, Present) and isinstance(head, Present) and isinstance(live, Present):
        return _judge_attributes(base, head, live, attributes, frozenset(optional))
    head, live = project(head, attributes), project(live, attributes)
    if isinstance(base, Undeclared):
        return _newly_declared(head, live)
    base = project(base, attributes)
    return _TABLE[live == base, live == head, base == head]


def _judge_attributes(
    base: Present, head: Present, live: Present, attributes: frozenset[str], optional: frozenset[str]
) -> Judgement:
    """All three exist. Attributes that base does not know are newly declared: for them base is undeclared."""
    if _alike(live, head, attributes):
        arrived = _alike(base, head, attributes)
        return _TABLE[arrived, True, arrived]
    known = attributes & (base.data.keys() | optional)
    judgement = _TABLE[_alike(live, base, known), _alike(live, head, known), _alike(base, head, known)]
    if judgement.verdict not in OUT_OF_BAND and not _alike(live, head, attributes - known):
        return _newly_declared(project(head, attributes), project(live, attributes))
    return judgement


_NOTHING = object()


def _alike(one: Present, other: Present, attributes: frozenset[str]) -> bool:
    """Whether both are the same once they are projected; without making those, since this is asked of each resource."""
    first, second = one.data, other.data
    for name in attributes:  # noqa: SIM110 (a generator costs more than what it asks)
        if first.get(name, _NOTHING) != second.get(name, _NOTHING):
            return False
    return True


def _newly_declared(head: State, live: State) -> Judgement:
    if live == head:
        return Judgement(Verdict.IN_SYNC, base_moves=True)
    if isinstance(live, Absent):
        return Judgement(Verdict.PENDING, "newly declared, and has not arrived here")
    return Judgement(Verdict.CONFLICT, "newly declared, and would overwrite what was there before")
