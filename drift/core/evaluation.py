"""One look at one host, judged: what was agreed, what should be, and what is there, resource by resource."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from deployments.collector.question import Observation
from deployments.core.definition.model import DesiredManifest, DesiredResource, IgnoreRule
from deployments.core.redaction import is_secret_path
from deployments.core.states import ABSENT, UNDECLARED, Present, State, Undeclared, Unknown
from drift.core.verdict import Judgement, Verdict, judge


@dataclass(frozen=True)
class Judged:
    """One resource with its judgement. `desired` is None for an entry that nobody declared.

    `hidden` is the reason of the ignore rule that covers it: it keeps its verdict, and is counted as hidden.
    """

    resource: str
    judgement: Judgement
    base: State
    head: State
    live: State
    attributes: frozenset[str]
    desired: DesiredResource | None = None
    hidden: str = ""

    @property
    def verdict(self) -> Verdict:
        return self.judgement.verdict


def path_of(resource: str) -> str:
    return resource.partition(":")[2]


def inside(path: str, directories: Iterable[str]) -> str | None:
    """The innermost of `directories` that `path` lies in, or None."""
    holding = [directory for directory in directories if path.startswith(directory.rstrip("/") + "/")]
    return max(holding, key=len, default=None)


def evaluate(
    *,
    base: Mapping[str, State] | None,
    desired: DesiredManifest,
    observation: Observation,
    ignore: Iterable[IgnoreRule] = (),
    still_open: Iterable[str] = (),
) -> list[Judged]:
    """Judge every declared resource, every undeclared entry of an exhaustive directory, and `still_open`.

    `base` is None before the host's first look: base is then the head (enrolment). `still_open` are resources
    with an open occurrence on this host, so that one that is no longer declared or no longer there is judged
    too. In order of resource id.
    """
    rules = tuple(ignore)
    judged: dict[str, Judged] = {}
    for resource, want in desired.resources.items():
        live = observation.state_of(resource)
        before = want.state if base is None else base.get(resource, UNDECLARED)
        if isinstance(before, Unknown):
            before = UNDECLARED
        head, attributes = want.state, want.attributes
        if want.how == "secret":
            before, head, attributes = _with_agreed_secret(before, head, live, attributes)
        judgement = judge(before, head, live, attributes)
        judged[resource] = Judged(resource, judgement, before, head, live, attributes, want)
    declared_paths = {path_of(resource) for resource in desired.resources}
    still_open = set(still_open)
    for resource in {*observation.states, *still_open, *_remembered(base, desired)} - judged.keys():
        if path_of(resource) not in declared_paths:
            judged[resource] = _judge_undeclared(resource, base, desired, observation)
        elif resource in still_open:
            # The path is declared as another kind now, and judged under that id.
            judged[resource] = _no_verdict(resource, observation.state_of(resource))
    return [_with_rule(judged[resource], rules) for resource in sorted(judged)]


def _with_agreed_secret(
    before: State, head: State, live: State, attributes: frozenset[str]
) -> tuple[State, State, frozenset[str]]:
    """A secret's content is not in the definition: its keyed HMAC as agreed stands in on both sides.

    What the first look finds is agreed, since there is nothing else to compare it with.
    """
    agreed = next(
        (s.data["hmac"] for s in (before, live) if isinstance(s, Present) and "hmac" in s.data),
        None,
    )
    if agreed is None or not isinstance(head, Present):
        return before, head, attributes
    if isinstance(before, Present):
        before = Present({**before.data, "hmac": agreed})
    return before, Present({**head.data, "hmac": agreed}), attributes | {"hmac"}


def _remembered(base: Mapping[str, State] | None, desired: DesiredManifest) -> set[str]:
    """Undeclared entries that base holds as absent or present in an exhaustive directory."""
    return {resource for resource in base or () if inside(path_of(resource), desired.exhaustive)}


def _judge_undeclared(
    resource: str, base: Mapping[str, State] | None, desired: DesiredManifest, observation: Observation
) -> Judged:
    """In an exhaustive directory undeclared counts as absent; elsewhere there is no verdict.

    An undeclared directory that only holds declared resources is there because of them: no verdict either.
    """
    live = observation.state_of(resource)
    if inside(path_of(resource), desired.exhaustive) is None or isinstance(live, Undeclared):
        return _no_verdict(resource, live)
    before = (base or {}).get(resource, ABSENT)
    if isinstance(before, Undeclared | Unknown):
        before = ABSENT
    attributes = frozenset(live.data) if isinstance(live, Present) else frozenset({"type"})
    return Judged(resource, judge(before, ABSENT, live, attributes), before, ABSENT, live, attributes)


def _no_verdict(resource: str, live: State) -> Judged:
    judgement = judge(UNDECLARED, UNDECLARED, live, ())
    return Judged(resource, judgement, UNDECLARED, UNDECLARED, live, frozenset())


def _with_rule(judged: Judged, rules: tuple[IgnoreRule, ...]) -> Judged:
    for rule in rules:
        if is_secret_path(path_of(judged.resource), (rule.path,)):
            return replace(judged, hidden=rule.reason)
    return judged


def next_base(base: Mapping[str, State] | None, judged: Iterable[Judged]) -> dict[str, State]:
    """Base after this look: the head at enrolment; what is live wherever live = head; else as it was.

    Where live = head the whole of live is kept, not only what is declared, so that an attribute declared later
    has something to be compared with.
    """
    result: dict[str, State] = {}
    for item in judged:
        if item.verdict is Verdict.UNMANAGED:
            continue
        if item.verdict is Verdict.IN_SYNC:
            agreed: State = item.live
        elif base is None:
            agreed = item.head
        else:
            agreed = item.base
        if not isinstance(agreed, Undeclared | Unknown) and not (item.desired is None and agreed == ABSENT):
            result[item.resource] = agreed
    return result


def counts(judged: Iterable[Judged]) -> dict[str, int]:
    """How many resources have each verdict, and how many of them an ignore rule hides."""
    result = {verdict.value: 0 for verdict in Verdict if verdict is not Verdict.UNMANAGED} | {"hidden": 0}
    for item in judged:
        if item.verdict is Verdict.UNMANAGED:
            continue
        if item.hidden and item.verdict is not Verdict.IN_SYNC:
            result["hidden"] += 1
        else:
            result[item.verdict.value] += 1
    return result
