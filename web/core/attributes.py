"""Base, head and live of everything about a resource that is not its text: owner, mode, version, groups."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from deployments.core.content_digests import KEYED, MASKED
from deployments.core.states import Absent, Present, State, Undeclared, Unknown

_ORDER = ("type", "owner", "group", "mode", "target", "sha256", "hmac")
_NOTHING = "—"
_MOST_SAME, _MOST_CHANGED = 6, 40


class Item(NamedTuple):
    """One item of a list in a cell; `is_moved` where the side it is compared with lacks it."""

    text: str
    is_moved: bool = False


class Items(NamedTuple):
    """A list in a cell: what is different first, then a few that are the same, and how many more there are."""

    shown: list[Item]
    same: int = 0
    cut: int = 0


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
    lists: tuple[Items, Items, Items] | None = None
    """The three as lists, where they are."""

    @property
    def differs(self) -> bool:
        return self.head_differs or self.live_differs


def attribute_rows(
    base: State,
    head: State,
    live: State,
    declared: Iterable[str] | None = None,
    order: Sequence[str] = _ORDER,
) -> list[AttributeRow]:
    """One row an attribute, in the order of `order`. A state that has no data gives one row that says so.

    An attribute of a state that is unknown is shown as unknown and never counted as a difference. Attributes that
    are not in `declared` (when given) are shown as seen but never count as different.
    """
    states = (base, head, live)
    names = {name for state in states if isinstance(state, Present) for name in state.data}
    wanted = None if declared is None else set(declared)
    rows: list[AttributeRow] = []
    if not all(isinstance(state, Present) for state in states):
        rows.append(_row("state", [presence(state) for state in states], states, is_declared=True))
    for name in sorted(names, key=lambda name: (order.index(name) if name in order else len(order), name)):
        values = [state.data.get(name) if isinstance(state, Present) else None for state in states]
        cells = [
            _value(value) if isinstance(state, Present) else ""
            for state, value in zip(states, values, strict=True)
        ]
        is_declared = wanted is None or name in wanted
        row = _row(name, cells, states, is_declared=is_declared)
        rows.append(replace(row, lists=_lists(values, row)))
    return rows


def _lists(values: Sequence[Any], row: AttributeRow) -> tuple[Items, Items, Items] | None:
    if not any(isinstance(value, list | tuple) and value for value in values):
        return None
    base, head, live = ([str(item) for item in value or ()] for value in values)
    if not row.declared:
        return _items(base, base), _items(head, head), _items(live, live)
    return _items(base, live), _items(head, base), _items(live, base)


def _items(own: list[str], other: list[str]) -> Items:
    there = set(other)
    moved = [Item(item, is_moved=True) for item in own if item not in there]
    same = [Item(item) for item in own if item in there]
    kept = same if len(same) <= _MOST_SAME + 1 else same[:_MOST_SAME]
    return Items(moved[:_MOST_CHANGED] + kept, len(same) - len(kept), max(0, len(moved) - _MOST_CHANGED))


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
    if isinstance(value, Mapping):
        return ", ".join(sorted(map(str, value))) or _NOTHING
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or _NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = _NOTHING if value in (None, "") else str(value)
    if len(text) == 64 and all(char in "0123456789abcdef" for char in text):
        return text[:12] + "…"
    for kind in (KEYED, MASKED):
        if text.startswith(kind) and len(text) == len(kind) + 43:
            return text[: len(kind) + 8] + "…"
    return text
