"""What every kind of resource offers: how it is observed, compared and named.

A kind is pure. To observe, it takes part in a *survey*: a small state machine that asks, is given the replies,
and asks again until it has nothing more to ask. The steps of all surveys are sent together, so that one round
trip serves every kind.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from deployments.collector.wire import Ask, Reply
from deployments.core.states import Absent, Present, State, Undeclared, Unknown


@dataclass(slots=True)
class Findings:
    """What a survey brings home. See `deployments.collector.question.Observation` for the meaning of each."""

    states: dict[str, State] = field(default_factory=dict)
    evidence: dict[str, dict[str, Any]] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)
    redactions: dict[str, int] = field(default_factory=dict)
    withheld: dict[str, str] = field(default_factory=dict)
    listed: dict[str, str | None] = field(default_factory=dict)
    implied: set[str] = field(default_factory=set)
    redacted: dict[str, int] = field(default_factory=dict)
    unseen: dict[str, str] = field(default_factory=dict)
    shipped: frozenset[str] | None = None
    packaged: frozenset[str] | None = None
    problems: list[str] = field(default_factory=list)


def merged(parts: Iterable[Findings]) -> Findings:
    """All of them as one; each resource is in one of them."""
    whole = Findings()
    for part in parts:
        whole.states |= part.states
        whole.evidence |= part.evidence
        whole.contents |= part.contents
        whole.redactions |= part.redactions
        whole.withheld |= part.withheld
        whole.listed |= part.listed
        whole.implied |= part.implied
        whole.redacted |= part.redacted
        whole.unseen |= part.unseen
        whole.problems += part.problems
        if part.packaged is not None:
            whole.shipped, whole.packaged = part.shipped, part.packaged
    return whole


class Survey(Protocol):
    """One family of kinds looking at one host."""

    def asks(self) -> list[Ask]:
        """What to ask next; nothing when it is finished. Called once per round, before `take`."""

    def take(self, replies: list[Reply]) -> None:
        """The replies to the last `asks`, as many and in the same order. Never raises for their content."""

    def findings(self) -> Findings:
        """What is known now. May be called at any time: what was not answered yet is unknown."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One attribute that differs. `attribute` is "state" where one side is not present at all."""

    attribute: str
    wanted: Any
    live: Any

    def __str__(self) -> str:
        return f"{self.attribute}: {self.wanted} → {self.live}"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of resource. `attributes` are in the order in which people read them."""

    name: str
    section: str
    attributes: tuple[str, ...]

    def resource(self, key: str) -> str:
        """The id of a resource: `file:/etc/motd`."""
        return f"{self.name}:{key}"

    def differences(
        self, wanted: State, live: State, attributes: Iterable[str] | None = None
    ) -> list[Difference]:
        """How `live` differs from `wanted`, over the declared attributes (default: those that are wanted).

        Nothing is said about unknown states: they are not different, they are not known.
        """
        if isinstance(wanted, Unknown) or isinstance(live, Unknown):
            return []
        if not isinstance(wanted, Present) or not isinstance(live, Present):
            said, seen = presence(wanted), presence(live)
            return [] if said == seen else [Difference("state", said, seen)]
        declared = set(wanted.data if attributes is None else attributes)
        return [
            Difference(name, wanted.data.get(name), live.data.get(name))
            for name in self._ordered(declared, wanted.data, live.data)
            if wanted.data.get(name) != live.data.get(name)
        ]

    def _ordered(self, declared: set[str], *states: Mapping[str, Any]) -> list[str]:
        known = [name for name in self.attributes if name in declared]
        return known + sorted(declared - set(self.attributes))


def presence(state: State) -> str:
    """ "present", "absent", "undeclared" or "unknown"."""
    match state:
        case Present():
            return "present"
        case Absent():
            return "absent"
        case Undeclared():
            return "undeclared"
    return "unknown"
