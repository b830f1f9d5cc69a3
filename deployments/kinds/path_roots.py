"""Watched roots: every entry below them that nobody declared, beside what was agreed there.

What other kinds speak for and what is nobody's is left out before anything of it is read. A content that is as agreed
is not fetched; neither is one whose text is kept already, from another host. Whether packages brought what is there is
only asked where something is new, different or gone.
"""

from collections.abc import Callable

from deployments.collector import reasons
from deployments.collector.reasons import code_of, reason
from deployments.collector.wire import Ask, Reply
from deployments.core.left_out_paths import is_left_out
from deployments.core.states import Present, State, Unknown
from deployments.kinds.path_batches import MAX_PATH
from deployments.kinds.path_entries import Entry, Records
from deployments.kinds.path_scene import Scene, inside, records_of, wire_name

KIND_OF_TYPE = {"d": "directory", "l": "symlink"}
"""Of every other type of entry the kind is "file"."""
MAX_HOLES = 100
MAX_PACKAGED = 100_000
_FILE_KINDS = ("file:", "directory:", "symlink:")


class RootListing:
    """Takes the trees below watched roots. `room` is how many bytes of each are taken."""

    def __init__(self, scene: Scene, room: int) -> None:
        self._scene, self._room = scene, room

    def taker(self, root: str) -> Callable[[Reply], None]:
        below = wire_name(root.rstrip("/")) + b"/"

        def take(reply: Reply) -> None:
            scene = self._scene
            if scene.found.listed[root] != reasons.NOT_ASKED:
                return  # the directory itself could not be seen
            records, why = records_of(reply)
            if len(reply.body) >= self._room:  # cut there, on the host
                why = reply.failure or reason(reasons.OVER_LIMIT, f"more than {self._room} bytes of names")
            why = why or records.failed.pop(wire_name(root), None)
            if why is None and any(not name.startswith(below) for name in records.paths):
                why = reason(reasons.GARBLED, "a path outside the directory")
            elif why is None and records.done is None:
                why = reasons.TRUNCATED
            elif why is None and len(records.failed) > MAX_HOLES:
                why = next(iter(records.failed.values()))
            scene.found.listed[root] = why or self._take(root, records) or records.done or None

        return take

    def _take(self, root: str, records: Records) -> str | None:
        """Take what is there; the reason why nothing of it is taken where it is too much."""
        scene, sections = self._scene, self._scene.question.roots.sections
        top = scene.entries.get(root)
        found: dict[str, Entry] = {}
        for name, entry in records.entries.items():
            try:
                path = name.decode("utf-8")
            except UnicodeDecodeError:
                scene.found.problems.append(reason(reasons.NOT_TEXT_NAME, name))
                continue
            kind = KIND_OF_TYPE.get(entry.type, "file")
            if (
                path in scene.resources
                or len(name) > MAX_PATH
                or not path.isprintable()
                or inside(path, scene.exhaustive)
                or is_left_out(kind, path, sections)
            ):
                continue
            if entry.type == "d" and top is not None and entry.device != top.device:
                scene.found.listed[path] = reasons.OTHER_FILE_SYSTEM
            found[path] = entry
        if len(scene.watched) + len(found) > scene.limits.watched:
            return reason(reasons.OVER_LIMIT, f"more than {scene.limits.watched} entries")
        for path, entry in found.items():
            scene.resources[path] = [f"{KIND_OF_TYPE.get(entry.type, 'file')}:{path}"]
        scene.entries |= found
        scene.watched |= found.keys()
        for name, why in records.failed.items():
            path = name.decode("utf-8", "replace")
            if path.isprintable() and not is_left_out("directory", path, sections):
                scene.found.listed.setdefault(path, why)
        return None


def agreed_state(scene: Scene, path: str, sha256: str) -> State | None:
    """The state of a watched file whose text need not be fetched: its content is as agreed, or is kept already. None
    where it has to be read."""
    state = scene.content_state(path, sha256)
    if not isinstance(state, Present) or "sha256" not in state.data:
        return state  # a secret path, or unproven
    roots = scene.question.roots
    before = roots.agreed.get(scene.resources[path][0])
    agreed = before.data.get("sha256") if isinstance(before, Present) else None
    keyed = scene.keyed(sha256)
    for known in (sha256, keyed):
        if known and (agreed == known or known in roots.kept):
            return state if known == sha256 else scene.keyed_state(path, sha256)
    return None


def is_first_look(scene: Scene, path: str) -> bool:
    """Whether nothing was agreed here yet: the text is fetched only to be kept."""
    return inside(path, scene.question.roots.first)


def asking_packages(scene: Scene) -> list[tuple[Ask, Callable[[Reply], None]]]:
    """The question what packages shipped: where something below a root is not as agreed, or somebody wants to know."""
    is_due = scene.question.packages or (bool(scene.roots) and _moved(scene))
    return [(Ask("shipped"), _packages_taker(scene))] if is_due else []


def _moved(scene: Scene) -> bool:
    roots = scene.question.roots
    if roots.first:
        return True
    states = scene.found.states
    for path in scene.watched:
        [resource] = scene.resources[path]
        state = states.get(resource)
        if not isinstance(state, Unknown) and state != roots.agreed.get(resource):
            return True
    return any(
        isinstance(state, Present)
        and resource.startswith(_FILE_KINDS)
        and resource not in states
        and inside(resource.partition(":")[2], scene.roots)
        for resource, state in roots.agreed.items()
    )


def _packages_taker(scene: Scene) -> Callable[[Reply], None]:
    def take(reply: Reply) -> None:
        answer = reply.failure or parse_shipped(reply.body)
        if isinstance(answer, str):
            scene.packages_failed = code_of(answer) not in (reasons.TOOL_MISSING, reasons.DENIED)
            scene.found.problems.append(f"what packages shipped is not known: {answer}")
            return
        scene.found.shipped, scene.found.packaged = answer

    return take


def parse_shipped(body: bytes) -> tuple[frozenset[str], frozenset[str]] | str:
    """(paths whose content is as shipped, paths that belong to packages), or why the answer can't be used.

    `p/PATH NUL` for each path of a package, `s/PATH NUL` for each that is as shipped, at the end `done NUL`.
    """
    *fields, last = body.split(b"\0")
    if last or not fields or fields.pop() != b"done" or len(fields) > MAX_PACKAGED:
        return reason(reasons.GARBLED, "shipped files")
    found: dict[bytes, set[str]] = {b"p": set(), b"s": set()}
    for each in fields:
        tag, _, path = each.partition(b"/")
        if tag not in found:
            return reason(reasons.GARBLED, "shipped files")
        found[tag].add("/" + path.decode("utf-8", "replace"))
    return frozenset(found[b"s"]), frozenset(found[b"p"])
