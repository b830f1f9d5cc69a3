"""Manifests, stored once for all hosts that are alike.

A manifest is a list of chunks; a resource's chunk follows from the hash of its id, so that one changed
resource changes one chunk and the other fifteen stay shared with every host that has them.
"""

import hashlib
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from common import clock
from deployments.core.states import State, canonical_json, from_json, to_json
from drift.models import Blob, Chunk, Manifest

_BUCKETS = 16


def store_manifest(states: Mapping[str, State]) -> Manifest:
    """The manifest with these states; rows that exist already are shared."""
    buckets: dict[int, dict[str, Any]] = defaultdict(dict)
    for resource, state in states.items():
        buckets[hashlib.sha256(resource.encode()).digest()[0] % _BUCKETS][resource] = to_json(state)
    chunks = [Chunk(digest=_digest(buckets[bucket]), states=buckets[bucket]) for bucket in sorted(buckets)]
    manifest = Manifest(
        digest=_digest([chunk.digest for chunk in chunks]), chunks=[chunk.digest for chunk in chunks]
    )
    if not Manifest.objects.filter(pk=manifest.digest).exists():
        Chunk.objects.bulk_create(chunks, ignore_conflicts=True)
        Manifest.objects.bulk_create([manifest], ignore_conflicts=True)
    return manifest


def load_states(manifest: Manifest | None) -> dict[str, State] | None:
    """Resource id → state; None for no manifest."""
    if manifest is None:
        return None
    chunks = Chunk.objects.filter(pk__in=manifest.chunks).values_list("states", flat=True)
    return {resource: from_json(state) for states in chunks for resource, state in states.items()}


def _digest(value: Any) -> str:
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def store_text(digest: str, text: str, *, redactions: int) -> None:
    """Keep the text of a file that differed. `digest` is of the original; `text` is redacted already."""
    if "\0" in text:  # PostgreSQL can't hold it, and people can't read it
        return
    Blob.objects.bulk_create(
        [Blob(digest=digest, text=text, redactions=redactions, created_at=clock.now())], ignore_conflicts=True
    )
