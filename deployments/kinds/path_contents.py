"""All contents of a host at once: whether what was read at an earlier look is still so, told by one digest.

A deep look reads every file again. Where nothing seems to have moved, the question for that is known beforehand, from what
the earlier look saw; and the host answers it with a digest of all digests. What is another one is then looked at in full.
"""

from collections.abc import Iterable, Mapping, Sequence

from deployments.collector.wire import Ask
from deployments.core.states import Present, State
from deployments.kinds.path_batches import is_odd, relative
from deployments.kinds.path_content import hash_asks
from deployments.kinds.path_scene import PATH_KINDS, inside

HASH_VERBS = frozenset({"hash", "hash_odd", "tree_hash"})


def contents_asks(states: Mapping[str, State], tops: Sequence[str], hash_file_bytes: int) -> list[Ask]:
    """What a full look asks for the digests of all that has one in `states`, in its order. `tops` are the directories
    that it asks about as a whole."""
    paths = _read_paths(states)
    below = {path for path in paths if inside(path, tops)}
    return [
        *_hash_asks(path for path in paths if path not in below),
        *(Ask("tree_hash", (hash_file_bytes, relative(top))) for top in tops),
        *_hash_asks(path for path in below if is_odd(path)),
    ]


def _hash_asks(paths: Iterable[str]) -> list[Ask]:
    return [ask for ask, _ in hash_asks(paths)]


def _read_paths(states: Mapping[str, State]) -> set[str]:
    found = set()
    for resource, state in states.items():
        kind, _, path = resource.partition(":")
        if (
            kind in PATH_KINDS
            and isinstance(state, Present)
            and ("sha256" in state.data or "hmac" in state.data)
        ):
            found.add(path)
    return found
