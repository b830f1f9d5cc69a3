"""Kinds that a host lists whole: packages, services, users … One verb of the collector, one answer, every entry.

A kind module gives its name, its attributes, its verb and a pure `parse`; everything else is here. What is
declared and not in a complete listing is absent; what a listing can't prove is unknown with the reason.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

from deployments.collector import reasons
from deployments.collector.question import Question
from deployments.collector.reasons import printable, reason
from deployments.collector.wire import Ask, Reply
from deployments.core.states import ABSENT, Present, State, Unknown
from deployments.kinds.base import Findings, Kind, merged

MAX_ENTRIES = 20_000
"""Entries of one kind on one host. More is an accident, or a host that lies."""
MAX_KEY = 1_024
"""Characters of one key."""


@dataclass(frozen=True, slots=True)
class Listed:
    """What one answer says about one kind. Keys are those of the kind's section ("nginx", "net.core.somaxconn").

    `incomplete` is why an entry that is not in `states` is unknown rather than absent; None where the host was
    seen whole. A single entry that can't be seen is `Unknown` in `states`. `evidence` is not state: times, and
    what helps people. `problems` are for people, one printable line each. `redacted` counts, by key, what was taken
    out of a state because it looked like a secret: such a state is compared, and never folded back.

    Four more matter only where an entry is declared. `declared` are states to take then instead of those in
    `states`: an alias, an entry or an attribute that comes and goes by itself. `unseen` are attributes that can't be
    seen, by key ("*": of all others), with the reason: an entry that declares one is unknown. `gaps` are patterns of
    keys (`fnmatch`):
    what matches the first of them, and is in neither mapping, is unknown for that reason, or absent where that is
    None, whatever `incomplete` says of the rest. `otherwise` is the state of what is in neither mapping, seen whole, and
    declared by its attributes: where being there is no more than having some of them, nothing is absent.
    """

    states: Mapping[str, State] = field(default_factory=dict)
    incomplete: str | None = None
    evidence: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    redacted: Mapping[str, int] = field(default_factory=dict)
    declared: Mapping[str, State] = field(default_factory=dict)
    unseen: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    gaps: Mapping[str, str | None] = field(default_factory=dict)
    otherwise: State = ABSENT

    def _told(self, key: str, attributes: Iterable[str] | None) -> State | None:
        """What comes and goes by itself is only told where it is what is declared: the rest of the entry may be
        watched, and that is not."""
        declared, listed = self.declared.get(key), self.states.get(key)
        if attributes is None or not isinstance(declared, Present) or not isinstance(listed, Present):
            return declared or listed
        told = listed.data.keys() | set(attributes)
        return Present({name: value for name, value in declared.data.items() if name in told})

    def state_of(self, key: str, attributes: Iterable[str] | None) -> State:
        """The state of a declared entry of which these attributes matter (None: all that it has)."""
        state = self._told(key, attributes)
        if state is None:
            why = next((why for glob, why in self.gaps.items() if fnmatchcase(key, glob)), self.incomplete)
            if why is not None:
                return Unknown(why)
            state = self.otherwise if attributes else ABSENT
        if not isinstance(state, Present):
            return state
        unseen = self.unseen.get(key, self.unseen.get("*", {}))
        return next((Unknown(unseen[name]) for name in sorted(attributes or ()) if name in unseen), state)


Parse = Callable[[bytes], Listed]


@dataclass(frozen=True, slots=True)
class ListedKind(Kind):
    """A kind that is listed whole by one argument-free verb of the collector.

    `parse` takes the body of a complete answer, which is hostile input, and never raises for it. Several kinds
    may share a verb: it is asked once. `compared` are the attributes that count where nobody declared the entry
    (None: all): those that a host does not change by itself.
    """

    verb: str = ""
    parse: Parse = lambda body: Listed()
    compared: tuple[str, ...] | None = None

    @property
    def whole(self) -> str:
        """The name under which `Observation.listed` says whether the listing is complete: "package:"."""
        return f"{self.name}:"


class ListingSurvey:
    """A `Survey` of all kinds that are listed whole, as far as the question declares or watches them."""

    def __init__(self, question: Question, kinds: Iterable[ListedKind]) -> None:
        self._question = question
        self._kinds = [kind for kind in kinds if kind.name in question.watched or self._declared(kind)]
        self._verbs = list(dict.fromkeys(kind.verb for kind in self._kinds))
        self._asked = False
        self._found: dict[str, Findings] = {verb: Findings() for verb in self._verbs}
        self._told: set[str] = set()
        for kind in self._kinds:
            self._settle(kind, Listed(incomplete=reasons.NOT_ASKED))

    def asks(self) -> list[Ask]:
        if self._asked:
            return []
        self._asked = True
        return [Ask(verb) for verb in self._verbs]

    def take(self, replies: list[Reply]) -> None:
        for verb, reply in zip(self._verbs, replies, strict=False):
            if reply.status is not None:
                self._told.add(verb)
            for kind in self._kinds:
                if kind.verb == verb:
                    self._settle(kind, _listed(kind, reply))

    def findings(self) -> Findings:
        return merged(self._found.values())

    def memory(self, section: str) -> dict[str, Any] | None:
        """What to remember of a verb besides states; None where it was not answered whole."""
        if section not in self._told:
            return None
        found = self._found[section]
        rest = {"listed": found.listed, "redacted": found.redacted, "problems": found.problems}
        return {name: part for name, part in rest.items() if part}

    def _declared(self, kind: ListedKind) -> list[str]:
        return [name for name in self._question.resources if name.startswith(kind.whole)]

    def _settle(self, kind: ListedKind, listed: Listed) -> None:
        found = self._found[kind.verb]
        if kind.name in self._question.watched:
            found.listed[kind.whole] = listed.incomplete
            found.states |= {kind.resource(key): state for key, state in listed.states.items()}
        for resource in self._declared(kind):
            attributes = self._question.resources[resource]
            found.states[resource] = listed.state_of(resource.removeprefix(kind.whole), attributes)
        for key, evidence in listed.evidence.items():
            if kind.resource(key) in found.states:
                found.evidence[kind.resource(key)] = dict(evidence)
        for key, count in listed.redacted.items():
            if kind.resource(key) in found.states:
                found.redacted[kind.resource(key)] = count
        found.problems += listed.problems


def _listed(kind: ListedKind, reply: Reply) -> Listed:
    if reply.failure:
        return Listed(incomplete=reply.failure)
    try:
        listed = kind.parse(reply.body)
    except (ValueError, IndexError, KeyError) as error:  # a parser that meets what it did not foresee
        return Listed(incomplete=reason(reasons.GARBLED, f"{kind.section}: {type(error).__name__}"))
    usable = {key: state for key, state in listed.states.items() if _is_usable(key)}
    if len(usable) > MAX_ENTRIES:
        return Listed(incomplete=reason(reasons.OVER_LIMIT, f"more than {MAX_ENTRIES} {kind.section}"))
    if len(usable) < len(listed.states):
        odd = next(key for key in listed.states if not _is_usable(key))
        problem = f"{kind.section}: a name that can't be used was left out: {printable(odd, 80)}"
        return replace(listed, states=usable, problems=(*listed.problems, problem))
    return listed


def _is_usable(key: str) -> bool:
    return bool(key) and len(key) <= MAX_KEY and key.isprintable() and key == key.strip()
