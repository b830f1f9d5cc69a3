"""Aligning two lists of lines: patience first (unique common lines as anchors), `difflib` in the small gaps.

Everything is bounded: a block that is too large to compare cheaply counts as wholly replaced.
"""

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Literal, NamedTuple

# Largest block (lines × lines) that is handed to difflib, and largest that is paired line by line.
SMALL_BLOCK = 40_000
PAIRED_BLOCK = 1_600
TOKEN = re.compile(r"\w+|[^\w\s]")


class Op(NamedTuple):
    """Lines `a[i1:i2]` and `b[j1:j2]`, which are equal or not."""

    equal: bool
    i1: int
    i2: int
    j1: int
    j2: int


class Budget:
    """Steps that one diff may still spend on niceties; shared so that many small ones are bounded too."""

    def __init__(self, steps: int = 2_000_000) -> None:
        self.left = steps

    def spend(self, steps: int) -> bool:
        """Take `steps` if they are there; otherwise leave the rest for smaller wishes and say no."""
        if steps > self.left:
            return False
        self.left -= steps
        return True


def split_lines(text: str) -> list[str]:
    """Lines by line feed only, each with its own; a last line without one keeps that difference."""
    lines = text.split("\n")
    last = lines.pop()
    return [line + "\n" for line in lines] + ([last] if last else [])


def bare(line: str) -> tuple[str, bool]:
    """The line without its newline, and whether it had none."""
    return (line[:-1], False) if line.endswith("\n") else (line, True)


def folded(size: int, context: int, *, first: bool, last: bool) -> list[tuple[bool, int, int]]:
    """Split `size` unchanged lines into (kept, start, end): edges are kept, the middle is a gap.

    A gap of a single line is not worth its row.
    """
    head = 0 if first else min(context, size)
    tail = 0 if last else min(context, size - head)
    if size - head - tail <= 1:
        return [(True, 0, size)]
    parts = [(True, 0, head), (False, head, size - tail), (True, size - tail, size)]
    return [part for part in parts if part[2] > part[1]]


def opcodes(a: Sequence[str], b: Sequence[str]) -> list[Op]:
    """Cover `a` and `b` by equal and unequal blocks in order."""
    result: list[Op] = []
    i = j = 0
    for block_i, block_j, size in [*_joined(sorted(_matches(a, b))), (len(a), len(b), 0)]:
        if i < block_i or j < block_j:
            result.append(Op(False, i, block_i, j, block_j))
        if size:
            result.append(Op(True, block_i, block_i + size, block_j, block_j + size))
        i, j = block_i + size, block_j + size
    return result


def _joined(blocks: list[tuple[int, int, int]]) -> Iterator[tuple[int, int, int]]:
    current: tuple[int, int, int] | None = None
    for i, j, size in blocks:
        if current and (current[0] + current[2], current[1] + current[2]) == (i, j):
            current = (current[0], current[1], current[2] + size)
            continue
        if current:
            yield current
        current = (i, j, size)
    if current:
        yield current


def _matches(a: Sequence[str], b: Sequence[str]) -> Iterator[tuple[int, int, int]]:
    todo = [(0, len(a), 0, len(b))]
    while todo:
        i1, i2, j1, j2 = todo.pop()
        head = 0
        while i1 + head < i2 and j1 + head < j2 and a[i1 + head] == b[j1 + head]:
            head += 1
        if head:
            yield i1, j1, head
            i1, j1 = i1 + head, j1 + head
        tail = 0
        while i1 < i2 - tail and j1 < j2 - tail and a[i2 - tail - 1] == b[j2 - tail - 1]:
            tail += 1
        if tail:
            i2, j2 = i2 - tail, j2 - tail
            yield i2, j2, tail
        if i1 == i2 or j1 == j2:
            continue
        anchors = _anchors(a, b, (i1, i2, j1, j2))
        if anchors:
            for i, j in anchors:
                yield i, j, 1
                todo.append((i1, i, j1, j))
                i1, j1 = i + 1, j + 1
            todo.append((i1, i2, j1, j2))
        elif (i2 - i1) * (j2 - j1) <= SMALL_BLOCK:
            matcher = SequenceMatcher(None, a[i1:i2], b[j1:j2], autojunk=False)
            for block in matcher.get_matching_blocks():
                if block.size:
                    yield i1 + block.a, j1 + block.b, block.size


