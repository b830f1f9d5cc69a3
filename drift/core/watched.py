"""Watched kinds: what nobody declared, compared with what was there at the first look.

Base holds, beside the states, one entry per watched kind under its name with a colon ("package:"): from then on
base is complete for that kind, so that what it does not hold was not there. A kind gets it at its first complete
look, whether that is the host's first or the first since the kind is watched, and loses it when it is no longer
watched.
"""

from collections.abc import Collection, Iterable, Mapping
from copy import copy

from deployments.collector.question import Observation
from deployments.core.definition.model import DesiredManifest, DesiredResource
from deployments.core.definition.sections import KIND_TO_SECTION
from deployments.core.states import ABSENT, UNDECLARED, Absent, Present, State, Undeclared, Unknown
from deployments.kinds.listing import ListedKind
from deployments.kinds.registry import KINDS
from drift.core.verdict import Judgement, Verdict, judge

FILE_KINDS = frozenset({"file", "directory", "symlink"})
IN_FILES = frozenset({"cron", "sudoers", "authorized_keys"})
"""Kinds whose entries are read from the file that their key names: one fact, compared once."""
GONE_IS_NO_DRIFT = frozenset({"port"})
"""Kinds of which only what is new or different counts: a port closes with its process, and the service that stopped
is the drift. It stays agreed, so that it is nothing new when it opens again."""
UNIT_FILES = "/etc/systemd/system"
SET_IN_FILES = {
    "sysctl": ("/etc/sysctl.d/x.conf", "persisted"),
    "kernel_module": ("/etc/modules-load.d/x.conf", "at_boot"),
}
"""Attributes that say what files of a directory set: where each file there counts, the file is the fact."""
AGREED = Present({})
_SAME = Judgement(Verdict.IN_SYNC)


def kind_of(resource: str) -> str:
    return resource.partition(":")[0]


def path_of(resource: str) -> str:
    return resource.partition(":")[2]


def is_whole(resource: str) -> bool:
    """Whether this is a kind or a directory as a whole ("package:", "path:/etc"), not one of its entries."""
    return resource.startswith("path:") or (resource.endswith(":") and resource.count(":") == 1)


def inside(path: str, directories: Collection[str]) -> str | None:
    """The innermost of `directories` that `path` lies in, or None."""
    if not directories:
        return None
    holding = [directory for directory in directories if path.startswith(directory.rstrip("/") + "/")]
    return max(holding, key=len, default=None)


def compared_attributes(kind: str, *states: State) -> frozenset[str]:
    """The attributes that count where nobody declared the entry: those that a host does not change by itself.

    Of a kind that we don't know everything that `states` have.
    """
    known = KINDS.get(kind)
    if known is None:
        return frozenset(name for state in states if isinstance(state, Present) for name in state.data)
    if isinstance(known, ListedKind) and known.compared is not None:
        return frozenset(known.compared)
    return frozenset(known.attributes)


def optional_attributes(kind: str) -> frozenset[str]:
    """The attributes that a state only has where there is something to say: without one it has none."""
    section = KIND_TO_SECTION.get(kind)
    return frozenset(section.optional) if section else frozenset()


