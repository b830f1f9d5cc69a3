"""Two changes of one text, line by line: both, or nothing where they touch the same lines.

What one side leaves alone comes from the other. Where both replace the same lines, or put something in at the same
place, they have to say the same.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from deployments.core.line_opcodes import opcodes


class Overlap(Exception):
    """Both sides changed the same lines; `line` counts from 1 in the text that both began with."""

    def __init__(self, line: int) -> None:
        super().__init__(f"both changed line {line}")
        self.line = line


@dataclass(frozen=True)
class _Hunk:
    """Lines `start` to `stop` of the base become `lines`."""

    start: int
    stop: int
    lines: tuple[str, ...]

    @property
    def is_insertion(self) -> bool:
        return self.start == self.stop

    def meets(self, other: "_Hunk") -> bool:
        """Whether it matters which of the two comes first. Lines replaced side by side are two changes; what is put
        in beside what is replaced could belong to either."""
        if self.is_insertion or other.is_insertion:
            return self.start <= other.stop and other.start <= self.stop
        return self.start < other.stop and other.start < self.stop


def merge_lines(base: Sequence[str], one: Sequence[str], other: Sequence[str]) -> list[str]:
    """`base` with the changes of both sides. Raises Overlap where they meet and differ."""
    hunks = _both(_hunks(base, one), _hunks(base, other))
    merged: list[str] = []
    at = 0
    for hunk in hunks:
        merged += [*base[at : hunk.start], *hunk.lines]
        at = hunk.stop
    return [*merged, *base[at:]]


def merge_texts(base: str, one: str, other: str) -> str:
    """The same for whole texts; the end of the last line counts as part of it."""
    return "".join(merge_lines(*(text.splitlines(keepends=True) for text in (base, one, other))))


def _hunks(base: Sequence[str], changed: Sequence[str]) -> list[_Hunk]:
    """What was changed. Lines side by side that were each replaced are as many changes: one of them may be the other
    side's as well. (Should they not correspond line by line, the other side meets one that differs.)"""
    found: list[_Hunk] = []
    for tag, i1, i2, j1, j2 in opcodes(base, changed):
        if tag == "replace" and i2 - i1 == j2 - j1:
            found += [_Hunk(i1 + at, i1 + at + 1, (changed[j1 + at],)) for at in range(i2 - i1)]
        elif tag != "equal":
            found.append(_Hunk(i1, i2, tuple(changed[j1:j2])))
    return found


def _both(ours: Sequence[_Hunk], theirs: Sequence[_Hunk]) -> Iterable[_Hunk]:
    """The hunks of both sides in order, those that are the same once."""
    same = set(ours) & set(theirs)
    mine = [hunk for hunk in ours if hunk not in same]
    yours = [hunk for hunk in theirs if hunk not in same]
    for first, second in ((mine, theirs), (yours, ours)):
        at = 0
        for hunk in first:
            while at < len(second) and second[at].stop < hunk.start:
                at += 1
            for near in second[at : at + 3]:
                if hunk.meets(near):
                    raise Overlap(max(hunk.start, near.start) + 1)
    return sorted({*ours, *theirs}, key=lambda hunk: (hunk.start, hunk.stop))