def _anchors(a: Sequence[str], b: Sequence[str], block: tuple[int, int, int, int]) -> list[tuple[int, int]]:
    """Lines that occur once on each side, reduced to the longest run that rises on both."""
    i1, i2, j1, j2 = block
    count_a, count_b = Counter(a[i1:i2]), Counter(b[j1:j2])
    place_b = {b[j]: j for j in range(j1, j2) if count_b[b[j]] == 1}
    pairs = [(i, place_b[a[i]]) for i in range(i1, i2) if count_a[a[i]] == 1 and a[i] in place_b]
    tops: list[int] = []
    ends: list[int] = []
    before: list[int] = []
    for index, (_, j) in enumerate(pairs):
        place = bisect_left(tops, j)
        before.append(ends[place - 1] if place else -1)
        if place == len(tops):
            tops.append(j)
            ends.append(index)
        else:
            tops[place], ends[place] = j, index
    chain: list[tuple[int, int]] = []
    index = ends[-1] if ends else -1
    while index >= 0:
        chain.append(pairs[index])
        index = before[index]
    return chain[::-1]


def pair_lines(
    old: Sequence[str], new: Sequence[str], budget: Budget
) -> list[tuple[int, None] | tuple[None, int] | tuple[int, int]]:
    """Say which line of `new` each line of `old` became: pairs of indices in order, None for no counterpart.

    Only lines that resemble each other are paired. A block too large for that is left unpaired.
    """
    size = len(old) * len(new)
    if not size or size > PAIRED_BLOCK or not budget.spend(size * 20):
        return [*((i, None) for i in range(len(old))), *((None, j) for j in range(len(new)))]
    bags_old, bags_new = [_bag(line) for line in old], [_bag(line) for line in new]
    least = 0.2 if size == 1 else 0.4
    # best[i][j]: the greatest total likeness of old[i:] and new[j:].
    best = [[0.0] * (len(new) + 1) for _ in range(len(old) + 1)]
    likeness = [[0.0] * len(new) for _ in range(len(old))]
    for i in range(len(old) - 1, -1, -1):
        for j in range(len(new) - 1, -1, -1):
            alike = _alike(bags_old[i], bags_new[j])
            likeness[i][j] = alike if alike >= least else 0.0
            paired = best[i + 1][j + 1] + likeness[i][j] if likeness[i][j] else 0.0
            best[i][j] = max(paired, best[i + 1][j], best[i][j + 1])
    result: list[tuple[int, None] | tuple[None, int] | tuple[int, int]] = []
    i = j = 0
    while i < len(old) and j < len(new):
        if likeness[i][j] and best[i][j] == best[i + 1][j + 1] + likeness[i][j]:
            result.append((i, j))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            result.append((i, None))
            i += 1
        else:
            result.append((None, j))
            j += 1
    result.extend((i, None) for i in range(i, len(old)))
    result.extend((None, j) for j in range(j, len(new)))
    return result


Bag = tuple[Counter[str], int, str | Literal[""]]


def _bag(line: str) -> Bag:
    tokens = TOKEN.findall(line[:400])
    return Counter(tokens), sum(map(len, tokens)), tokens[0] if tokens else ""


def _alike(one: Bag, other: Bag) -> float:
    """0 to 1.2: the share of text in common, a little more when both begin with the same word."""
    if not one[1] or not other[1]:
        return 1.0 if one[1] == other[1] else 0.0
    common = sum(len(token) * count for token, count in (one[0] & other[0]).items())
    return 2 * common / (one[1] + other[1]) + (0.2 if one[2] == other[2] else 0.0)
