"""The digest of a change: what an approval of it binds. Whatever is edited of this voids the approval."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

BOUND = (
    "kind",
    "title",
    "description",
    "reason",
    "hosts",
    "resources",
    "selector",
    "plan",
    "backout",
    "planned_start",
    "planned_end",
    "happened_at",  # of what was done already; None for what is asked first
    "template",
    "risk",
)


def content_digest(content: Mapping[str, Any]) -> str:
    """SHA-256, in hex, of the canonical JSON of `content`, which has a value for each name of BOUND.

    Times are in UTC, or None; what `template` is, is its id as text. Raises ValueError when a name is missing or
    not one of these: a digest that forgets something would bind less than it says.
    """
    if wrong := set(content) ^ set(BOUND):
        raise ValueError(f"a change's digest is of {', '.join(BOUND)}; not so: {', '.join(sorted(wrong))}")
    plain = {name: _plain(content[name]) for name in BOUND}
    # ASCII, so that any text has a canonical form, half of a surrogate pair too.
    return hashlib.sha256(
        json.dumps(plain, sort_keys=True, separators=(",", ":")).encode("ascii")
    ).hexdigest()


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
