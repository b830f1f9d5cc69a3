"""A change of rendered text, carried back into the source of the template that rendered it.

The rendering is compared with the wanted text line by line; lines that changed a little are aligned around the
values in them. Text between the values is replaced in the source, so the placeholders stay; whole lines come and
go. A change inside a value is not ours to make here. Nothing is promised: who uses the edits renders again.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from deployments.core.definition.template_align import (
    Stretch,
    align,
    common,
    hunks_of,
    pair_lines,
    split_lines,
    stands_in,
)
from deployments.core.definition.template_trace import Piece, Run, Tracer

_ONLY_COMMENTS = re.compile(r"\s*(?:\{#.*?#\}\s*)*", re.DOTALL)


class CannotMap(Exception):
    """The change can't be carried back; `reason` says where it stands and what a person must edit."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class SourceEdit:
    """Replace `[start, end)` of a template's source by `text`, which is meant literally.

    `values` are the values that stood in the lines it touches, each with its `{{ … }}`: where `text` holds one
    of them, the placeholder is meant. `hunk` numbers the changed places of the rendering: text that a loop
    renders several times is one place in the source and several hunks.
    """

    path: str
    start: int
    end: int
    text: str
    hunk: int = 0
    values: tuple[tuple[str, str], ...] = ()
    raw: bool = False
    beside: tuple[str, str] = ("", "")
    """The rendered characters before and after it, where it is not whole lines."""


@dataclass(frozen=True)
class Way:
    """Choices where more than one edit says the same; the first way that holds is taken."""

    trim: bool = True
    """Edit only what differs in a text, not the whole stretch between two values."""
    alike: bool = True
    """Take lines that are like each other for one another, rather than replace all of them."""
    other: bool = False
    """Put new lines at the other of the two places between which they stand."""


WAYS = (Way(), Way(other=True), Way(alike=False), Way(trim=False), Way(trim=False, other=True))


def lines_of(runs: Sequence[Run]) -> list[list[Run]]:
    """The runs of a rendering, line by line. A value of which nothing is left stands where it was rendered."""
    lines: list[list[Run]] = [[]]
    for run in runs:
        at = 0
        for part in split_lines(run.text) or [""]:
            start = run.start + at if run.is_literal else run.start
            lines[-1].append(Run(part, run.piece, start, run.whole and part == run.text))
            at += len(part)
            if part.endswith("\n"):
                lines.append([])
    if any(run.text for run in lines[-1]):
        return lines
    return lines[:-1]


def map_change(tracer: Tracer, runs: Sequence[Run], wanted: str, way: Way) -> list[SourceEdit]:
    """Edits of the templates' sources after which they should render `wanted`. Raises CannotMap."""
    lines, target = lines_of(runs), split_lines(wanted)
    rendered = ["".join(run.text for run in line) for line in lines]
    edits: list[SourceEdit] = []
    for number, (i1, i2, j1, j2) in enumerate(hunks_of(rendered, target)):
        values = tuple(dict.fromkeys(value for line in lines[i1:i2] for value in _values(line)))
        mapper = _Hunk(tracer, lines, number, values, way)
        for first, last, old, new in pair_lines(rendered[i1:i2], target[j1:j2], alike=way.alike):
            edits += mapper.edits(i1 + first, i1 + last, old, new)
    return edits


def _values(line: list[Run]) -> Iterator[tuple[str, str]]:
    for run in line:
        if run.piece is not None and run.piece.is_value and run.whole and run.text.strip():
            yield run.text, "{{ " + run.piece.expression + " }}"


