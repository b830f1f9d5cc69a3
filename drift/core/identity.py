"""When two drifts are one finding: the same resource, and the same change base → live.

Host-specific values are replaced by placeholders first, so that one edit to a rendered file on seven hosts is
one finding. The change is kept as the lines removed and added, not as whole contents, so that hosts on
different revisions of a file still share a finding when the edit is the same. So it is with lists and drop-ins
of other kinds (see `value_changes`).
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deployments.core.line_opcodes import opcodes
from deployments.core.states import Absent, Present, State, canonical_json
from drift.core.value_changes import value_changes
from drift.core.watched import FILE_KINDS, compared_attributes, kind_of
from inventory.core.host_view import HostView

CONTENT = ("sha256", "hmac")


@dataclass(frozen=True)
class DriftChange:
    """The distinct change: `summary` is JSON for people, `fingerprint` its identity (SHA-256 hex)."""

    fingerprint: str
    summary: dict[str, Any]


def drift_change(
    *,
    resource: str,
    base: State,
    live: State,
    attributes: frozenset[str],
    base_text: str | None,
    live_text: str | None,
    host: HostView,
    template_values: Mapping[str, Any],
) -> DriftChange:
    """What was changed by hand, in words that are the same for every host with the same change.

    `template_values` are the values that the resource's template used on this host (name → value). Where a
    text is not known (binary, over the cap, secret), or only a redacted secret differs, contents are told apart by
    their digests.
    """
    placeholders = _placeholders(host, template_values)
    summary: dict[str, Any] = {"kind": _kind(base, live)}
    summary |= _values(resource, base, live, attributes, placeholders)
    if base_text is not None and live_text is not None and _content(base) != _content(live):
        hunks = _hunks(base_text, live_text, placeholders)
        # No line differs in what may be shown: a secret does, and the keyed digests tell which.
        summary |= (
            {"hunks": hunks} if hunks else {"content": [_content(base), _content(live)], "secret": "in it"}
        )
    elif base_text is None and live_text is not None and isinstance(base, Absent):
        summary["hunks"] = _hunks("", live_text, placeholders)
    elif _content(base) != _content(live):
        summary["content"] = [_content(base), _content(live)]
        if "hmac" in {*_data(base), *_data(live)}:
            summary["secret"] = "all of it"
    digest = hashlib.sha256(canonical_json({"resource": resource, **summary}).encode()).hexdigest()
    return DriftChange(digest, summary)


def _kind(base: State, live: State) -> str:
    if isinstance(live, Absent):
        return "deleted"
    if not isinstance(base, Present):
        return "created"
    return "replaced" if base.data.get("type") != _data(live).get("type") else "edited"


def _data(state: State) -> Mapping[str, Any]:
    return state.data if isinstance(state, Present) else {}


def _content(state: State) -> Any:
    return (
        next((state.data[key] for key in CONTENT if key in _data(state)), None)
        if isinstance(state, Present)
        else None
    )


def _values(
    resource: str,
    base: State,
    live: State,
    attributes: frozenset[str],
    placeholders: list[tuple[str, str, bool]],
) -> dict[str, Any]:
    """What changed beside the content; nothing of what was deleted. Of what was created, all that a host does not
    change by itself."""
    if isinstance(live, Absent):
        return {"attributes": {}}
    before, after = _data(base), _data(live)
    kind = kind_of(resource)
    if not before:
        names = set(after) if kind in FILE_KINDS else compared_attributes(kind, live) & set(after)
    else:
        names = set(attributes)

    def told(text: str) -> str:
        return text if kind in FILE_KINDS else _replace(text, placeholders, set())[0]

    def hunks(old: str, new: str) -> list[dict[str, list[str]]]:
        return _hunks(old, new, placeholders)

    return value_changes(before, after, names - set(CONTENT), told=told, hunks=hunks)


def _placeholders(host: HostView, template_values: Mapping[str, Any]) -> list[tuple[str, str, bool]]:
    """(value, placeholder, certain), longest value first.

    A host's own name and address mean the host wherever they stand. A template's variable may have a value as
    ordinary as `4`, so it is only taken for the variable where the removed lines had it.
    """
    found: dict[str, tuple[str, bool]] = {host.name: ("host.name", True)}
    if host.address:
        found.setdefault(host.address, ("host.address", True))
    for name in sorted(template_values):
        value = template_values[name]
        if isinstance(value, str | int | float) and not isinstance(value, bool) and str(value):
            found.setdefault(str(value), (name, False))
    return sorted(
        ((value, name, sure) for value, (name, sure) in found.items()),
        key=lambda item: (-len(item[0]), item[0]),
    )


def _replace(
    line: str, placeholders: list[tuple[str, str, bool]], allowed: set[str] | None
) -> tuple[str, set[str]]:
    """`line` with values at word boundaries replaced by «name»; `allowed` limits the uncertain ones."""
    usable = {v: n for v, n, sure in placeholders if allowed is None or sure or n in allowed}
    if not usable:
        return line, set()
    pattern = "|".join(re.escape(value) for value in sorted(usable, key=len, reverse=True))
    used: set[str] = set()

    def name(match: re.Match[str]) -> str:
        used.add(usable[match[0]])
        return f"«{usable[match[0]]}»"

    return re.sub(rf"(?<![\w.-])(?:{pattern})(?![\w-]|\.\w)", name, line), used


def _hunks(base: str, live: str, placeholders: list[tuple[str, str, bool]]) -> list[dict[str, list[str]]]:
    """Lines removed and added, in order, with placeholders; a missing last newline counts as a change."""
    before, after = base.splitlines(keepends=True), live.splitlines(keepends=True)
    hunks = []
    for tag, i1, i2, j1, j2 in opcodes(before, after):
        if tag == "equal":
            continue
        removed, names = [], set()
        for line in before[i1:i2]:
            text, used = _replace(line, placeholders, None)
            removed.append(text)
            names |= used
        added = [_replace(line, placeholders, names)[0] for line in after[j1:j2]]
        hunks.append({"removed": removed, "added": added})
    return hunks
