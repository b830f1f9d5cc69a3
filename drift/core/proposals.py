"""A proposed fold-back as values: what would be committed, what it does to hosts, and what an approval binds."""

import base64
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from deployments.core.states import canonical_json

Edits = Mapping[str, bytes | None]


@dataclass(frozen=True)
class Proposal:
    """`layer` is empty where a person wrote the edits. `missed` names the occurrences ("DRF-3 on web-8") that
    would not be as they are live: possible only where a person wrote the edits, and said on the proposal. Those whose
    change is joined with something newer in the definition are not among them; the effect names them as `joined`.
    `effect_digest` is of the source change and its rendered effect, `digest` of all that an approval binds."""

    base_revision: str
    layer: str
    edits: Edits
    patch: str
    effect: dict[str, Any]
    effect_digest: str
    digest: str
    explanation: str = ""
    missed: tuple[str, ...] = ()
    hosts: tuple[str, ...] = field(default=())  # every host that it changes or that has a finding


def fold_back_digest(*, effect_digest: str, fingerprints: Iterable[str], missed: Iterable[str]) -> str:
    """What an approval binds: the source change and its rendered effect on each host (`effect_digest`), which
    findings it is about, and which occurrences it leaves as they are."""
    bound = {
        "kind": "fold-back",
        "effect": effect_digest,
        "findings": sorted(fingerprints),
        "missed": sorted(missed),
    }
    return hashlib.sha256(canonical_json(bound).encode()).hexdigest()


def waive_digest(*, fingerprints: Iterable[str], hosts: Iterable[str], until: datetime, reason: str) -> str:
    """What an approval of a waiver binds: these findings, on these hosts, until then, for this reason."""
    bound = {
        "kind": "waive",
        "findings": sorted(fingerprints),
        "hosts": sorted(hosts),
        "until": until.isoformat(),
        "reason": reason,
    }
    return hashlib.sha256(canonical_json(bound).encode()).hexdigest()


def edits_to_json(edits: Edits) -> dict[str, Any]:
    """Path → `{"text": …}`, `{"base64": …}` for what is not UTF-8 text, or None for a file that is deleted."""
    return {path: None if content is None else _content_to_json(content) for path, content in edits.items()}


def _content_to_json(content: bytes) -> dict[str, str]:
    try:
        text = content.decode("utf-8")
        if "\0" not in text:  # PostgreSQL's JSON can't hold it
            return {"text": text}
    except UnicodeDecodeError:
        pass
    return {"base64": base64.b64encode(content).decode("ascii")}


def edits_from_json(value: Mapping[str, Any]) -> dict[str, bytes | None]:
    """The inverse of `edits_to_json`."""
    return {path: None if content is None else _content_from_json(content) for path, content in value.items()}


def _content_from_json(content: Mapping[str, str]) -> bytes:
    if "text" in content:
        return content["text"].encode("utf-8")
    return base64.b64decode(content["base64"])
