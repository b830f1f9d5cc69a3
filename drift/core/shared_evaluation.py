"""Many hosts judged, and what they share judged once.

Hosts that are alike have the same base, head and live state but for what depends on each host itself. The shared part
is judged once per distinct (base, head, live, and whatever else decides), and where that differs in little from what was
judged before, only that is judged; own resources are judged host by host. What comes out is what `evaluate` says of each
host.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from deployments.collector.question import Observation
from deployments.core.definition.model import DesiredManifest, DesiredResource, IgnoreRule
from deployments.core.definition.render import DesiredParts
from deployments.core.states import State
from drift.core.evaluation import (
    MOST_CHANGED,
    MOST_DRIFTED,
    Ground,
    Judged,
    counts,
    evaluate,
    judge_portion,
    next_base,
    settled,
)
from drift.core.own import Own
from drift.core.verdict import Verdict
from drift.core.watched import is_whole

Value = TypeVar("Value", State, DesiredResource)
Form = Callable[[State, State], State]
NO_STATES: Mapping[str, State] = {}


@dataclass(frozen=True)
class Halves(Generic[Value]):
    """Things by resource id: those that alike hosts share, and those of the host itself. Whoever has the same `key`
    has the same `shared`. No own resource needs to be where it belongs: it is put there."""

    key: Hashable
    shared: Mapping[str, Value]
    own: Mapping[str, Value]

    def whole(self) -> dict[str, Value]:
        return {**self.shared, **self.own}


@dataclass(frozen=True)
class HostParts:
    """One host as it is judged. `shape` is its observation without states, and `shape_key` stands for it; `found` are
    its open occurrences, as live was then."""

    base: Halves[State] | None
    desired: DesiredParts
    live: Halves[State]
    shape: Observation
    shape_key: Hashable
    found: Mapping[str, State] = field(default_factory=dict)


@dataclass(frozen=True)
class _Part:
    """What was judged together: as `evaluate` gives it, what is counted, and the base that follows. `changed` and
    `drifted` count against the limits."""

    judged: list[Judged]
    counts: Mapping[str, int]
    base: Mapping[str, State]
    moves_base: bool
    changed: frozenset[str] = frozenset()
    drifted: frozenset[str] = frozenset()


@dataclass(frozen=True)
class _Case:
    """A shared part with what it was made of, to make those of it that differ little."""

    part: _Part
    ground: Ground
    base: Mapping[str, State] | None
    live: Mapping[str, State]
    found: Mapping[str, State]


@dataclass(frozen=True)
class HostVerdicts:
    """What `evaluate` says of one host; parts are shared with hosts that are alike."""

    parts: tuple[_Part, ...]

    def judged(self) -> list[Judged]:
        """In order of resource id."""
        if len(self.parts) == 1:
            return self.parts[0].judged
        return sorted((item for part in self.parts for item in part.judged), key=_resource)

    def counts(self) -> dict[str, int]:
        result: dict[str, int] = {}
        for part in self.parts:
            for name, number in part.counts.items():
                result[name] = result.get(name, 0) + number
        return result

    @property
    def moves_base(self) -> bool:
        """Whether what is agreed becomes another by this."""
        return any(part.moves_base for part in self.parts)

    def next_base(self) -> dict[str, State]:
        return {name: state for part in self.parts for name, state in part.base.items()}

    def unsettled(self) -> Iterable[Judged]:
        """What has a verdict and is not in sync."""
        for part in self.parts:
            if part.counts != _all_in_sync(part.counts):
                yield from (item for item in part.judged if item.counted and item.verdict not in _SETTLED)


_SETTLED = (Verdict.IN_SYNC, Verdict.UNMANAGED)


def _all_in_sync(numbers: Mapping[str, int]) -> dict[str, int]:
    return {**dict.fromkeys(numbers, 0), Verdict.IN_SYNC.value: numbers[Verdict.IN_SYNC.value]}


def _resource(item: Judged) -> str:
    return item.resource


def _only(names: Iterable[str], things: Mapping[str, Value]) -> dict[str, Value]:
    return {name: things[name] for name in names if name in things}


def _differing(
    last: _Case, base: Mapping[str, State] | None, live: Mapping[str, State], found: Mapping[str, State]
) -> frozenset[str] | None:
    """The names that are to be judged anew, with whatever may be at their paths; None where what decides about all of
    them differs. States of one stored chunk are the same objects, so this costs little."""
    if (base is None) != (last.base is None):
        return None
    pairs = [(last.live, live), (last.base or NO_STATES, base or NO_STATES)]
    names = {*found, *last.found}
    for one, other in pairs:
        names |= {n for n, state in other.items() if one.get(n) is not state and one.get(n) != state}
        names |= one.keys() - other.keys()
    if any(is_whole(name) for name in names):
        return None
    return Own(names).names


def shape_of(observation: Observation) -> tuple[Observation, Hashable]:
    """(what an observation says but for states, a key that is equal where that is)."""
    shape = _seen(observation, NO_STATES)
    listed, unseen = (tuple(sorted(each.items())) for each in (shape.listed, shape.unseen))
    return shape, (listed, shape.implied, unseen, shape.shipped, shape.packaged, shape.failure)


def _seen(shape: Observation, states: Mapping[str, State]) -> Observation:
    return Observation(
        states,
        listed=shape.listed,
        implied=shape.implied,
        unseen=shape.unseen,
        shipped=shape.shipped,
        packaged=shape.packaged,
        failure=shape.failure,
    )


class SharedEvaluation:
    """Judges hosts with one definition, and remembers what it judged of those that are alike. Not for two threads.

    `watched` kinds and `roots` are the definition's. `compared` makes what is desired comparable, `same_form` brings
    base into the form of live.
    """

    def __init__(
        self,
        *,
        watched: tuple[str, ...] = (),
        roots: tuple[str, ...] = (),
        ignore: Iterable[IgnoreRule] = (),
        compared: Callable[[DesiredResource], DesiredResource] = lambda desired: desired,
        same_form: Form = lambda base, live: base,
    ) -> None:
        self._watched, self._roots, self._rules = watched, roots, tuple(ignore)
        self._compared, self._same_form = compared, same_form
        self._own: dict[frozenset[str], Own] = {}
        self._split: dict[Hashable, tuple[Mapping[str, State], Mapping[str, State]]] = {}
        self._declared: dict[Hashable, Halves[DesiredResource]] = {}
        self._known: dict[Hashable, tuple[_Part, Ground]] = {}
        self._last: dict[Hashable, _Case] = {}

    @property
    def distinct(self) -> int:
        """How many shared parts were judged."""
        return len(self._known)

    def judge(self, host: HostParts) -> HostVerdicts:
        is_own = self._own_of(host.desired.own_ids)
        declared = self._declared_of(host.desired, is_own)
        base = self._sorted_out(host.base, is_own) if host.base is not None else None
        live = self._sorted_out(host.live, is_own)
        mine = {name: state for name, state in host.found.items() if name in is_own}
        theirs = {name: state for name, state in host.found.items() if name not in mine}
        key = (
            declared.key,
            base and base.key,
            live.key,
            host.shape_key,
            tuple(sorted(theirs.items(), key=lambda item: item[0])),
        )
        if key not in self._known:
            case = self._judge_shared(host, declared, base, live, theirs)
            self._known[key] = case.part, case.ground
        shared, ground = self._known[key]
        own = self._part(
            ground,
            declared.own,
            None if base is None else base.own,
            _seen(host.shape, live.own),
            mine,
            wholes=False,
        )
        if (
            len(shared.changed) + len(own.changed) > MOST_CHANGED
            or len(shared.drifted) + len(own.drifted) > MOST_DRIFTED
        ):  # what differs is too much to be told, and the host is judged as a whole
            return HostVerdicts((self._judge_whole(host, declared, base, live),))
        return HostVerdicts((shared, own))

    # --- the two halves of each side -----------------------------------------------------------------------------

    def _own_of(self, ids: frozenset[str]) -> Own:
        if ids not in self._own:
            self._own[ids] = Own(ids)
        return self._own[ids]

    def _declared_of(self, desired: DesiredParts, is_own: Own) -> Halves[DesiredResource]:
        common = self._declared.get(desired.key)
        if common is None:
            made = {name: self._compared(want) for name, want in desired.shared.items()}
            apart = {name: want for name, want in made.items() if name in is_own}
            made = {name: want for name, want in made.items() if name not in apart}
            common = self._declared[desired.key] = Halves(desired.key, made, apart)
        own = {name: self._compared(want) for name, want in desired.own.items()}
        return Halves(desired.key, common.shared, {**common.own, **own})

    def _sorted_out(self, side: Halves[State], is_own: Own) -> Halves[State]:
        """Every resource in the half where it belongs by now; it may have been stored when that was another."""
        known = (side.key, is_own.ids)
        if known not in self._split:
            stray = _only(is_own.names & side.shared.keys(), side.shared)
            rest = {name: s for name, s in side.shared.items() if name not in stray} if stray else side.shared
            self._split[known] = rest, stray
        shared, own = self._split[known]
        own = {**own, **side.own} if own else side.own
        key = (side.key, is_own.ids)
        if not own.keys() <= is_own.names:
            left = {name: state for name, state in own.items() if name not in is_own}
            shared = {**shared, **left}
            own = {name: state for name, state in own.items() if name not in left}
            return Halves((*key, tuple(sorted(left.items(), key=lambda item: item[0]))), shared, own)
        return Halves(key, shared, own)

    # --- verdicts ------------------------------------------------------------------------------------------------

    def _manifest(self, host: HostParts, declared: Halves[DesiredResource]) -> DesiredManifest:
        return DesiredManifest(
            declared.whole(), host.desired.exhaustive, watched=self._watched, roots=self._roots
        )

    def _judge_shared(
        self,
        host: HostParts,
        declared: Halves[DesiredResource],
        base: Halves[State] | None,
        live: Halves[State],
        found: Mapping[str, State],
    ) -> _Case:
        """All of it, or what differs from the last that was made like this."""
        agreed = base.shared if base is not None else None
        like = (declared.key, host.shape_key)
        last = self._last.get(like)
        names = None if last is None else _differing(last, agreed, live.shared, found)
        if last is not None and names is not None:
            part = self._with(last, names, declared, agreed, _seen(host.shape, live.shared), found)
            return _Case(part, last.ground, agreed, live.shared, found)
        observation = _seen(host.shape, live.shared)
        formed = None if agreed is None else self._in_form(agreed, live.shared)
        ground = Ground(formed, self._manifest(host, declared), observation)
        part = self._part(ground, declared.shared, agreed, observation, found, wholes=True)
        case = self._last[like] = _Case(part, ground, agreed, live.shared, found)
        return case

    def _with(
        self,
        last: _Case,
        names: frozenset[str],
        declared: Halves[DesiredResource],
        base: Mapping[str, State] | None,
        observation: Observation,
        found: Mapping[str, State],
    ) -> _Part:
        """A part that was judged already, with some names judged anew."""
        part = self._part(
            last.ground,
            _only(names, declared.shared),
            None if base is None else _only(names, base),
            _seen(observation, _only(names, observation.states)),
            _only(names, found),
            wholes=False,
        )
        before = [item for item in last.part.judged if item.resource in names]
        judged = [item for item in last.part.judged if item.resource not in names] + part.judged
        after = {name: state for name, state in last.part.base.items() if name not in names} | dict(part.base)
        gone, come = counts(before), part.counts
        return _Part(
            sorted(judged, key=_resource),
            {name: number - gone[name] + come[name] for name, number in last.part.counts.items()},
            after,
            after != base,
            last.part.changed - names | part.changed,
            last.part.drifted - names | part.drifted,
        )

    def _part(
        self,
        ground: Ground,
        wants: Mapping[str, DesiredResource],
        base: Mapping[str, State] | None,
        observation: Observation,
        found: Mapping[str, State],
        *,
        wholes: bool,
    ) -> _Part:
        agreed = self._in_form(base, observation.states) if base is not None else None
        portion = judge_portion(
            ground, wants=wants, base=agreed, observation=observation, still_open=found.keys(), wholes=wholes
        )
        judged = settled(portion.judged, observation, self._rules, found)
        after = next_base(agreed, judged)
        return _Part(
            judged,
            counts(judged),
            after,
            after != base,
            frozenset(portion.changed),
            frozenset(portion.drifted),
        )

    def _judge_whole(
        self,
        host: HostParts,
        declared: Halves[DesiredResource],
        base: Halves[State] | None,
        live: Halves[State],
    ) -> _Part:
        seen = live.whole()
        agreed = self._in_form(base.whole(), seen) if base is not None else None
        judged = evaluate(
            base=agreed,
            desired=self._manifest(host, declared),
            observation=_seen(host.shape, seen),
            ignore=self._rules,
            still_open=host.found,
            found=host.found,
        )
        after = next_base(agreed, judged)
        return _Part(judged, counts(judged), after, base is None or after != base.whole())

    def _in_form(self, base: Mapping[str, State], live: Mapping[str, State]) -> Mapping[str, State]:
        return {
            name: self._same_form(state, live[name]) if name in live else state
            for name, state in base.items()
        }
