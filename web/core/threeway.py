"""Base, head and live side by side: each line of the base with what became of it in the other two."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from web.core.lines import Budget, bare, folded, opcodes, pair_lines, split_lines
from web.core.segments import HostValues, Segments, against, whole

MOST_ROWS = 2_000
Kind = Literal["same", "head", "live", "agreed", "conflict", "gap", "cut"]


@dataclass(frozen=True, slots=True)
class Cell:
    """One line of one text: its number from 1, its segments, and whether it lacks the last newline."""

    number: int
    segments: Segments
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class ThreeRow:
    """One row: a cell for each text that has the line.

    kind: `same` in all; `head` or `live` alone differs from the base; `agreed`: both differ from the base in the
    same way; `conflict`: all differ. `gap` and `cut` stand for `hidden` rows. A text that is not there (absent,
    unknown, secret) takes no part: its cells are None and it is never counted as a difference.
    """

    kind: Kind
    base: Cell | None = None
    head: Cell | None = None
    live: Cell | None = None
    hidden: int = 0

    @property
    def head_moved(self) -> bool:
        return self.kind in ("head", "agreed", "conflict")

    @property
    def live_moved(self) -> bool:
        return self.kind in ("live", "agreed", "conflict")


class _Triple(NamedTuple):
    """Indices of one row's lines in base, head and live."""

    base: int | None
    head: int | None
    live: int | None


def side_by_side(
    base: str | None,
    head: str | None,
    live: str | None,
    context: int = 3,
    *,
    host_values: Mapping[str, str] | None = None,
) -> list[ThreeRow]:
    """Rows that line up the texts. None is a text that can't be shown, which is not the same as an empty one.

    Equal texts give no rows.
    """
    if len({text for text in (base, head, live) if text is not None}) < 2:
        return []
    weaver = _Weaver(_lines(base), _lines(head), _lines(live), HostValues(host_values))
    triples = list(weaver.triples())
    kinds = [weaver.kind(triple) for triple in triples]
    rows: list[ThreeRow] = []
    for kept, start, end in _sections(kinds, context):
        room = MOST_ROWS - len(rows)
        if room <= 0:
            rows.append(ThreeRow("cut", hidden=len(kinds) - start))
            break
        if not kept:
            rows.append(replace(weaver.row(triples[start], "same"), kind="gap", hidden=end - start))
            continue
        rows.extend(weaver.row(triples[i], kinds[i]) for i in range(start, end)[:room])
        if end - start > room:
            rows.append(ThreeRow("cut", hidden=len(kinds) - start - room))
            break
    return rows


def _lines(text: str | None) -> list[str] | None:
    return None if text is None else split_lines(text)


def _sections(kinds: Sequence[Kind], context: int) -> Iterator[tuple[bool, int, int]]:
    """Runs of rows (kept, start, end): what differs and its surroundings are kept, the rest folds into gaps."""
    start = 0
    while start < len(kinds):
        end = start
        same = kinds[start] == "same"
        while end < len(kinds) and (kinds[end] == "same") == same:
            end += 1
        if same:
            parts = folded(end - start, context, first=start == 0, last=end == len(kinds))
            yield from ((kept, start + one, start + other) for kept, one, other in parts)
        else:
            yield True, start, end
        start = end


class _Weaver:
    def __init__(
        self,
        base: list[str] | None,
        head: list[str] | None,
        live: list[str] | None,
        values: HostValues,
    ) -> None:
        self.base, self.head, self.live = base, head, live
        self.values = values
        self.budget = Budget()

    def triples(self) -> Iterator[_Triple]:
        base = self.base or []
        became_head, added_head = self._aligned(base, self.head)
        became_live, added_live = self._aligned(base, self.live)
        for place in range(len(base) + 1):
            for i, j in self._across(added_head[place], added_live[place]):
                yield _Triple(None, i, j)
            if place < len(base):
                yield _Triple(place, became_head[place], became_live[place])

    def _aligned(self, base: list[str], other: list[str] | None) -> tuple[list[int | None], list[list[int]]]:
        """For each base line its counterpart, and before each base line the lines that were added there."""
        became: list[int | None] = [None] * len(base)
        added: list[list[int]] = [[] for _ in range(len(base) + 1)]
        for op in opcodes(base, other or []):
            if op.equal:
                for offset in range(op.i2 - op.i1):
                    became[op.i1 + offset] = op.j1 + offset
                continue
            place = op.i1
            for i, j in pair_lines(base[op.i1 : op.i2], (other or [])[op.j1 : op.j2], self.budget):
                if i is not None:
                    place = op.i1 + i + 1
                    became[op.i1 + i] = None if j is None else op.j1 + j
                elif j is not None:
                    added[place].append(op.j1 + j)
        return became, added

    def _across(self, heads: list[int], lives: list[int]) -> Iterator[tuple[int | None, int | None]]:
        """Line up what head and live both added at one place."""
        if not heads or not lives or self.head is None or self.live is None:
            yield from ((i, None) for i in heads)
            yield from ((None, j) for j in lives)
            return
        a, b = [self.head[i] for i in heads], [self.live[j] for j in lives]
        for op in opcodes(a, b):
            if op.equal:
                yield from zip(heads[op.i1 : op.i2], lives[op.j1 : op.j2], strict=True)
                continue
            for i, j in pair_lines(a[op.i1 : op.i2], b[op.j1 : op.j2], self.budget):
                yield (
                    None if i is None else heads[op.i1 + i],
                    None if j is None else lives[op.j1 + j],
                )

    def kind(self, triple: _Triple) -> Kind:
        base, head, live = self._lines(triple)
        if self.base is None:
            return "same" if self.head is None or self.live is None or head == live else "conflict"
        differs_head = self.head is not None and head != base
        differs_live = self.live is not None and live != base
        if differs_head and differs_live:
            return "agreed" if head == live else "conflict"
        return "head" if differs_head else "live" if differs_live else "same"

    def row(self, triple: _Triple, kind: Kind) -> ThreeRow:
        base, head, live = self._lines(triple)
        # The base is marked where the hosts left it, or else where the definition did; lines that are new in
        # both are marked against each other.
        moved = live if live is not None and live != base else head
        return ThreeRow(
            kind,
            self._cell(triple.base, base, moved),
            self._cell(triple.head, head, live if base is None else base),
            self._cell(triple.live, live, head if base is None else base),
        )

    def _cell(self, index: int | None, line: str | None, other: str | None) -> Cell | None:
        if index is None or line is None:
            return None
        text, is_open = bare(line)
        if other is None or other == line:
            return Cell(index + 1, whole(text, self.values), is_open)
        marked, _ = against(text, bare(other)[0], self.budget, self.values)
        return Cell(index + 1, marked, is_open)

    def _lines(self, triple: _Triple) -> tuple[str | None, str | None, str | None]:
        texts = (self.base, self.head, self.live)
        base, head, live = (
            None if lines is None or index is None else lines[index]
            for lines, index in zip(texts, triple, strict=True)
        )
        return base, head, live
