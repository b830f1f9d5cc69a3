"""Looks at files, directories and links of one host: listing, then rights and digests, then the content that is wanted.

A state is only ever made from a record in a complete section, or recalled from an earlier look where `lstat` shows that
nothing has moved. Whatever is not proven stays unknown.
"""

from collections.abc import Callable
from typing import Any

from deployments.collector import reasons
from deployments.collector.question import Limits, Question, Recalled
from deployments.collector.reasons import code_of
from deployments.collector.wire import Ask, Reply
from deployments.core.states import Present, Unknown
from deployments.kinds.base import Findings
from deployments.kinds.path_content import Wanted, hashing, reading
from deployments.kinds.path_contents import HASH_VERBS, contents_asks
from deployments.kinds.path_listing import Listing, Step
from deployments.kinds.path_memory import is_settled, stats_of, unmoved_paths
from deployments.kinds.path_rights import asking_rights, not_seen
from deployments.kinds.path_roots import asking_packages
from deployments.kinds.path_scene import Scene
from deployments.kinds.path_trees import Trees

SECTION = "paths"
_LASTING = frozenset(
    {
        reasons.DENIED,
        reasons.TOOL_MISSING,
        reasons.OVER_LIMIT,
        reasons.OUTSIDE_ROOT,
        reasons.SECRET,
        reasons.NOT_TEXT_NAME,
        reasons.NOT_TEXT,
        reasons.OTHER_FILE_SYSTEM,
        reasons.NOT_A_DIRECTORY,
        reasons.NOT_SUPPORTED,
    }
)
"""Why something can't be seen that would be so the next time too, as long as nothing moves."""


class PathSurvey:
    """A `Survey` of paths. Without `hmac_key`, the content of secret paths is unknown. `memory_key`: see `stats_of`."""

    def __init__(
        self,
        question: Question,
        *,
        hmac_key: bytes | None,
        wanted: Wanted,
        limits: Limits,
        recalled: Recalled | None = None,
        memory_key: bytes = b"",
    ) -> None:
        self._scene = Scene(question, limits, hmac_key)
        self._listing = Listing(self._scene)
        self._wanted = wanted
        self._recalled, self._memory_key = recalled, memory_key
        self._step: Step = []
        self._steps: list[Callable[[], Step]] = [self._listing.step, self._naming, self._reading]
        self._settled = False
        self._tops: tuple[str, ...] = ()
        self._read: list[tuple[Ask, Reply]] = []  # what was asked for digests, and answered

    def asks(self) -> list[Ask]:
        self._step = []
        while self._steps and not self._step:
            self._step = self._steps.pop(0)()
        return [ask for ask, _ in self._step]

    def take(self, replies: list[Reply]) -> None:
        for (ask, taker), reply in zip(self._step, replies, strict=True):
            taker(reply)
            if ask.verb in HASH_VERBS:
                self._read.append((ask, reply))
        if not self._settled and not self._listing.naming():
            self._settle()

    def findings(self) -> Findings:
        return self._scene.found

    def _naming(self) -> Step:
        """One more round where numbers have names elsewhere; usually none has."""
        self._steps.insert(0, self._hashing)
        return self._listing.naming()

    def _hashing(self) -> Step:
        if not self._settled:
            self._settle()
        trees = Trees(self._scene, self._wanted, self._listing.room)
        besides = trees.paths()
        self._tops = tuple(trees.tops)
        self._steps[:0] = [trees.verifies, trees.rest]
        return [
            *asking_rights(self._scene, besides),
            *hashing(self._scene, self._wanted, besides),
            *trees.asks(),
        ]

    def _settle(self) -> None:
        self._settled = True
        self._listing.settle()
        self._recall()

    def _reading(self) -> Step:
        return [*reading(self._scene), *asking_packages(self._scene)]

    # --- memory -------------------------------------------------------------------------------------------------------

    def _recall(self) -> None:
        """What has not moved is as it was, and need not be read again."""
        if self._recalled is None:
            return
        scene, states = self._scene, self._recalled.states
        for path in unmoved_paths(scene.entries, self._recalled.memory.stats, self._memory_key):
            if not scene.barred(path):
                known = [states.get(resource) for resource in scene.resources.get(path, ())]
                if known and all(scene.may_recall(path, state, self._wanted) for state in known):
                    assert isinstance(known[0], Present)
                    scene.set(path, known[0])
                    scene.recalled.add(path)
        rest = self._recalled.memory.rest.get(SECTION, {})
        for attribute, why in rest.get("unseen", {}).items() if scene.recalled else ():
            not_seen(scene, attribute, why)

    def stats(self, clock: float | None) -> bytes:
        """For `Memory.stats`; `clock` is the host's, at the beginning."""
        return stats_of(self._scene.entries, clock, self._memory_key)

    def contents(self) -> tuple[list[Ask], list[Reply]] | None:
        """What was asked for the digests of everything, and answered; None where that was not all of it."""
        asks, replies = [ask for ask, _ in self._read], [reply for _, reply in self._read]
        all_of_it = contents_asks(self._scene.found.states, self._tops, self._scene.limits.hash_file_bytes)
        return (asks, replies) if asks and asks == all_of_it else None

    def _lacks_names(self) -> bool:
        """Whether something that is declared with its owner belongs to a number that nothing names: the directory service
        may be away, and a quick look would not notice that it is back."""
        scene = self._scene
        if scene.names is None or scene.names.rooted:
            return False
        return any(
            str(entry.uid) == entry.owner or str(entry.gid) == entry.group
            for resource, attributes in scene.question.resources.items()
            if attributes is None or not attributes.isdisjoint(("owner", "group"))
            if (entry := scene.entries.get(resource.partition(":")[2])) is not None
        )

    def memory(self, clock: float | None) -> dict[str, Any] | None:
        """What to remember besides states; None where another look could show something else."""
        found = self._scene.found
        whys = [state.reason for state in found.states.values() if isinstance(state, Unknown)]
        whys += [why for why in (*found.listed.values(), *found.withheld.values()) if why]
        if self._steps or clock is None or not is_settled(self._scene.entries, clock):
            return None
        if (
            any(code_of(why) not in _LASTING for why in whys)
            or self._scene.packages_failed
            or self._lacks_names()
        ):
            return None
        agreed = self._scene.question.roots.agreed
        shipped = [
            path
            for path in found.shipped or ()
            if path in self._scene.watched
            and any(found.states.get(name) != agreed.get(name) for name in self._scene.resources[path])
        ]
        rest = {
            "listed": found.listed,
            "implied": sorted(found.implied),
            "unseen": found.unseen,
            "problems": found.problems,
            "shipped": sorted(shipped),
            "trees": self._tops,
        }
        return {name: part for name, part in rest.items() if part}
