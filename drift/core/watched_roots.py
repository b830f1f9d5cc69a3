"""Watched roots: entries below them that nobody declared, compared with what was there at the first look.

Base holds, beside the states, one *mark* per root ("path:/etc"): below it base is complete, so that what it does not
hold was not there. The mark says besides what was not seen then: which kinds spoke for some of the files, which
directories could not be read. What comes from there later is looked at for the first time, and no drift. It also
remembers what belonged to packages: such a file goes with its package.
"""

from collections.abc import Iterable, Mapping
from copy import copy

from deployments.collector import reasons
from deployments.collector.question import Observation
from deployments.core.definition.model import DesiredManifest
from deployments.core.left_out_paths import covered_by, is_left_out
from deployments.core.states import ABSENT, UNDECLARED, Absent, Present, State, Undeclared, Unknown
from deployments.kinds.path_batches import ancestors, outermost
from drift.core.verdict import Judgement, Verdict, judge
from drift.core.watched import FILE_KINDS, IN_FILES, inside, kind_of, path_of

MARK = "path"
CONTENT = ("sha256", "hmac")
OPTIONAL = frozenset({"acl", "capabilities"})
_SAME = Judgement(Verdict.IN_SYNC)
Seen = tuple[Judgement, State, State, frozenset[str]]


def mark_of(path: str) -> str:
    """The id of a root as a whole, or of a directory below one that could not be read."""
    return f"{MARK}:{path}"


def marked_roots(base: Mapping[str, State] | None) -> frozenset[str]:
    """The roots that had a complete look."""
    return frozenset(path_of(name) for name in base or () if kind_of(name) == MARK)


