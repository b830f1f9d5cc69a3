"""Manifests, stored once for all hosts that are alike.

A resource's chunk follows from its kind and the hash of its id, so that one changed resource changes one chunk and the
others stay shared with every host that has them. Hosts that differ in one package still share all their services, and
nearly all of their packages. The list of shared chunks is a *group*, which hosts that are alike share as well; what
depends on a host itself (`drift.core.own`) is in chunks of its own, and a manifest is a group and those.

What nothing refers to is deleted (drift.services.retention): it is marked first, and a while later it goes. Who takes
up a row again that is marked takes the mark away, which waits for a deletion that is under way.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.db.models import Model

from common import clock
from deployments.core.states import Present, State, canonical_json, to_json
from drift.core.own import Own
from drift.core.watched import FILE_KINDS, kind_of
from drift.models import Blob, Chunk, ChunkGroup, Manifest
from drift.queries.manifests import load_manifests as load_manifests
from drift.queries.manifests import load_states as load_states
from drift.queries.manifests import own_in as own_in

_BUCKETS = 16
_ENTRIES = (
    32  # as many of a kind as a chunk has about, so that what one change costs does not grow with the kind
)
_MOST_BUCKETS = 256
_OWN_ENTRIES = 64  # fits one chunk


def store_manifest(states: Mapping[str, State], own: Collection[str] = ()) -> Manifest:
    """The manifest with these states; rows that exist already are shared. `own` are the ids that depend on the host
    itself: sameness of everything else is then one digest."""
    is_own = Own(own)
    apart = {name: state for name, state in states.items() if name in is_own}
    shared = [_Text.of(part) for part in _chunks({n: s for n, s in states.items() if n not in apart})]
    group = ChunkGroup(digest=_joined("group", shared), chunks=[text.digest for text in shared])
    manifest, of_its_own = manifest_of(group, apart)
    if not _is_kept(Manifest, [manifest.digest]):
        if not _is_kept(ChunkGroup, [group.digest]):
            _keep_chunks(shared)
            _keep(ChunkGroup, [group])
        _keep_chunks(of_its_own)
        _keep(Manifest, [manifest])
    return manifest


def manifest_of(group: ChunkGroup, own: Mapping[str, State]) -> tuple[Manifest, list["_Text"]]:
    """(the manifest of a group and a host's own states, the chunks of these); nothing is stored."""
    texts = [_Text.of(part) for part in _own_chunks(own)]
    digest = _joined("manifest", [group, *texts])
    return Manifest(digest=digest, group=group, chunks=[text.digest for text in texts]), texts


@dataclass(frozen=True)
class _Text:
    """A chunk as the text that its digest is of. Most are stored already: rows are only made of the others."""

    digest: str
    text: str

    @classmethod
    def of(cls, states: Mapping[str, State]) -> "_Text":
        text = canonical_json({name: _said(state) for name, state in states.items()})
        return cls(hashlib.sha256(text.encode()).hexdigest(), text)

    def chunk(self) -> Chunk:
        return Chunk(digest=self.digest, states=json.loads(self.text))


def _said(state: State) -> dict[str, Any]:
    """As `to_json`, without copies."""
    return {"value": "present", "data": state.data} if isinstance(state, Present) else to_json(state)


def _joined(what: str, parts: Iterable[_Text | ChunkGroup]) -> str:
    return hashlib.sha256("\n".join([what, *(part.digest for part in parts)]).encode()).hexdigest()


def _keep_chunks(texts: Sequence[_Text]) -> None:
    known = _known(Chunk, [text.digest for text in texts])
    _keep(Chunk, [text.chunk() for text in texts if text.digest not in known])


def _is_kept(model: type[Model], digests: Collection[str]) -> bool:
    return len(_known(model, digests)) == len(digests)


def _known(model: type[Model], digests: Collection[str]) -> set[str]:
    """Those that are there and will be for long enough."""
    rows = model._default_manager.filter(pk__in=digests, unreferenced_at=None)
    return set(rows.values_list("pk", flat=True))


def _keep(model: type[Model], rows: Iterable[Chunk | ChunkGroup | Manifest]) -> None:
    """Insert what is not there; take the mark away from what is about to be deleted."""
    by_digest = {row.digest: row for row in rows}
    new = by_digest.keys() - _known(model, by_digest.keys())
    model._default_manager.bulk_create(
        [by_digest[digest] for digest in sorted(new)],
        update_conflicts=True,
        unique_fields=["digest"],
        update_fields=["unreferenced_at"],
    )


def _chunks(states: Mapping[str, State]) -> Iterator[dict[str, State]]:
    """Things of the file system together in sixteen or more; every other kind in a power of two that suits its number,
    so that a package more or less does not deal them out anew."""
    groups: dict[str, list[str]] = defaultdict(list)
    for resource in states:
        kind = kind_of(resource)
        groups["" if kind in FILE_KINDS else kind].append(resource)
    for kind in sorted(groups):
        suits = min(_MOST_BUCKETS, 1 << (len(groups[kind]) // _ENTRIES).bit_length())
        yield from _dealt(states, groups[kind], suits if kind else max(_BUCKETS, suits))


def _own_chunks(states: Mapping[str, State]) -> Iterator[dict[str, State]]:
    """One for few, which is the rule; many are dealt out like others."""
    suits = 1 << (len(states) // _ENTRIES).bit_length() if len(states) > _OWN_ENTRIES else 1
    yield from _dealt(states, states, min(_MOST_BUCKETS, suits))


def _dealt(states: Mapping[str, State], names: Iterable[str], count: int) -> Iterator[dict[str, State]]:
    buckets: dict[int, dict[str, State]] = defaultdict(dict)
    for resource in names:
        buckets[_place(resource) % count][resource] = states[resource]
    yield from (buckets[bucket] for bucket in sorted(buckets))


@lru_cache(maxsize=100_000)
def _place(resource: str) -> int:
    return int.from_bytes(hashlib.sha256(resource.encode()).digest()[:1])


def keep_manifest(
    states: Mapping[str, State], before: Manifest | None, own: Collection[str] = ()
) -> tuple[Manifest, bool]:
    """(manifest of these states, whether `before` had others). Where nothing moved, which is the rule, it is the one
    before; but for one from before there were groups, which is stored anew."""
    moved = before is None or load_states(before) != states
    if before is None or moved or before.group_id is None:
        return store_manifest(states, own), moved
    return before, False


def store_text(digest: str, text: str, *, redactions: int) -> None:
    """Keep one text. `digest` is of the original; `text` is redacted already."""
    store_texts({digest: text}, {digest: redactions})


def store_texts(texts: Mapping[str, str], redactions: Mapping[str, int]) -> None:
    """Keep texts, of files that differed or that may one day, by the digest of the original; redacted already."""
    now = clock.now()
    known = _known(Blob, texts.keys())
    Blob.objects.bulk_create(
        [
            Blob(digest=digest, text=texts[digest], redactions=redactions.get(digest, 0), created_at=now)
            for digest in sorted(texts.keys() - known)
            if "\0" not in texts[digest]  # PostgreSQL can't hold it, and people can't read it
        ],
        update_conflicts=True,
        unique_fields=["digest"],
        update_fields=["unreferenced_at"],
        batch_size=500,
    )
