"""What differs between two lists of lines, in time that large or hostile texts can't blow up.

`difflib` compares every line with every like line, again and again: sixty thousand blank lines against an ordinary
configuration file take it ten seconds. It is used as it is where it is cheap; elsewhere lines that occur once on
each side are anchors, only the small gaps between them are compared, and a large gap counts as wholly replaced.
The answer depends on nothing but the lines.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

Opcode = tuple[str, int, int, int, int]
"""As difflib has them: "equal", "replace", "delete" or "insert", and the range on each side."""

MAX_LINES = 2_000
MAX_PAIRS = 100_000
"""Lines of the shorter side, and pairs of like lines, up to which difflib is asked."""


def opcodes(before: Sequence[str], after: Sequence[str]) -> list[Opcode]:
    """How `before` becomes `after`, in order; equal ranges are in it, too."""
    found: list[Opcode] = []
    i = j = 0
    for start_i, start_j, size in _joined(_blocks(before, after)):
        if i < start_i or j < start_j:
            found.append((_tag(i, start_i, j, start_j), i, start_i, j, start_j))
        if size:
            found.append(("equal", start_i, start_i + size, start_j, start_j + size))
        i, j = start_i + size, start_j + size
    return found


def grouped(codes: Sequence[Opcode], context: int) -> list[list[Opcode]]:
    """The hunks of a unified diff: what differs, with up to `context` equal lines around it."""
    groups: list[list[Opcode]] = [[]]
    for number, (tag, i1, i2, j1, j2) in enumerate(codes):
        if tag != "equal":
            groups[-1].append((tag, i1, i2, j1, j2))
            continue
        first, last, size = number == 0, number == len(codes) - 1, i2 - i1
        if first or last or size > 2 * context:
            after, before = (0 if first else min(size, context)), (0 if last else min(size, context))
            if after:
                groups[-1].append((tag, i1, i1 + after, j1, j1 + after))
            groups.append([(tag, i2 - before, i2, j2 - before, j2)] if before else [])
        else:
            groups[-1].append((tag, i1, i2, j1, j2))
    return [group for group in groups if any(tag != "equal" for tag, *_ in group)]


def _tag(i1: int, i2: int, j1: int, j2: int) -> str:
    return "replace" if i1 < i2 and j1 < j2 else "delete" if i1 < i2 else "insert"


def _is_cheap(a: Sequence[str], b: Sequence[str]) -> bool:
    if min(len(a), len(b)) > MAX_LINES:
        return False
    there = Counter(b)
    return sum(number * there[line] for line, number in Counter(a).items()) <= MAX_PAIRS


def _blocks(a: Sequence[str], b: Sequence[str]) -> Iterator[tuple[int, int, int]]:
    """(start in a, start in b, length) of what is equal, and an empty one at the end."""
    if _is_cheap(a, b):
        yield from SequenceMatcher(None, a, b, autojunk=False).get_matching_blocks()
        return
    head = 0
    while head < min(len(a), len(b)) and a[head] == b[head]:
        head += 1
    tail = 0
    while tail < min(len(a), len(b)) - head and a[-tail - 1] == b[-tail - 1]:
        tail += 1
    yield 0, 0, head
    i, j, end_i, end_j = head, head, len(a) - tail, len(b) - tail
    for next_i, next_j in (*_anchors(a, b, (i, end_i, j, end_j)), (end_i, end_j)):
        gap_a, gap_b = a[i:next_i], b[j:next_j]
        if gap_a and gap_b and _is_cheap(gap_a, gap_b):
            for block in SequenceMatcher(None, gap_a, gap_b, autojunk=False).get_matching_blocks():
                yield i + block.a, j + block.b, block.size
        if next_i < end_i:
            yield next_i, next_j, 1
        i, j = next_i + 1, next_j + 1
    yield end_i, end_j, tail
    yield len(a), len(b), 0


def _anchors(a: Sequence[str], b: Sequence[str], within: tuple[int, int, int, int]) -> list[tuple[int, int]]:
    """Lines that occur once on each side, reduced to the longest run of them in the same order on both."""
    i1, i2, j1, j2 = within
    times_a, times_b = Counter(a[i1:i2]), Counter(b[j1:j2])
    place = {b[j]: j for j in range(j1, j2) if times_b[b[j]] == 1}
    pairs = [(i, place[a[i]]) for i in range(i1, i2) if times_a[a[i]] == 1 and a[i] in place]
    tops: list[int] = []  # the lowest last place in b of a run of each length
    ends: list[int] = []  # and the pair it ends with
    before: list[int] = []
    for index, (_, j) in enumerate(pairs):
        length = bisect_left(tops, j)
        before.append(ends[length - 1] if length else -1)
        tops[length : length + 1], ends[length : length + 1] = [j], [index]
    run = []
    index = ends[-1] if ends else -1
    while index >= 0:
        run.append(pairs[index])
        index = before[index]
    return run[::-1]


def _joined(blocks: Iterator[tuple[int, int, int]]) -> Iterator[tuple[int, int, int]]:
    """Neighbouring blocks as one; empty ones are left out, but for the last."""
    i, j, size = 0, 0, 0
    for next_i, next_j, next_size in blocks:
        if (i + size, j + size) == (next_i, next_j):
            size += next_size
            continue
        if size:
            yield i, j, size
        i, j, size = next_i, next_j, next_size
    yield i, j, size
