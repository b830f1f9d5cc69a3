"""What the verdicts of a host were made from: while all of that stands, they need not be made again."""

import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from deployments.core.states import canonical_json
from drift.core.evaluation import Judged, next_base
from drift.core.verdict import OUT_OF_BAND, Verdict


@cache
def rules() -> str:
    """A digest of the programs that judge: with others, every host is judged anew at its next look."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def basis_of(
    *, revision: str, version: int, facts: Mapping[str, Any], base: str | None, observed: str | None
) -> str:
    """A digest of the definition's revision, the host's own values, what is agreed on it and what was seen there.

    `version` is that of the host's record: its roles, variables and name. `base` and `observed` are digests of manifests.
    """
    said = canonical_json([rules(), revision, version, dict(facts), base, observed])
    return hashlib.sha256(said.encode()).hexdigest()


def is_settled(first: Sequence[Judged], again: Sequence[Judged]) -> bool:
    """Whether judging once more, with base and findings as the first time has left them, says the same and moves base no
    further."""
    return _written(first) == _written(again) and next_base({}, first) == next_base({}, again)


def _written(judged: Sequence[Judged]) -> list[tuple[Any, ...]]:
    return [_said(item) for item in judged if item.verdict is not Verdict.UNMANAGED]


def _said(item: Judged) -> tuple[Any, ...]:
    """What is written down of it."""
    states = (item.base, item.live) if item.verdict in OUT_OF_BAND else ()
    return (item.resource, item.verdict, item.judgement.reason, item.hidden, item.counted, states)
