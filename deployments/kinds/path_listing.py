"""First step of a survey of paths: every declared one by `lstat`, and all that is below exhaustive directories.

What comes back is collected reply by reply and judged at the end, when it is known where the links among the
parent directories lead: out of the root, or to a secret, nothing seen there may be used.
"""

import hashlib
from collections.abc import Callable
from dataclasses import replace

from deployments.collector import reasons
from deployments.collector.reasons import reason
from deployments.collector.wire import Ask, Reply
from deployments.core.states import ABSENT, State, Unknown
from deployments.kinds.path_batches import MAX_PATH, batches, relative
from deployments.kinds.path_entries import Entry, Records, name_owners, parse_names
from deployments.kinds.path_roots import KIND_OF_TYPE, RootListing
from deployments.kinds.path_scene import Scene, records_of, wire_name

Step = list[tuple[Ask, Callable[[Reply], None]]]
"""What to ask, each with what takes its reply."""

_BYTES_PER_ENTRY = 400
MAX_PROBLEMS = 100
MAX_UNNAMED = 500


class Listing:
    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._listed = 0
        self._undeclared = 0
        self._blind: str | None = None
        self.room = scene.limits.entries * _BYTES_PER_ENTRY
        self._roots = RootListing(scene, self.room)

    def step(self) -> Step:
        scene = self._scene
        if not scene.resources and not scene.exhaustive and not scene.roots:
            return []
        step: Step = [(Ask("names"), self._take_names)]
        for batch in batches(sorted(scene.above)):
            step.append((Ask("dirs", tuple(map(relative, batch))), self._links_taker(batch)))
        for batch in batches(sorted({*scene.resources, *scene.exhaustive, *scene.roots})):
            step.append((Ask("list", tuple(map(relative, batch))), self._list_taker(batch)))
        for top in scene.exhaustive:
            step.append((Ask("tree", (self.room, relative(top))), self._tree_taker(top)))
        for root in scene.roots:  # after those, so that what they took is not taken again
            step.append((Ask("tree", (self.room, relative(root))), self._roots.taker(root)))
        return step

    def naming(self) -> Step:
        """Numbers that the host's own files don't name: a directory service may."""
        names = self._scene.names
        if names is None or names.rooted:
            return []
        entries = self._scene.entries.values()
        users = sorted({entry.uid for entry in entries} - names.users.keys())[:MAX_UNNAMED]
        groups = sorted({entry.gid for entry in entries} - names.groups.keys())[:MAX_UNNAMED]
        return [
            (Ask(verb, tuple(numbers)), self._take_more_names)
            for verb, numbers in (("uids", users), ("gids", groups))
            if numbers
        ]

    def settle(self) -> None:
        """After the last reply: entries become states, unless they may not be used."""
        scene = self._scene
        scene.blind = self._blind
        for path, entry in scene.entries.items():
            if scene.names is not None:
                name_owners(entry, scene.names)
            barred = scene.barred(path)
            # Without its rights, or the digest of a file, a state is not known, not even in part.
            pending = barred or (reasons.NOT_ASKED if entry.type in "fd" else None)
            scene.set(path, Unknown(pending) if pending else scene.state(path))
            for resource in () if barred else scene.resources.get(path, ()):
                scene.found.evidence[resource] = entry.evidence()
        for path in scene.resources.keys() - scene.entries.keys():
            if barred := scene.barred(path):
                scene.set(path, Unknown(barred))
        listed = scene.found.listed
        for top in (*scene.exhaustive, *scene.roots):
            entry_at_top = scene.entries.get(top)
            if barred := scene.barred(top):
                listed[top] = barred
            elif listed[top] is None and entry_at_top is not None and entry_at_top.type == "l":
                listed[top] = reason(reasons.NOT_A_DIRECTORY, "a symbolic link")
        for path in (*scene.question.exhaustive, *scene.question.roots.paths):
            for top in (*scene.exhaustive, *scene.roots):  # one that lies in another was listed with it
                if path != top and path.startswith(top.rstrip("/") + "/"):
                    listed[path] = listed[top]

    def _take_names(self, reply: Reply) -> None:
        if reply.failure:
            self._blind = reply.failure
        else:
            self._scene.names = parse_names(reply.body)

    def _take_more_names(self, reply: Reply) -> None:
        names = self._scene.names
        if reply.failure or names is None:
            self._blind = self._blind or reply.failure
            return
        more = parse_names(reply.body)
        self._scene.names = replace(
            names, users={**more.users, **names.users}, groups={**more.groups, **names.groups}
        )

    def _links_taker(self, asked: list[str]) -> Callable[[Reply], None]:
        by_name = {wire_name(relative(path)): path for path in asked}

        def take(reply: Reply) -> None:
            *fields, last = reply.body.split(b"\0")
            if reply.failure or last or len(fields) % 2 or not by_name.keys() >= set(fields[0::2]):
                self._blind = reply.failure or reason(reasons.GARBLED, "links")
                return
            for name, leads in zip(fields[0::2], fields[1::2], strict=True):
                self._scene.links[by_name[name]] = leads.decode("utf-8", "surrogateescape")

        return take

    def _list_taker(self, asked: list[str]) -> Callable[[Reply], None]:
        by_name = {wire_name(path): path for path in asked}

        def take(reply: Reply) -> None:
            records, why = records_of(reply, set(by_name))
            for name, path in by_name.items():
                state = _declared_state(records, name, why)
                if state is None:
                    self._scene.entries[path] = records.entries[name]
                    continue
                self._scene.set(path, state)
                listed = {*self._scene.exhaustive, *self._scene.roots}
                if path in listed and isinstance(state, Unknown):
                    self._scene.found.listed[path] = state.reason

        return take

    def _tree_taker(self, top: str) -> Callable[[Reply], None]:
        inside = wire_name(top.rstrip("/")) + b"/"

        def take(reply: Reply) -> None:
            listed = self._scene.found.listed
            if listed[top] != reasons.NOT_ASKED:
                return  # the directory itself could not be seen
            too_many = reason(reasons.OVER_LIMIT, f"more than {self._scene.limits.entries} entries")
            if len(reply.body) >= self.room:
                reply = replace(reply, failure=reply.failure or too_many)  # cut there, on the host
            records, why = records_of(reply)
            self._listed += len(records.entries)
            why = why or records.failed.pop(wire_name(top), None)
            if why is None and any(not name.startswith(inside) for name in records.paths):
                why = reason(reasons.GARBLED, "a path outside the directory")
            elif why is None and (records.done is None or self._listed > self._scene.limits.entries):
                why = too_many
            why = why or self._take_tree(top, records)
            if why is None:
                self._scene.tree_sums[top] = hashlib.sha256(reply.body).hexdigest().encode()
            listed[top] = why or next(iter(records.failed.values()), None) or records.done or None

        return take

    def _take_tree(self, top: str, records: Records) -> str | None:
        """Take what nobody declared; the reason why nothing of it is taken where it is too much."""
        scene = self._scene
        at_top = scene.entries.get(top)
        undeclared: dict[str, Entry] = {}
        problems: list[str] = []
        for name, entry in records.entries.items():
            try:
                path = name.decode("utf-8")
            except UnicodeDecodeError:
                problems.append(reason(reasons.NOT_TEXT_NAME, name))
                continue
            if len(name) > MAX_PATH:
                problems.append(reason(reasons.OVER_LIMIT, f"a path of {len(name)} bytes"))
                continue
            if entry.type == "d" and at_top is not None and entry.device != at_top.device:
                scene.found.listed[path] = reasons.OTHER_FILE_SYSTEM
            if path in scene.resources:
                continue
            if entry.type == "d" and path in scene.above:
                scene.found.implied.add(f"directory:{path}")
                continue
            undeclared[path] = entry
        if self._undeclared + len(undeclared) > scene.limits.undeclared:
            return reason(reasons.OVER_LIMIT, f"more than {scene.limits.undeclared} undeclared entries")
        self._undeclared += len(undeclared)
        for path, entry in undeclared.items():
            scene.resources[path] = [f"{KIND_OF_TYPE.get(entry.type, 'file')}:{path}"]
        scene.entries |= undeclared
        scene.found.problems += problems[:MAX_PROBLEMS]
        return None


def _declared_state(records: Records, name: bytes, why: str | None) -> State | None:
    """What a listing says about one path; None where it has an entry."""
    if why:
        return Unknown(why)
    if name in records.entries:
        # Two answers about one path: it came or went between them.
        return Unknown(reasons.CHANGED) if name in records.absent else None
    if name in records.failed:
        return Unknown(records.failed[name])
    return ABSENT if name in records.absent else Unknown(reasons.CHANGED)
