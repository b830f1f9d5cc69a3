"""One variant of a finding as rows: inline where base and head agree, in three columns where they don't."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from deployments.core.states import Present, State
from deployments.kinds.registry import KINDS
from drift.core.watched import FILE_KINDS, kind_of
from drift.queries.findings import Side, Variant
from web.core.attributes import AttributeRow, attribute_rows
from web.core.diffs import Row, Summary, ThreeRow, inline_diff, side_by_side, summary
from web.core.finding_text import is_long


@dataclass(frozen=True)
class SideView:
    """A heading of the three-way diff: why there is no text, or a few words about it."""

    about: str = ""
    missing: str = ""


@dataclass(frozen=True)
class Part:
    """A text of its own in a resource that is no file: a drop-in, or a long list as lines; from base to live."""

    attribute: str
    name: str
    rows: list[Row]
    delta: Summary


@dataclass(frozen=True)
class DiffView:
    """One variant, drawn: inline where base and head agree, in three columns where they don't."""

    variant: Variant
    is_three: bool
    inline: list[Row]
    three: list[ThreeRow]
    delta: Summary
    attributes: list[AttributeRow]
    base: SideView
    head: SideView
    live: SideView
    redactions: int
    is_file: bool = True
    parts: list[Part] = field(default_factory=list)

    @property
    def has_text(self) -> bool:
        return bool(self.inline or self.three)

    @property
    def more_differs(self) -> bool:
        """Whether owner, mode or such differ as well, of a file that was there before."""
        both = isinstance(self.variant.base.state, Present) and isinstance(self.variant.live.state, Present)
        return both and any(row.live_differs for row in self.attributes if row.name not in ("sha256", "hmac"))

    @property
    def why_no_text(self) -> str:
        return "" if not self.is_file else self.variant.live.why_no_text or self.variant.base.why_no_text


def diff_view(variant: Variant, resource: str) -> DiffView:
    base, head, live = variant.base, variant.head, variant.live
    values = {
        name: str(value) for name, value in variant.values.items() if isinstance(value, str | int | float)
    }
    values |= {"name": variant.hosts[0]} if variant.hosts else {}
    is_three = _differ(base, head)
    inline: list[Row] = []
    three: list[ThreeRow] = []
    if is_three:
        three = side_by_side(_text(base), _text(head), _text(live), host_values=values)
    else:
        old, new = _text(base), _text(live)
        if old is not None and new is not None:
            inline = inline_diff(old, new, host_values=values)
    is_file = kind_of(resource) in FILE_KINDS
    parts = [] if is_file else list(_parts(variant, values))
    names = {part.attribute for part in parts if base.state == head.state}
    kind = KINDS.get(kind_of(resource))
    order = {} if is_file or kind is None else {"order": kind.attributes}
    declared = variant.compared if isinstance(head.state, Present) else None
    attributes = attribute_rows(base.state, head.state, live.state, declared, **order)
    return DiffView(
        variant=variant,
        is_three=is_three,
        inline=inline,
        three=three,
        delta=summary(inline),
        attributes=[row for row in attributes if row.name not in names],
        base=_heading(base),
        head=_heading(head),
        live=_heading(live),
        redactions=max(base.redactions, head.redactions, live.redactions),
        is_file=is_file,
        parts=parts,
    )


def _parts(variant: Variant, values: Mapping[str, str]) -> Iterator[Part]:
    before, after = _data(variant.base.state), _data(variant.live.state)
    for name in variant.compared or sorted({*before, *after}):
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        if isinstance(old, Mapping) or isinstance(new, Mapping):
            was, now = old or {}, new or {}
            for key in sorted({*was, *now}):
                if was.get(key) != now.get(key):
                    yield _part(name, f"{name}: {key}", str(was.get(key, "")), str(now.get(key, "")), values)
        elif _is_long(old, new):
            yield _part(name, name, _as_lines(old), _as_lines(new), values)


def _data(state: State) -> Mapping[str, Any]:
    return state.data if isinstance(state, Present) else {}


def _is_long(*values: Any) -> bool:
    """Whether what differs between two lists reads better as lines than as a row of a table."""
    old, new = ([str(item) for item in value] if isinstance(value, list) else [] for value in values)
    return is_long({"removed": [i for i in old if i not in new], "added": [i for i in new if i not in old]})


def _as_lines(value: Any) -> str:
    return "".join(f"{item}\n" for item in value or ())


def _part(attribute: str, name: str, old: str, new: str, values: Mapping[str, str]) -> Part:
    rows = inline_diff(old, new, host_values=values)
    return Part(attribute, name, rows, summary(rows))


def _differ(base: Side, head: Side) -> bool:
    """Whether the definition moved since: the content differs, or one of the two is not there."""
    if isinstance(base.state, Present) and isinstance(head.state, Present):
        key = next((name for name in ("sha256", "hmac") if name in head.state.data), None)
        return key is not None and base.state.data.get(key) != head.state.data.get(key)
    return type(base.state) is not type(head.state)


def _text(side: Side) -> str | None:
    """What is compared: an absent file has no lines, which is something else than a text we don't have."""
    return "" if side.is_absent else side.text


def _heading(side: Side) -> SideView:
    if side.is_absent:
        return SideView(about="not there")
    if side.text is None:
        return SideView(missing=side.why_no_text)
    return SideView()