class RootWatch:
    """What is watched below roots on one host, at one look. `sections` are those that are watched as well."""

    def __init__(
        self,
        base: Mapping[str, State] | None,
        desired: DesiredManifest,
        observation: Observation,
        sections: tuple[str, ...],
    ) -> None:
        self._base = base or {}
        self._observation = observation
        self._sections = sections
        self._exhaustive = desired.exhaustive
        self.roots = outermost(desired.roots)
        self._marks = {root: self._mark_data(root) for root in marked_roots(base)}
        self._judged_roots = [
            root for root in self.roots if self._was_seen(root) or self.incomplete(root) is None
        ]
        """Before its first complete look nothing below a root is judged."""
        named = [path_of(name) for name in desired.resources if kind_of(name) in FILE_KINDS]
        read = [path_of(name) for name in desired.resources if kind_of(name) in IN_FILES]
        self._declared = frozenset([*named, *(path for path in read if path.startswith("/"))])
        self._above = frozenset(above for path in named for above in ancestors(path))
        self.holes = {
            path: why
            for path, why in observation.listed.items()
            if why and inside(path, self._judged_roots) and inside(path, self._exhaustive) is None
            if path not in self._exhaustive and path not in desired.roots
        }

    def over(self, base: Mapping[str, State] | None, observation: Observation) -> "RootWatch":
        """The same over other entries of a host of which all else is known to be the same."""
        other = copy(self)
        other._base, other._observation = base or {}, observation
        return other

    def incomplete(self, root: str) -> str | None:
        """Why not everything below a root was seen; None where its listing is complete."""
        return self._observation.listed.get(root, self._observation.failure or reasons.NOT_ASKED)

    def resources(self, still_open: Iterable[str] = ()) -> set[str]:
        """The entries to judge: seen, remembered or still open; declared by nobody, and compared nowhere else."""
        seen = self._observation.states
        found = {name for source in (seen, still_open) for name in source if self._is_judged(name)}
        found |= {name for name in self._base if name not in found and self._is_judged(name)}
        return {name for name in found if not self._is_new_kind(name) and not self._is_of_no_look(name)}

    def judge_whole(self, root: str) -> tuple[Judgement, State, State]:
        """(judgement, base, live) of a root as a whole: in sync where it was seen, and then live is its new mark."""
        why = self.incomplete(root)
        before = self._base.get(mark_of(root), UNDECLARED)
        if why is not None:
            if not isinstance(before, Present) and self._was_seen(root):
                before = self._new_mark(root)  # seen as a part of another root
            return Judgement(Verdict.UNKNOWN, why), before, Unknown(why)
        mark = self._new_mark(root)
        return _SAME, mark, mark

    def judge(self, resource: str) -> Seen:
        """(judgement, base, live, attributes) of an entry. Its head is its base: nobody declared anything else."""
        path = path_of(resource)
        live = self._live(resource)
        before = self._base.get(resource, ABSENT) if self._is_agreed(path) else UNDECLARED
        if isinstance(before, Undeclared | Unknown):  # there, and not yet seen: what is seen first is agreed
            before = UNDECLARED if isinstance(live, Unknown) else live
        if before == live:
            return _SAME, before, live, frozenset()
        attributes = frozenset(
            name for state in (before, live) if isinstance(state, Present) for name in state.data
        )
        if isinstance(live, Unknown):
            return Judgement(Verdict.UNKNOWN, live.reason), before, live, attributes
        if self._came_or_went_with_others(resource, before, live):
            return _SAME, live, live, frozenset()
        was = self._known(path, before, live)
        judgement = judge(was, was, live, attributes, optional=attributes)
        return judgement, was, live, attributes

    def is_seen_as_a_whole(self, resource: str) -> bool:
        """Whether an unknown entry is unknown only because its directory or root is: that is counted, not each entry."""
        return resource not in self._observation.states

    # --- what is judged ------------------------------------------------------------------------------------------

    def _is_judged(self, resource: str) -> bool:
        kind, _, path = resource.partition(":")
        return (
            kind in FILE_KINDS
            and inside(path, self._judged_roots) is not None
            and path not in self._declared
            and inside(path, self._exhaustive) is None
            and not is_left_out(kind, path, self._sections)
        )

    def _is_new_kind(self, resource: str) -> bool:
        """A link in place of a file is judged under the id that is agreed: it was replaced, not deleted and created."""
        path = path_of(resource)
        return (
            resource not in self._base
            and self._is_agreed(path)
            and any(isinstance(self._base.get(other), Present) for other in _others(resource))
        )

    def _is_of_no_look(self, resource: str) -> bool:
        """Remembered from when something else spoke for it, and not there as that any more."""
        return not self._is_agreed(path_of(resource)) and isinstance(
            self._observation.state_of(resource), Absent
        )

    def _live(self, resource: str) -> State:
        live = self._observation.state_of(resource)
        if isinstance(live, Absent):
            states = self._observation.states
            return next((states[other] for other in _others(resource) if other in states), live)
        return live

    # --- what is agreed ------------------------------------------------------------------------------------------

    def _mark_data(self, root: str) -> Mapping[str, tuple[str, ...]]:
        state = self._base[mark_of(root)]
        data = state.data if isinstance(state, Present) else {}
        return {name: tuple(data.get(name, ())) for name in ("sections", "unseen", "packaged")}

    def _was_seen(self, path: str) -> bool:
        return path in self._marks or inside(path, self._marks) is not None

    def _is_agreed(self, path: str) -> bool:
        """Whether base tells of this path what was there, and if it does not, that nothing was."""
        return any(
            inside(path, (root,))
            and inside(path, mark["unseen"]) is None
            and covered_by(path, mark["sections"]) is None
            for root, mark in self._marks.items()
        )

    def _new_mark(self, root: str) -> Present:
        packaged = self._observation.packaged
        if packaged is None:
            packaged = self._packaged_before()
        within = (root,)
        never_seen = {path for mark in self._marks.values() for path in mark["unseen"]}
        unseen = {path for path in self.holes if path in never_seen or not self._is_agreed(path)}
        return Present(
            {
                "sections": list(self._sections),
                "unseen": sorted(path for path in unseen if inside(path, within)),
                "packaged": sorted(path for path in packaged if inside(path, within)),
            }
        )

    def _packaged_before(self) -> frozenset[str]:
        return frozenset(path for mark in self._marks.values() for path in mark["packaged"])

    def _known(self, path: str, before: State, live: State) -> State:
        """Base, completed from live where it does not know, or where a content is as a package brought it."""
        if not isinstance(before, Present) or not isinstance(live, Present):
            return before
        if before.data.get("type") != live.data.get("type"):
            return before
        known = dict(before.data)
        form = {name for name in CONTENT if name in live.data}
        is_shipped = path in (self._observation.shipped or ())
        if is_shipped or form != {name for name in CONTENT if name in known}:
            # Of a path that became a secret one, digests can't be compared: what is there is agreed.
            known = {name: value for name, value in known.items() if name not in CONTENT}
        return Present({**{k: v for k, v in live.data.items() if k not in {*known, *OPTIONAL}}, **known})

    def _came_or_went_with_others(self, resource: str, before: State, live: State) -> bool:
        """What is there because of a package, or of a declared file in it; what is gone with its package."""
        kind, _, path = resource.partition(":")
        packaged = self._observation.packaged
        if isinstance(live, Absent):
            return packaged is not None and path in self._packaged_before() and path not in packaged
        if not isinstance(before, Absent):
            return False
        if kind == "directory" and path in self._above:
            return True
        if kind == "file":
            return path in (self._observation.shipped or ())
        return path in (packaged or ())


def _others(resource: str) -> list[str]:
    """The same path as other kinds of entry."""
    kind, _, path = resource.partition(":")
    return [f"{other}:{path}" for other in sorted(FILE_KINDS) if other != kind]
