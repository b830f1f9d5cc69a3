"""One look at one host, judged: what was agreed, what should be, and what is there, resource by resource."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from deployments.collector.question import Observation
from deployments.collector.reasons import OVER_LIMIT, reason
from deployments.core.definition.model import DesiredManifest, DesiredResource, IgnoreRule
from deployments.core.definition.sections import KIND_TO_SECTION
from deployments.core.definition.settings import ignored_by
from deployments.core.states import ABSENT, UNDECLARED, Present, State, Undeclared, Unknown
from drift.core.verdict import OUT_OF_BAND, Judgement, Verdict, judge
from drift.core.watched import FILE_KINDS, Watch, inside, is_whole, kind_of, optional_attributes, path_of
from drift.core.watched_roots import MARK, RootWatch, mark_of

MOST_DRIFTED = 1_000
"""Entries below the watched roots of one host that differ. More is an accident, not somebody's edits."""
MOST_CHANGED = 5_000
"""The same for entries of its watched kinds, together: more than a new release of a distribution changes."""


@dataclass(frozen=True)
class Judged:
    """One resource with its judgement. `desired` is None for an entry that nobody declared.

    `hidden` is the reason of the ignore rule that covers it: it keeps its verdict, and is counted as hidden.
    `watched`: nobody declared it, and it is compared with what was there at the first look. `counted` is False
    where another item counts for it: an entry of a kind that could not be listed, or a kind that was seen whole.
    """

    resource: str
    judgement: Judgement
    base: State
    head: State
    live: State
    attributes: frozenset[str]
    desired: DesiredResource | None = None
    hidden: str = ""
    watched: bool = False
    counted: bool = True

    @property
    def verdict(self) -> Verdict:
        return self.judgement.verdict


def evaluate(
    *,
    base: Mapping[str, State] | None,
    desired: DesiredManifest,
    observation: Observation,
    ignore: Iterable[IgnoreRule] = (),
    still_open: Iterable[str] = (),
    found: Mapping[str, State] | None = None,
) -> list[Judged]:
    """Judge every declared resource, every undeclared entry of an exhaustive directory, a watched kind or a watched
    root, and `still_open`.

    `base` is None before the host's first look: base is then the head (enrolment), and of watched kinds what is
    there. `still_open` are resources with an open occurrence on this host, so that one that is no longer declared
    or no longer there is judged too; `found` are their states when they were last seen. In order of resource id; a watched kind as a whole comes before its entries.
    """
    ground = Ground(base, desired, observation)
    still_open = set(still_open)
    portion = judge_portion(
        ground, wants=desired.resources, base=base, observation=observation, still_open=still_open
    )
    judged = dict(portion.judged)
    if len(portion.changed) > MOST_CHANGED:
        wholes = {f"{kind_of(name)}:" for name in portion.changed}
        judged |= _too_many(judged, portion.changed, wholes, still_open, MOST_CHANGED)
    if ground.roots is not None and len(portion.drifted) > MOST_DRIFTED:
        wholes = {mark_of(root) for root in ground.roots.roots}
        judged |= _too_many(judged, portion.drifted, wholes, still_open, MOST_DRIFTED)
    return settled(judged, observation, tuple(ignore), found or {})


class Ground:
    """What decides about every resource of a host, and is no resource's state: what is declared, what is watched and
    since when, what could be listed. It is the same for hosts that are alike."""

    def __init__(
        self, base: Mapping[str, State] | None, desired: DesiredManifest, observation: Observation
    ) -> None:
        self.watch = Watch(base, desired, observation)
        sections = tuple(KIND_TO_SECTION[kind].name for kind in desired.watched if kind in KIND_TO_SECTION)
        self.roots = RootWatch(base, desired, observation, sections) if desired.roots else None
        self.exhaustive = desired.exhaustive
        self.declared_paths = {path_of(name) for name in desired.resources if kind_of(name) in FILE_KINDS}


@dataclass(frozen=True)
class Portion:
    """Some of a host's resources, judged. `changed` and `drifted` are those that count against MOST_CHANGED and
    MOST_DRIFTED."""

    judged: Mapping[str, Judged]
    changed: tuple[str, ...]
    drifted: tuple[str, ...]


