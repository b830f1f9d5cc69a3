"""Whole trees at once: digests and rights of everything below a large exhaustive directory that is read as a whole.

To name each of a hundred thousand files in a question, and to look at each before and after it is read, costs more than
to read them. So the host is told the directory alone. That nothing moved meanwhile is told by the digest of its
listing, taken once more; where it is another one, the listing is, and what moved is unknown as it is of single files.
"""

from collections.abc import Callable, Iterable

from deployments.collector import reasons
from deployments.collector.reasons import reason
from deployments.collector.wire import Ask, Reply
from deployments.kinds.path_batches import is_odd, relative
from deployments.kinds.path_content import Wanted, hash_batches, take_digest
from deployments.kinds.path_entries import Entry
from deployments.kinds.path_listing import Step
from deployments.kinds.path_rights import capabilities_taker, rights_taker
from deployments.kinds.path_scene import Scene, records_of, wire_name

LARGE = 300
"""Files to read below a directory from which on it is asked about as a whole."""


class Trees:
    """The large trees of one look; `asks`, then `verifies`, then `rest`, each a step."""

    def __init__(self, scene: Scene, wanted: Wanted, room: int) -> None:
        self._scene, self._wanted, self._room = scene, wanted, room
        self._inside: dict[str, list[str]] = {}
        self.tops = [top for top in scene.exhaustive if self._is_whole(top)]
        self._due: dict[str, list[str]] = {top: self._files(top) for top in self.tops}
        self._digests: dict[bytes, str] = {}
        self._moved: list[str] = []
        self._left: list[str] = []

    def paths(self) -> frozenset[str]:
        """What need not be asked about one by one."""
        return frozenset(path for top in self.tops for path in self._below(top))

    def asks(self) -> Step:
        step: Step = []
        for top in self.tops:
            seen = [path for path in self._below(top) if self._scene.entries[path].type in "fd"]
            programs = [path for path in self._due[top] if self._scene.entries[path].mode & 0o111]
            name = relative(top)
            step += [
                (Ask("tree_acl", (name,)), rights_taker(self._scene, seen, others=True)),
                (Ask("tree_caps", (name,)), capabilities_taker(self._scene, programs, others=True)),
                (Ask("tree_hash", (self._scene.limits.hash_file_bytes, name)), self._hash_taker(top)),
                (Ask("tree_sum", (self._room, name)), self._sum_taker(top)),
            ]
        return step

    def verifies(self) -> Step:
        """Another listing where something moved meanwhile; usually nothing did."""
        return [(Ask("tree", (self._room, relative(top))), self._listing_taker(top)) for top in self._moved]

    def rest(self) -> Step:
        """What has no digest yet, one by one."""
        return hash_batches(self._scene, self._left, self._wanted)

    # --- which ----------------------------------------------------------------------------------------------------------

    def _is_whole(self, top: str) -> bool:
        scene = self._scene
        if scene.hmac_key is None or scene.found.listed[top] is not None or top not in scene.tree_sums:
            return False
        below = self._below(top)
        if any(path in scene.recalled or scene.barred(path) for path in below):
            return False
        files = [scene.entries[path] for path in below if scene.entries[path].type == "f"]
        return len(files) >= LARGE and sum(entry.size for entry in files) <= scene.limits.hash_total_bytes

    def _below(self, top: str) -> list[str]:
        if top not in self._inside:
            inside = top.rstrip("/") + "/"
            self._inside[top] = [path for path in self._scene.entries if path.startswith(inside)]
        return self._inside[top]

    def _files(self, top: str) -> list[str]:
        scene = self._scene
        return [
            path
            for path in self._below(top)
            if scene.entries[path].type == "f" and scene.content_matters(path)
        ]

    # --- replies --------------------------------------------------------------------------------------------------------

    def _hash_taker(self, top: str) -> Callable[[Reply], None]:
        inside = wire_name(top.rstrip("/") + "/")

        def take(reply: Reply) -> None:
            records, why = records_of(reply)
            if why is None and all(path.startswith(inside) for path in records.hashes):
                self._digests |= records.hashes
                for name, failure in records.failed.items():
                    self._scene.unread[name] = failure

        return take

    def _sum_taker(self, top: str) -> Callable[[Reply], None]:
        def take(reply: Reply) -> None:
            if reply.failure is None and reply.body == self._scene.tree_sums[top]:
                self._settle(self._due[top])
            else:
                self._moved.append(top)

        return take

    def _listing_taker(self, top: str) -> Callable[[Reply], None]:
        def take(reply: Reply) -> None:
            records, why = records_of(reply)
            entries: dict[bytes, Entry] = {} if why else records.entries
            moved = set()
            for path in self._due[top]:
                after = entries.get(wire_name(path))
                if after is None or not after.same_moment(self._scene.entries[path]):
                    self._scene.set_unknown(path, why or reasons.CHANGED)
                    moved.add(path)
            self._settle(path for path in self._due[top] if path not in moved)

        return take

    def _settle(self, paths: Iterable[str]) -> None:
        """What was read is taken; what was not, a name that would be written otherwise, is asked for by itself."""
        scene = self._scene
        for path in paths:
            name = wire_name(path)
            if (digest := self._digests.get(name)) is not None and not is_odd(path):
                take_digest(scene, path, digest, self._wanted)
            elif name in scene.unread:
                scene.set_unknown(path, scene.unread[name])
            elif (size := scene.entries[path].size) > scene.limits.hash_file_bytes:
                scene.set_unknown(path, reason(reasons.OVER_LIMIT, f"{size} bytes"))
            else:
                self._left.append(path)
