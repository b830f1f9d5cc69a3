"""Two texts as rows of an inline diff, bounded for texts of any size.

The rows are data; templates draw and escape them. Three texts side by side are in `threeway`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from web.core.lines import Budget, bare, folded, opcodes, pair_lines, split_lines
from web.core.segments import HostValues, Segments, against, whole
from web.core.threeway import Cell, ThreeRow, side_by_side

__all__ = ["Cell", "Row", "Summary", "ThreeRow", "inline_diff", "side_by_side", "summary"]

MOST_ROWS = 2_000
Kind = Literal["context", "gap", "removed", "added", "changed", "cut"]


@dataclass(frozen=True, slots=True)
class Row:
    """One row of an inline diff.

    `context` has old and new; `removed` only old, `added` only new; `changed` is one line in both versions with
    the differing words marked. `gap` stands for `hidden` unchanged lines, `cut` for `hidden` rows at the end that
    are not shown because there are too many. Line numbers count from 1. `old_open` and `new_open`: this last
    line has no newline.
    """

    kind: Kind
    old_number: int | None = None
    new_number: int | None = None
    old: Segments = ()
    new: Segments = ()
    hidden: int = 0
    old_open: bool = False
    new_open: bool = False


class Summary(NamedTuple):
    """How many lines were added and removed (a changed line counts in both)."""

    added: int
    removed: int


def inline_diff(
    old: str, new: str, context: int = 3, *, host_values: Mapping[str, str] | None = None
) -> list[Row]:
    """Rows that turn `old` into `new`, with `context` unchanged lines around each change.

    `host_values` maps names to the host's own values, which are marked wherever they stand. Equal texts give no
    rows. Cost is bounded for any input: what can't be compared cheaply is shown as replaced.
    """
    if old == new:
        return []
    a, b = split_lines(old), split_lines(new)
    values = HostValues(host_values)
    rows: list[Row] = []
    hidden_rows = 0
    for row in _rows(a, b, context, values):
        if len(rows) < MOST_ROWS:
            rows.append(row)
        else:
            hidden_rows += 1
    if hidden_rows:
        rows.append(Row("cut", hidden=hidden_rows))
    return rows


def _rows(a: Sequence[str], b: Sequence[str], context: int, values: HostValues) -> Iterator[Row]:
    budget = Budget()
    blocks = opcodes(a, b)
    for index, block in enumerate(blocks):
        if block.equal:
            first, last = index == 0, index == len(blocks) - 1
            for kept, start, end in folded(block.i2 - block.i1, context, first=first, last=last):
                if kept:
                    for offset in range(start, end):
                        yield _same(a, block.i1 + offset, block.j1 + offset, values)
                else:
                    yield Row("gap", block.i1 + start + 1, block.j1 + start + 1, hidden=end - start)
            continue
        for i, j in pair_lines(a[block.i1 : block.i2], b[block.j1 : block.j2], budget):
            yield _different(
                a, b, None if i is None else block.i1 + i, None if j is None else block.j1 + j, budget, values
            )


def _same(lines: Sequence[str], i: int, j: int, values: HostValues) -> Row:
    text, is_open = bare(lines[i])
    segments = whole(text, values)
    return Row("context", i + 1, j + 1, segments, segments, 0, is_open, is_open)


def _different(
    a: Sequence[str], b: Sequence[str], i: int | None, j: int | None, budget: Budget, values: HostValues
) -> Row:
    if i is not None and j is not None:
        (old, old_open), (new, new_open) = bare(a[i]), bare(b[j])
        marked_old, marked_new = against(old, new, budget, values)
        return Row("changed", i + 1, j + 1, marked_old, marked_new, 0, old_open, new_open)
    if i is not None:
        text, is_open = bare(a[i])
        return Row("removed", i + 1, None, whole(text, values), (), 0, is_open, False)
    assert j is not None
    text, is_open = bare(b[j])
    return Row("added", None, j + 1, (), whole(text, values), 0, False, is_open)


def summary(rows: Sequence[Row]) -> Summary:
    return Summary(
        added=sum(row.kind in ("added", "changed") for row in rows),
        removed=sum(row.kind in ("removed", "changed") for row in rows),
    )
