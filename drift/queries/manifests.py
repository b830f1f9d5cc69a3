"""What is stored of hosts, read: manifests, whole or many at once, with what they share read once."""

import json
from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping, Sequence, Sized
from threading import Lock
from typing import Generic, TypeVar

from django.db import connection

from deployments.core.states import State, from_json
from drift.models import Chunk, ChunkGroup, Manifest

Value = TypeVar("Value", bound=Sized)


def load_states(manifest: Manifest | None) -> dict[str, State] | None:
    """Resource id → state; None for no manifest."""
    if manifest is None:
        return None
    chunks = [*_lists({manifest.group_id}).get(manifest.group_id, ()), *manifest.chunks]
    found = load_chunks(chunks)
    return {name: state for chunk in chunks for name, state in found[chunk].items()}


def own_in(manifest: Manifest | None) -> frozenset[str]:
    """The ids that were stored as the host's own."""
    if manifest is None or manifest.group_id is None:
        return frozenset()
    return frozenset(name for states in load_chunks(manifest.chunks).values() for name in states)


def load_manifests(digests: Iterable[str | None]) -> dict[str, dict[str, State]]:
    """The states of many manifests, by digest; those of chunks that they share are the same objects."""
    rows = list(Manifest.objects.filter(pk__in={digest for digest in digests if digest}))
    groups = _lists({manifest.group_id for manifest in rows})
    load_chunks({chunk for chunks in (*groups.values(), *(row.chunks for row in rows)) for chunk in chunks})
    return {row.digest: load_states(row) or {} for row in rows}


def _lists(groups: Collection[str | None] | Collection[str]) -> dict[str | None, Sequence[str]]:
    """The chunks of each group."""
    found = {digest: chunks for digest in groups if (chunks := _groups.get(digest)) is not None}
    missing = [digest for digest in groups if digest and digest not in found]
    if missing:
        rows = ChunkGroup.objects.filter(pk__in=missing).values_list("digest", "chunks")
        for digest, chunks in rows:
            found[digest] = chunks
            _groups.keep(digest, chunks)
    return found


def load_chunks(digests: Collection[str]) -> dict[str, Mapping[str, State]]:
    """The states of each chunk."""
    found = {digest: states for digest in digests if (states := _cache.get(digest)) is not None}
    missing = [digest for digest in digests if digest not in found]
    for digest, states in Chunk.objects.filter(pk__in=missing).values_list("digest", "states"):
        found[digest] = {resource: from_json(state) for resource, state in states.items()}
        _cache.keep(digest, found[digest])
    return found


def load_groups(digests: Collection[str]) -> dict[str, Mapping[str, State]]:
    """The states of each group, whole."""
    lists = _lists(digests)
    found = load_chunks({chunk for chunks in lists.values() for chunk in chunks})
    return {
        str(digest): {name: state for chunk in chunks for name, state in found[chunk].items()}
        for digest, chunks in lists.items()
    }


def load_own_chunks(digests: Collection[str]) -> dict[str, Mapping[str, State]]:
    """As `load_chunks`, of those that nobody else will ask for: they don't push out what hosts share."""
    with connection.cursor() as cursor:  # one array: thousands of placeholders take longer than the answer
        cursor.execute(
            "SELECT digest, states::text FROM drift_chunk WHERE digest = ANY(%s)",
            [[bytes.fromhex(digest) for digest in digests]],
        )
        return {
            bytes(digest).hex(): {name: from_json(state) for name, state in json.loads(text).items()}
            for digest, text in cursor.fetchall()
        }


def load_rows(digests: Collection[str]) -> dict[str, tuple[str | None, list[str]]]:
    """(group, own chunks) of each manifest."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT digest, group_id, chunks FROM drift_manifest WHERE digest = ANY(%s)",
            [[bytes.fromhex(digest) for digest in digests]],
        )
        return {
            bytes(digest).hex(): (
                None if group is None else bytes(group).hex(),
                [bytes(chunk).hex() for chunk in chunks],
            )
            for digest, group, chunks in cursor.fetchall()
        }


class _Cache(Generic[Value]):
    """What was read lately: hosts that are alike share it, and what a digest names never changes."""

    def __init__(self, entries: int) -> None:
        self._room = entries
        self._kept: OrderedDict[str | None, Value] = OrderedDict()
        self._lock = Lock()

    def get(self, digest: str | None) -> Value | None:
        with self._lock:
            if (value := self._kept.get(digest)) is not None:
                self._kept.move_to_end(digest)
            return value

    def keep(self, digest: str, value: Value) -> None:
        with self._lock:
            if digest not in self._kept:
                self._kept[digest] = value
                self._room -= len(value)
            while self._room < 0:
                self._room += len(self._kept.popitem(last=False)[1])


_cache: _Cache[Mapping[str, State]] = _Cache(entries=50_000)
_groups: _Cache[Sequence[str]] = _Cache(entries=50_000)
