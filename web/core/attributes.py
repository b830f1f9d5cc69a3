"""Base, head and live of everything about a resource that is not its text: owner, mode, target, digest."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from deployments.core.content_digests import KEYED, MASKED
from deployments.core.states import Absent, Present, State, Undeclared, Unknown

_ORDER = ("type", "owner", "group", "mode", "target", "sha256", "hmac")


@dataclass(frozen=True, slots=True)
class AttributeRow:
    """One attribute in up to three states, as text; a flag for each that differs from the base."""

    name: str
    base: str
    head: str
    live: str
    head_differs: bool
    live_differs: bool
    declared: bool = True

    @property
    def differs(self) -> bool:
        return self.head_differs or self.live_differs


def attribute_rows(
    base: State, head: State, live: State, declared: Iterable[str] | None = None
) -> list[AttributeRow]:
    """One row an attribute, in a fixed order. A state that has no data gives one row that says so.

    An attribute of a state that is unknown is shown as unknown and never counted as a difference. Attributes that
    are not in `declared` (when given) are shown as seen but never count as different.
    """
    states = (base, head, live)
    names = {name for state in states if isinstance(state, Present) for name in state.data}
    wanted = None if declared is None else set(declared)
    rows: list[AttributeRow] = []
    if not all(isinstance(state, Present) for state in states):
        rows.append(_row("present", [presence(state) for state in states], states, is_declared=True))
    for name in sorted(names, key=lambda name: (_ORDER.index(name) if name in _ORDER else len(_ORDER), name)):
        cells = [_value(state.data.get(name)) if isinstance(state, Present) else "" for state in states]
        is_declared = wanted is None or name in wanted
        rows.append(_row(name, cells, states, is_declared=is_declared))
    return rows


def _row(
    name: str, cells: list[str], states: tuple[State, State, State], *, is_declared: bool
) -> AttributeRow:
    base, head, live = cells
    known = [is_declared and not isinstance(state, Unknown) for state in states]
    return AttributeRow(
        name=name,
        base=base,
        head=head,
        live=live,
        head_differs=known[0] and known[1] and base != head,
        live_differs=known[0] and known[2] and base != live,
        declared=is_declared,
    )


def presence(state: State) -> str:
    """`present`, `absent`, `undeclared` or `unknown: reason`."""
    match state:
        case Present():
            return "present"
        case Absent():
            return "absent"
        case Undeclared():
            return "undeclared"
        case Unknown(reason):
            return f"unknown: {reason}"


def _value(value: Any) -> str:
    """A value as a person writes it; a digest is shortened, its whole is in the API."""
    if value is None:
        return "—"
    text = str(value)
    if len(text) == 64 and all(char in "0123456789abcdef" for char in text):
        return text[:12] + "…"
    for kind in (KEYED, MASKED):
        if text.startswith(kind) and len(text) == len(kind) + 43:
            return text[: len(kind) + 8] + "…"
    return text