def judge_portion(
    ground: Ground,
    *,
    wants: Mapping[str, DesiredResource],
    base: Mapping[str, State] | None,
    observation: Observation,
    still_open: Collection[str],
    wholes: bool = True,
) -> Portion:
    """Judge what is in `wants`, in `base`, in the observation's states and in `still_open`, and nothing else: all of a
    host, or a part of it in which there is all that is at any of its paths. `wholes`: kinds and roots as a whole too.

    Limits on how much may differ are the caller's, and so is what `settled` does.
    """
    watch, roots = ground.watch.over(base, observation), ground.roots
    judged = {
        resource: _judge_declared(want, base, watch, observation.state_of(resource))
        for resource, want in wants.items()
    }
    for kind in watch.kinds if wholes else ():
        judged[f"{kind}:"] = _judge_whole(kind, watch)
    listed = {resource: _judge_watched(resource, watch) for resource in watch.resources(still_open)}
    changed = tuple(name for name, item in listed.items() if item.verdict in OUT_OF_BAND)
    judged |= listed
    below = (
        _judge_roots(roots.over(base, observation), still_open, wholes=wholes) if roots is not None else {}
    )
    drifted = tuple(name for name, item in below.items() if item.verdict in OUT_OF_BAND)
    judged |= below
    files = {name for name in observation.states if kind_of(name) in FILE_KINDS}
    for resource in {*files, *still_open, *_remembered(base, ground.exhaustive)} - judged.keys():
        if kind_of(resource) not in KIND_TO_SECTION:
            continue  # what no definition says anything about (a host's key) is judged elsewhere
        if kind_of(resource) not in FILE_KINDS:
            # Not watched any more, or compared as a file now. While its kind can't be seen it stays as it is.
            if kind_of(resource) in watch.judged_kinds or kind_of(resource) not in watch.kinds:
                judged[resource] = _no_verdict(resource, observation.state_of(resource))
        elif path_of(resource) not in ground.declared_paths:
            judged[resource] = _judge_undeclared(resource, base, ground.exhaustive, observation)
        elif resource in still_open:
            # The path is declared as another kind now, and judged under that id.
            judged[resource] = _no_verdict(resource, observation.state_of(resource))
    return Portion(judged, changed, drifted)


def settled(
    judged: Mapping[str, Judged],
    observation: Observation,
    rules: tuple[IgnoreRule, ...],
    found: Mapping[str, State],
) -> list[Judged]:
    """What was judged, in order of resource id, with what no tool of the host tells and what a rule hides."""
    if observation.unseen:
        judged = {**judged, **_with_unseen(judged, observation.unseen, found)}
    return [_with_rule(judged[resource], rules) for resource in sorted(judged)]


def _with_unseen(
    judged: Mapping[str, Judged], unseen: Mapping[str, str], found: Mapping[str, State]
) -> dict[str, Judged]:
    """What can't be judged because no tool of the host tells of an attribute that was there, or should be."""
    result = {}
    for resource, item in judged.items():
        if kind_of(resource) not in FILE_KINDS or not isinstance(item.live, Present):
            continue
        agreed = _attributes(item.base, item.head) & item.attributes
        for name in (agreed | _attributes(found.get(resource))) & unseen.keys() - item.live.data.keys():
            why = unseen[name]
            result[resource] = replace(item, judgement=Judgement(Verdict.UNKNOWN, why), live=Unknown(why))
    return result


def _attributes(*states: State | None) -> set[str]:
    return {name for state in states if isinstance(state, Present) for name in state.data}


def _judge_declared(
    want: DesiredResource, base: Mapping[str, State] | None, watch: Watch, live: State
) -> Judged:
    kind = kind_of(want.resource)
    nothing: State = ABSENT if kind in watch.agreed else UNDECLARED
    before = want.state if base is None else base.get(want.resource, nothing)
    if isinstance(before, Unknown):
        before = UNDECLARED
    before, head, attributes = watch.beside(want, before, live)
    if want.how == "secret":
        before, head, attributes = _with_agreed_secret(before, head, live, attributes)
    optional = optional_attributes(kind) | want.implied
    judgement = judge(before, head, live, attributes, optional=optional)
    return Judged(want.resource, judgement, before, head, live, attributes, want)


def _judge_whole(kind: str, watch: Watch) -> Judged:
    judgement, before, live = watch.judge_whole(kind)
    unseen = judgement.verdict is Verdict.UNKNOWN
    return Judged(f"{kind}:", judgement, before, before, live, frozenset(), watched=True, counted=unseen)


def _judge_watched(resource: str, watch: Watch) -> Judged:
    judgement, before, live, attributes = watch.judge(resource)
    counted = judgement.verdict is not Verdict.UNKNOWN or not watch.is_seen_through_its_kind(resource)
    return Judged(resource, judgement, before, before, live, attributes, watched=True, counted=counted)


