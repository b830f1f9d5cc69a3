"""Manifests, stored once for all hosts that are alike.

A manifest is a list of chunks; a resource's chunk follows from its kind and the hash of its id, so that one changed
resource changes one chunk and the others stay shared with every host that has them. Hosts that differ in one
package still share all their services, and nearly all of their packages.
"""

import hashlib
from collections import OrderedDict, defaultdict
from collections.abc import Iterator, Mapping
from threading import Lock
from typing import Any

from common import clock
from deployments.core.states import State, canonical_json, from_json, to_json
from drift.core.watched import FILE_KINDS, kind_of
from drift.models import Blob, Chunk, Manifest

_BUCKETS = 16
_ENTRIES = (
    32  # as many of a kind as a chunk has about, so that what one change costs does not grow with the kind
)
_MOST_BUCKETS = 256


def store_manifest(states: Mapping[str, State]) -> Manifest:
    """The manifest with these states; rows that exist already are shared."""
    chunks = [Chunk(digest=_digest(states), states=states) for states in _chunks(states)]
    manifest = Manifest(
        digest=_digest([chunk.digest for chunk in chunks]), chunks=[chunk.digest for chunk in chunks]
    )
    if not Manifest.objects.filter(pk=manifest.digest).exists():
        known = set(Chunk.objects.filter(pk__in=manifest.chunks).values_list("pk", flat=True))
        Chunk.objects.bulk_create(
            [chunk for chunk in chunks if chunk.digest not in known], ignore_conflicts=True
        )
        Manifest.objects.bulk_create([manifest], ignore_conflicts=True)
    return manifest


def _chunks(states: Mapping[str, State]) -> Iterator[dict[str, Any]]:
    """Things of the file system together in sixteen or more; every other kind in a power of two that suits its number,
    so that a package more or less does not deal them out anew."""
    groups: dict[str, list[str]] = defaultdict(list)
    for resource in states:
        kind = kind_of(resource)
        groups["" if kind in FILE_KINDS else kind].append(resource)
    for kind in sorted(groups):
        suits = min(_MOST_BUCKETS, 1 << (len(groups[kind]) // _ENTRIES).bit_length())
        count = suits if kind else max(_BUCKETS, suits)
        buckets: dict[int, dict[str, Any]] = defaultdict(dict)
        for resource in groups[kind]:
            first = int.from_bytes(hashlib.sha256(resource.encode()).digest()[:1])
            buckets[first % count][resource] = to_json(states[resource])
        yield from (buckets[bucket] for bucket in sorted(buckets))


def load_states(manifest: Manifest | None) -> dict[str, State] | None:
    """Resource id → state; None for no manifest."""
    if manifest is None:
        return None
    found = {digest: states for digest in manifest.chunks if (states := _cache.get(digest)) is not None}
    missing = [digest for digest in manifest.chunks if digest not in found]
    for digest, states in Chunk.objects.filter(pk__in=missing).values_list("digest", "states"):
        found[digest] = {resource: from_json(state) for resource, state in states.items()}
        _cache.keep(digest, found[digest])
    return {resource: state for states in found.values() for resource, state in states.items()}


class _Cache:
    """Chunks that were read lately: hosts that are alike share them, and what a digest names never changes."""

    def __init__(self, entries: int) -> None:
        self._room = entries
        self._chunks: OrderedDict[str, Mapping[str, State]] = OrderedDict()
        self._lock = Lock()

    def get(self, digest: str) -> Mapping[str, State] | None:
        with self._lock:
            if (states := self._chunks.get(digest)) is not None:
                self._chunks.move_to_end(digest)
            return states

    def keep(self, digest: str, states: Mapping[str, State]) -> None:
        with self._lock:
            if digest not in self._chunks:
                self._chunks[digest] = states
                self._room -= len(states)
            while self._room < 0:
                self._room += len(self._chunks.popitem(last=False)[1])


_cache = _Cache(entries=50_000)


def _digest(value: Any) -> str:
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def store_text(digest: str, text: str, *, redactions: int) -> None:
    """Keep one text. `digest` is of the original; `text` is redacted already."""
    store_texts({digest: text}, {digest: redactions})


def store_texts(texts: Mapping[str, str], redactions: Mapping[str, int]) -> None:
    """Keep texts, of files that differed or that may one day, by the digest of the original; redacted already."""
    now = clock.now()
    Blob.objects.bulk_create(
        [
            Blob(digest=digest, text=texts[digest], redactions=redactions.get(digest, 0), created_at=now)
            for digest in sorted(texts)
            if "\0" not in texts[digest]  # PostgreSQL can't hold it, and people can't read it
        ],
        ignore_conflicts=True,
        batch_size=500,
    )
