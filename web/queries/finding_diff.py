"""One variant of a finding as rows: inline where base and head agree, in three columns where they don't."""

from dataclasses import dataclass

from deployments.core.states import Present
from drift.queries.findings import Side, Variant
from web.core.attributes import AttributeRow, attribute_rows
from web.core.diffs import Row, Summary, ThreeRow, inline_diff, side_by_side, summary


@dataclass(frozen=True)
class SideView:
    """A heading of the three-way diff: why there is no text, or a few words about it."""

    about: str = ""
    missing: str = ""


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

    @property
    def has_text(self) -> bool:
        return bool(self.inline or self.three)

    @property
    def why_no_text(self) -> str:
        return self.variant.live.why_no_text or self.variant.base.why_no_text


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
    return DiffView(
        variant=variant,
        is_three=is_three,
        inline=inline,
        three=three,
        delta=summary(inline),
        attributes=attribute_rows(base.state, head.state, live.state, _declared(head)),
        base=_heading(base),
        head=_heading(head),
        live=_heading(live),
        redactions=max(base.redactions, head.redactions, live.redactions),
    )


def _differ(base: Side, head: Side) -> bool:
    """Whether the definition moved since: the content differs, or one of the two is not there."""
    if isinstance(base.state, Present) and isinstance(head.state, Present):
        key = next((name for name in ("sha256", "hmac") if name in head.state.data), None)
        return key is not None and base.state.data.get(key) != head.state.data.get(key)
    return type(base.state) is not type(head.state)


def _text(side: Side) -> str | None:
    """What is compared: an absent file has no lines, which is something else than a text we don't have."""
    return "" if side.is_absent else side.text


def _declared(side: Side) -> list[str] | None:
    return sorted(side.state.data) if isinstance(side.state, Present) else None


def _heading(side: Side) -> SideView:
    if side.is_absent:
        return SideView(about="not there")
    if side.text is None:
        return SideView(missing=side.why_no_text)
    return SideView()