def _judge_roots(watch: RootWatch, still_open: Collection[str], *, wholes: bool) -> dict[str, Judged]:
    """What is below watched roots, each root as a whole, and each directory there that could not be read."""
    judged = {}
    for path in [*watch.roots, *watch.holes] if wholes else ():
        if path in watch.holes:
            judgement = Judgement(Verdict.UNKNOWN, watch.holes[path])
            before: State = UNDECLARED
            live: State = Unknown(watch.holes[path])
        else:
            judgement, before, live = watch.judge_whole(path)
        unseen = judgement.verdict is Verdict.UNKNOWN
        judged[mark_of(path)] = Judged(
            mark_of(path), judgement, before, before, live, frozenset(), watched=True, counted=unseen
        )
    for resource in watch.resources(still_open):
        judgement, before, live, attributes = watch.judge(resource)
        counted = judgement.verdict is not Verdict.UNKNOWN or not watch.is_seen_as_a_whole(resource)
        judged[resource] = Judged(
            resource, judgement, before, before, live, attributes, watched=True, counted=counted
        )
    return judged


def _too_many(
    judged: Mapping[str, Judged],
    drifted: Iterable[str],
    wholes: Iterable[str],
    still_open: Collection[str],
    most: int,
) -> dict[str, Judged]:
    """What differs is unknown instead, but for what was found before; and so is each root or kind, which counts for it."""
    why = Judgement(Verdict.UNKNOWN, reason(OVER_LIMIT, f"more than {most} entries differ"))
    names = [name for name in drifted if name not in still_open]
    roots = [judged[whole] for whole in wholes]
    return {name: replace(judged[name], judgement=why, counted=False) for name in names} | {
        item.resource: replace(item, judgement=why, live=Unknown(why.reason), counted=True) for item in roots
    }


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


def _remembered(base: Mapping[str, State] | None, exhaustive: Collection[str]) -> set[str]:
    """Undeclared entries that base holds as absent or present in an exhaustive directory."""
    if not exhaustive:
        return set()
    return {
        resource
        for resource in base or ()
        if kind_of(resource) in FILE_KINDS and inside(path_of(resource), exhaustive)
    }


def _judge_undeclared(
    resource: str, base: Mapping[str, State] | None, exhaustive: Collection[str], observation: Observation
) -> Judged:
    """In an exhaustive directory undeclared counts as absent; elsewhere there is no verdict.

    An undeclared directory that only holds declared resources is there because of them: no verdict either.
    """
    live = observation.state_of(resource)
    if inside(path_of(resource), exhaustive) is None or isinstance(live, Undeclared):
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
    is_kind = is_whole(judged.resource) and kind_of(judged.resource) != MARK
    rule = ignored_by(judged.resource, rules) if rules and not is_kind else None
    return judged if rule is None else replace(judged, hidden=rule.reason)


def next_base(base: Mapping[str, State] | None, judged: Iterable[Judged]) -> dict[str, State]:
    """Base after this look: the head at enrolment; what is live wherever live = head; else as it was.

    Where live = head the whole of live is kept, not only what is declared, so that an attribute declared later
    has something to be compared with. Of a kind that is listed, enrolment fills in what is not declared from what
    is there. A watched entry that was listed and could not be seen is kept as undeclared: what is seen first counts.
    """
    result: dict[str, State] = {}
    for item in judged:
        if item.verdict is Verdict.UNMANAGED:
            continue
        if item.verdict is Verdict.IN_SYNC:
            agreed: State = item.live
        elif base is None and not item.watched:
            agreed = _filled(item)
        else:
            agreed = item.base
        if _is_remembered(agreed, item):
            result[item.resource] = agreed
    return result


def _is_remembered(agreed: State, item: Judged) -> bool:
    match agreed:
        case Present():
            return True
        case Undeclared():
            return item.watched and not is_whole(item.resource)
        case Unknown():
            return False
    return item.desired is not None


def _filled(item: Judged) -> State:
    if kind_of(item.resource) in FILE_KINDS or not isinstance(item.head, Present):
        return item.head
    undeclared = item.live.data if isinstance(item.live, Present) else {}
    return Present({**{k: v for k, v in undeclared.items() if k not in item.attributes}, **item.head.data})


def counts(judged: Iterable[Judged]) -> dict[str, int]:
    """How many resources have each verdict, and how many of them an ignore rule hides."""
    result = {verdict.value: 0 for verdict in Verdict if verdict is not Verdict.UNMANAGED} | {"hidden": 0}
    for item in judged:
        if item.verdict is Verdict.UNMANAGED or not item.counted:
            continue
        if item.hidden and item.verdict is not Verdict.IN_SYNC:
            result["hidden"] += 1
        else:
            result[item.verdict.value] += 1
    return result
