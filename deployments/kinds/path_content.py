"""The later steps of a survey of paths: digests of files whose content matters, then the text that is wanted."""

from collections.abc import Callable, Iterable, Mapping

from deployments.collector import reasons
from deployments.collector.reasons import reason
from deployments.collector.wire import Ask, Reply
from deployments.core.states import Present, State, Unknown
from deployments.kinds.path_batches import batches, is_odd, relative
from deployments.kinds.path_listing import Step
from deployments.kinds.path_roots import agreed_state, is_first_look
from deployments.kinds.path_scene import Scene, records_of, wire_name
from deployments.kinds.text_content import readable_text

Wanted = Callable[[str, State], bool]
"""Whether the content of this resource, in this state, is worth fetching."""


def hashing(scene: Scene, wanted: Wanted, besides: frozenset[str]) -> Step:
    """Digests of the regular files whose content matters, within the limits; not of those that are read with their tree."""
    due: list[str] = []
    total = watched = 0
    limits = scene.limits
    for path, entry in scene.entries.items():
        if (
            path in scene.recalled
            or path in besides
            or entry.type != "f"
            or not scene.content_matters(path)
            or scene.barred(path)
        ):
            continue
        if scene.hmac_key is None and scene.is_secret(path):
            scene.set(path, Unknown(reason(reasons.SECRET, "no key to compare it with")))
        elif path in scene.watched:
            watched += entry.size
            if entry.size > limits.watched_file_bytes or watched > limits.watched_total_bytes:
                watched -= entry.size
                scene.set(path, Unknown(reason(reasons.OVER_LIMIT, f"{entry.size} bytes")))
            else:
                due.append(path)
        elif entry.size > limits.hash_file_bytes or total + entry.size > limits.hash_total_bytes:
            scene.set(path, Unknown(reason(reasons.OVER_LIMIT, f"{entry.size} bytes")))
        else:
            total += entry.size
            due.append(path)
    return hash_batches(scene, due, wanted)


def hash_batches(scene: Scene, due: Iterable[str], wanted: Wanted) -> Step:
    """Digests of these files, many a process."""
    return [(ask, _hash_taker(scene, batch, wanted)) for ask, batch in hash_asks(due)]


def hash_asks(due: Iterable[str]) -> list[tuple[Ask, list[str]]]:
    """What is asked for the digests of these files, the same in whatever order they come; each with its files."""
    due = sorted(due)
    return [
        (Ask(verb, tuple(map(relative, batch))), batch)
        for verb, odd in (("hash", False), ("hash_odd", True))
        for batch in batches(path for path in due if is_odd(path) is odd)
    ]


def _hash_taker(scene: Scene, asked: list[str], wanted: Wanted) -> Callable[[Reply], None]:
    by_name = {wire_name(path): path for path in asked}

    def take(reply: Reply) -> None:
        records, why = records_of(reply, set(by_name))
        for name, path in by_name.items():
            sha256, after = records.hashes.get(name), records.entries.get(name)
            if why or name in records.failed:
                scene.set(path, Unknown(why or records.failed[name]))
            elif after is None or not after.same_moment(scene.entries[path]):
                scene.set(path, Unknown(reasons.CHANGED))
            elif sha256 is None:
                scene.set(path, Unknown(reason(reasons.READ_ERROR, "no digest")))
            else:
                take_digest(scene, path, sha256, wanted)

    return take


def take_digest(scene: Scene, path: str, sha256: str, wanted: Wanted) -> None:
    """A digest is bare where nobody wants the content: it is as declared. Until another is read and found to hold no
    secret, its digest is a keyed one.
    """
    if path in scene.watched:
        _take_watched(scene, path, sha256)
        return
    state = scene.content_state(path, sha256)
    scene.set(path, state)
    if not isinstance(state, Present) or "sha256" not in state.data:
        return
    if any(wanted(resource, state) for resource in scene.resources.get(path, ())):
        scene.wanted.setdefault(sha256, []).append(path)
    elif sha256 not in scene.question.secret_contents:
        return
    scene.set(path, scene.keyed_state(path, sha256))


def _take_watched(scene: Scene, path: str, sha256: str) -> None:
    state = agreed_state(scene, path, sha256)
    if state is None:
        state = scene.keyed_state(path, sha256)
        wanted = scene.keeping if is_first_look(scene, path) else scene.wanted
        wanted.setdefault(sha256, []).append(path)
    scene.set(path, state)


def reading(scene: Scene) -> Step:
    """Each distinct content that is wanted, once, within the limits, and never of a secret path."""
    limits = scene.limits
    for sha256 in scene.keeping.keys() & scene.wanted.keys():
        scene.wanted[sha256] += scene.keeping.pop(sha256)
    return [
        *_reading(scene, scene.wanted, limits.content_file_bytes, limits.content_total_bytes),
        *_reading(scene, scene.keeping, limits.kept_file_bytes, limits.kept_total_bytes),
    ]


def _reading(scene: Scene, wanted: Mapping[str, list[str]], most: int, room: int) -> Step:
    step: Step = []
    for sha256, paths in wanted.items():
        path = paths[0]
        size = scene.entries[path].size
        if size > most or size > room:
            scene.found.withheld[scene.keyed(sha256)] = reason(reasons.OVER_LIMIT, f"{size} bytes")
            continue
        room -= size
        # One byte more than it had: a file that grew is noticed by its digest.
        step.append((Ask("read", (size + 1, relative(path))), _content_taker(scene, sha256, paths)))
    return step


def _content_taker(scene: Scene, sha256: str, paths: list[str]) -> Callable[[Reply], None]:
    def take(reply: Reply) -> None:
        kept = reply.failure or readable_text(reply.body, sha256)
        digest = scene.keyed(sha256)
        if isinstance(kept, str):
            scene.found.withheld[digest] = kept
            return
        text, redactions = kept
        if not redactions:
            digest = sha256
            for path in paths:
                scene.set(path, scene.content_state(path, sha256))
        scene.found.contents[digest], scene.found.redactions[digest] = text, redactions

    return take