@dataclass
class _Hunk:
    tracer: Tracer
    lines: list[list[Run]]
    number: int
    values: tuple[tuple[str, str], ...]
    way: Way

    def edits(self, first: int, last: int, old: str | None, new: str) -> Iterator[SourceEdit]:
        if old is not None:
            yield from self._changed(self.lines[first], new)
            return
        if first < last:
            yield from self._removed(first, last, new)
        else:
            yield self._added(first, new)

    # --- one line that became another ----------------------------------------------------------------------

    def _changed(self, line: list[Run], new: str) -> Iterator[SourceEdit]:
        stretches = _stretches(line)
        texts = align(stretches, new)
        if texts is None:
            raise CannotMap(self._inside_a_value(line))
        for stretch, text in zip(stretches, texts, strict=True):
            if text != stretch.text:
                yield self._replaced(stretch, text)

    def _replaced(self, stretch: Stretch, text: str) -> SourceEdit:
        old, start, piece = stretch.text, stretch.start, stretch.piece
        if piece is None:
            raise CannotMap("the change stands between two values, where the template has no text of its own")
        before, after = common(old, text) if self.way.trim else (0, 0)
        end = start + len(old) - after
        new = text[before : len(text) - after]
        beside = (old[:before][-1:] or stretch.before, old[len(old) - after :][:1] or stretch.fixed[:1])
        return SourceEdit(piece.path, start + before, end, new, self.number, self.values, piece.raw, beside)

    def _inside_a_value(self, line: list[Run]) -> str:
        for run in line:
            if run.piece is not None and run.piece.is_value and run.text.strip():
                source = run.piece.source
                return f"{self._where(run)}: the change is inside the value of {source}; edit where that comes from"
        known = next((run for run in line if run.piece is not None), None)
        where = self._where(known) if known else self.tracer.path
        return f"{where}: the changed line is not plain text of the template; edit the template by hand"

    # --- whole lines -----------------------------------------------------------------------------------------

    def _removed(self, first: int, last: int, new: str) -> Iterator[SourceEdit]:
        """Lines that are gone, with `new` in their place. A value that is in the old lines must be in the new ones
        too: otherwise it is the value that was changed, and the template is not the place to say so."""
        for line in self.lines[first:last] if new else ():
            if any(not stands_in(text, new) for text, _ in _values(line)):
                raise CannotMap(self._inside_a_value(line))
        for index in range(first, last):
            start, end, piece = self._region(self.lines[index])
            yield SourceEdit(
                piece.path, start, end, new if index == first else "", self.number, self.values, piece.raw
            )

    def _region(self, line: list[Run]) -> tuple[int, int, Piece]:
        """Where a whole line stands in the source; nothing else may stand there."""
        runs = [run for run in line if run.text or run.piece is not None]
        for run in runs:
            if run.piece is None or (run.piece.is_value and not run.whole):
                raise CannotMap(self._inside_a_value(line))
        pieces = [run.piece for run in runs if run.piece is not None]
        text = self.tracer.texts[pieces[0].path].text
        for one, other in pairwise(runs):
            between = text[one.end : other.start] if other.start >= one.end else None
            same = one.piece is not None and other.piece is not None and one.piece.path == other.piece.path
            if not same or between is None or not _ONLY_COMMENTS.fullmatch(between):
                raise CannotMap(
                    f"{self._where(one)}: the line shares its place with statements; edit the template by hand"
                )
        return runs[0].start, runs[-1].end, pieces[0]

    def _added(self, index: int, new: str) -> SourceEdit:
        """New lines between line `index - 1` and line `index`."""
        places = [
            place for place in (self._place_after(index), self._place_before(index)) if place is not None
        ]
        if not places:
            raise CannotMap(
                f"{self.tracer.path}: the new lines stand beside nothing that the template itself says"
            )
        # Outside of loops, at the beginning of a line of the source, in as few blocks as may be.
        ranked = sorted(places, key=lambda place: self._rank(*place))
        position, piece = ranked[1 if self.way.other and len(ranked) > 1 else 0]
        return SourceEdit(piece.path, position, position, new, self.number, self.values, piece.raw)

    def _rank(self, position: int, piece: Piece) -> tuple[int, bool, int]:
        before = self.tracer.texts[piece.path].text[:position]
        return piece.loops, bool(before) and not before.endswith("\n"), piece.depth

    def _place_after(self, index: int) -> tuple[int, Piece] | None:
        if index == 0:
            return None
        last = next((run for run in reversed(self.lines[index - 1]) if run.text), None)
        return (
            (last.end, last.piece)
            if last is not None and last.piece is not None and last.is_literal
            else None
        )

    def _place_before(self, index: int) -> tuple[int, Piece] | None:
        if index >= len(self.lines):
            return None
        first = self.lines[index][0]
        return (
            (first.start, first.piece)
            if first.piece is not None and (first.is_literal or first.whole)
            else None
        )

    def _where(self, run: Run) -> str:
        if run.piece is None:
            return self.tracer.path
        return f"{run.piece.path}:{self.tracer.texts[run.piece.path].line_of(run.start)}"


def _stretches(line: list[Run]) -> list[Stretch]:
    """A line as stretches of text with what is fixed after each; the last has nothing fixed after it."""
    found: list[Stretch] = []
    text, start, before = "", -1, ""
    piece: Piece | None = None
    for run in line:
        if run.is_literal:
            if piece is not None and not _follows(
                run, piece, start + len(text)
            ):  # a statement stands between
                found.append(Stretch(text, start, piece, before=before))
                text, start, piece, before = "", -1, None, text[-1:] or before
            if piece is None:
                start, piece = run.start, run.piece
            text += run.text
            continue
        if piece is None and run.piece is not None and run.whole:  # text may be put right before a value
            start, piece = run.start, run.piece
        found.append(Stretch(text, start, piece, run.text, True, before))
        text, start, piece, before = "", -1, None, run.text[-1:] or text[-1:] or before
        if run.piece is not None and run.whole:  # text may be put right after a value
            start, piece = run.end, run.piece
    found.append(Stretch(text, start, piece, before=before))
    return found


def _follows(run: Run, piece: Piece, position: int) -> bool:
    return run.piece is not None and run.piece.path == piece.path and run.start == position
