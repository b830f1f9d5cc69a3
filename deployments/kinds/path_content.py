"""The later steps of a survey of paths: digests of files whose content matters, then the text that is wanted."""

from collections.abc import Callable

from deployments.collector import reasons
from deployments.collector.reasons import reason
from deployments.collector.wire import Ask, Reply
from deployments.core.states import Present, State, Unknown
from deployments.kinds.path_batches import batches, is_odd, relative
from deployments.kinds.path_listing import Step
from deployments.kinds.path_scene import Scene, records_of, wire_name
from deployments.kinds.text_content import readable_text

Wanted = Callable[[str, State], bool]
"""Whether the content of this resource, in this state, is worth fetching."""


def hashing(scene: Scene) -> Step:
    """Digests of the regular files whose content matters, within the limits."""
    due: list[str] = []
    total = 0
    for path, entry in scene.entries.items():
        if entry.type != "f" or not scene.content_matters(path) or scene.barred(path):
            continue
        if scene.hmac_key is None and scene.is_secret(path):
            scene.set(path, Unknown(reason(reasons.SECRET, "no key to compare it with")))
        elif entry.size > scene.limits.hash_file_bytes or total + entry.size > scene.limits.hash_total_bytes:
            scene.set(path, Unknown(reason(reasons.OVER_LIMIT, f"{entry.size} bytes")))
        else:
            total += entry.size
            due.append(path)
    step: Step = []
    for verb, odd in (("hash", False), ("hash_odd", True)):
        for batch in batches(path for path in due if is_odd(path) is odd):
            step.append((Ask(verb, tuple(map(relative, batch))), _hash_taker(scene, batch)))
    return step


def _hash_taker(scene: Scene, asked: list[str]) -> Callable[[Reply], None]:
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
                scene.set(path, scene.content_state(path, sha256))

    return take


def reading(scene: Scene, wanted: Wanted) -> Step:
    """Each distinct content that is wanted, once, within the limits, and never of a secret path."""
    step: Step = []
    asked: set[str] = set()
    room = scene.limits.content_total_bytes
    for path, entry in scene.entries.items():
        for resource in scene.resources.get(path, ()):
            state = scene.found.states[resource]
            sha256 = state.data.get("sha256") if isinstance(state, Present) else None
            if not sha256 or sha256 in asked or scene.is_secret(path) or not wanted(resource, state):
                continue
            if entry.size > scene.limits.content_file_bytes or entry.size > room:
                scene.found.withheld[sha256] = reason(reasons.OVER_LIMIT, f"{entry.size} bytes")
                continue
            room -= entry.size
            asked.add(sha256)
            # One byte more than it had: a file that grew is noticed by its digest.
            step.append((Ask("read", (entry.size + 1, relative(path))), _content_taker(scene, sha256)))
    return step


def _content_taker(scene: Scene, sha256: str) -> Callable[[Reply], None]:
    def take(reply: Reply) -> None:
        kept = reply.failure or readable_text(reply.body, sha256)
        if isinstance(kept, str):
            scene.found.withheld[sha256] = kept
        else:
            scene.found.contents[sha256], scene.found.redactions[sha256] = kept

    return take