class Watch:
    """What is watched on one host, at one look: which entries there are to judge, and how."""

    def __init__(
        self,
        base: Mapping[str, State] | None,
        desired: DesiredManifest,
        observation: Observation,
    ) -> None:
        self._base = base or {}
        self._observation = observation
        self.kinds = frozenset(desired.watched)
        self.agreed = frozenset(kind for kind in self.kinds if f"{kind}:" in self._base)
        self.judged_kinds = frozenset(
            kind for kind in self.kinds if kind in self.agreed or self.incomplete(kind) is None
        )
        """Before its first complete look nothing of a kind is judged."""
        self._exhaustive = desired.exhaustive
        self._declared = desired.resources
        self._files = frozenset(
            path_of(name)
            for name, want in desired.resources.items()
            if kind_of(name) in FILE_KINDS and (want.how is not None or not _is_file(want.state))
        )

    def over(self, base: Mapping[str, State] | None, observation: Observation) -> "Watch":
        """The same over other entries of a host of which all else is known to be the same."""
        other = copy(self)
        other._base, other._observation = base or {}, observation
        return other

    def incomplete(self, kind: str) -> str | None:
        """Why not all of a kind was seen; None where its listing is complete."""
        state = self._observation.state_of(f"{kind}:")
        return state.reason if isinstance(state, Unknown) else None

    def resources(self, still_open: Iterable[str] = ()) -> set[str]:
        """The entries to judge: seen, remembered or still open; declared by nobody, and compared nowhere else."""
        return {
            resource
            for source in (self._observation.states, self._base, still_open)
            for resource in source
            if (kind := kind_of(resource)) in self.judged_kinds
            and resource not in self._declared
            and not is_whole(resource)
            and not (kind in IN_FILES and self._is_compared_as_file(path_of(resource)))
        }

    def judge_whole(self, kind: str) -> tuple[Judgement, State, State]:
        """(judgement, base, live) of a kind as a whole: in sync where all of it was seen, else unknown."""
        why = self.incomplete(kind)
        before: State = AGREED if kind in self.agreed else UNDECLARED
        if why is None:
            return _SAME, before, AGREED
        return Judgement(Verdict.UNKNOWN, why), before, Unknown(why)

    def judge(self, resource: str) -> tuple[Judgement, State, State, frozenset[str]]:
        """(judgement, base, live, attributes) of an entry. Its head is its base: nobody declared anything else."""
        kind = kind_of(resource)
        live = self._observation.state_of(resource)
        if kind in self.agreed:
            before = self._base.get(resource, ABSENT)
        else:
            before = UNDECLARED
        if isinstance(before, Undeclared | Unknown):  # there, and not yet seen: what is seen first is agreed
            before = UNDECLARED if isinstance(live, Unknown) else live
        if before == live or (kind in GONE_IS_NO_DRIFT and isinstance(live, Absent)):
            return _SAME, before, before, frozenset()
        attributes = compared_attributes(kind, before, live)
        if isinstance(live, Unknown):
            return Judgement(Verdict.UNKNOWN, live.reason), before, live, attributes
        was, now = self._without_files(resource, before), self._without_files(resource, live)
        judgement = judge(was, was, now, attributes, optional=attributes)
        if judgement.verdict is Verdict.IN_SYNC:
            return judgement, before, live, attributes
        return judgement, was, now, attributes

    def beside(
        self, want: DesiredResource, before: State, live: State
    ) -> tuple[State, State, frozenset[str]]:
        """(base, head, attributes) of a declared entry: what its declaration leaves open is watched as well, so that
        declaring a version does not blind us to a hold. As long as its kind is not agreed, what is there is.
        """
        kind, head = kind_of(want.resource), want.state
        if kind not in self.judged_kinds or not (isinstance(head, Present) and isinstance(live, Present)):
            return before, head, want.compared
        known = before if kind in self.agreed else live
        if not isinstance(known, Present):
            return before, head, want.compared
        open_ = compared_attributes(kind, known, live) - want.compared
        said = {name: known.data[name] for name in open_ if name in known.data}
        if isinstance(before, Present) and kind not in self.agreed:
            before = Present({**before.data, **said})
        known_open = open_ & (said.keys() | optional_attributes(kind))
        return before, Present({**said, **head.data}), want.compared | known_open

    def is_seen_through_its_kind(self, resource: str) -> bool:
        """Whether an unknown entry is unknown only because its kind is: the kind is counted, and not each entry."""
        return resource not in self._observation.states and self.incomplete(kind_of(resource)) is not None

    def _is_compared_as_file(self, path: str) -> bool:
        """A file whose content is declared, or an undeclared one where each counts."""
        return path in self._files or inside(path, self._exhaustive) is not None

    def _without_files(self, resource: str, state: State) -> State:
        """A service without the drop-ins that are compared as files already, a setting without what a file sets."""
        folder, attribute = SET_IN_FILES.get(kind_of(resource), ("", ""))
        if folder and isinstance(state, Present) and inside(folder, self._exhaustive) is not None:
            return Present({name: value for name, value in state.data.items() if name != attribute})
        drop_ins = state.data.get("drop_ins") if isinstance(state, Present) else None
        if not isinstance(drop_ins, Mapping) or not drop_ins or not isinstance(state, Present):
            return state
        unit = path_of(resource)
        unit = unit if "." in unit.rpartition("/")[2] else f"{unit}.service"
        kept = {
            name: text
            for name, text in drop_ins.items()
            if not self._is_compared_as_file(f"{UNIT_FILES}/{unit}.d/{name}")
        }
        return state if len(kept) == len(drop_ins) else Present({**state.data, "drop_ins": kept})


def _is_file(state: State) -> bool:
    return isinstance(state, Present) and state.data.get("type") in ("file", "directory")
