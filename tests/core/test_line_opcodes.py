"""Opcodes of lines: right for any texts, difflib's own where they are small, and quick where they are not."""

import difflib
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.core import line_opcodes
from deployments.core.line_opcodes import MAX_LINES, Opcode, grouped, opcodes

LINES = st.lists(st.sampled_from(["a\n", "b\n", "c\n", "\n", "unique 1\n", "unique 2\n"]), max_size=30)
CONFIGURATION = [f"key{number} value\n" if number % 6 else "\n" for number in range(300)]


def applied(before: list[str], after: list[str], found: list[Opcode]) -> list[str]:
    """What the opcodes make of `before`; they must cover both sides without a gap."""
    made = []
    ends = [(0, 0), *((i2, j2) for _, _, i2, _, j2 in found)]
    assert [(i1, j1) for _, i1, _, j1, _ in found] == ends[:-1]
    assert ends[-1] == (len(before), len(after))
    for tag, i1, i2, j1, j2 in found:
        assert tag == ("replace" if i1 < i2 and j1 < j2 else "delete" if i1 < i2 else "insert") or (
            tag == "equal" and before[i1:i2] == after[j1:j2]
        )
        made += before[i1:i2] if tag == "equal" else after[j1:j2]
    assert all("equal" in (one[0], two[0]) for one, two in pairwise(found))
    return made


@given(LINES, LINES)
def test_small_texts_have_the_opcodes_that_difflib_gives(before: list[str], after: list[str]) -> None:
    expected = difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    assert opcodes(before, after) == expected


@given(LINES, LINES, st.integers(0, 4))
def test_hunks_are_those_of_difflib(before: list[str], after: list[str], context: int) -> None:
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    expected = [group for group in matcher.get_grouped_opcodes(context) if before != after]
    found = grouped(opcodes(before, after), context)
    assert [_nonempty(group) for group in found] == [_nonempty(group) for group in expected]


def _nonempty(group: list[Opcode]) -> list[Opcode]:
    return [code for code in group if code[1] < code[2] or code[3] < code[4]]


@given(LINES, LINES)
def test_large_texts_are_covered_without_a_gap(before: list[str], after: list[str]) -> None:
    limits = line_opcodes.MAX_LINES, line_opcodes.MAX_PAIRS
    line_opcodes.MAX_LINES, line_opcodes.MAX_PAIRS = 3, 4  # as if these were large
    try:
        assert applied(before, after, opcodes(before, after)) == after
    finally:
        line_opcodes.MAX_LINES, line_opcodes.MAX_PAIRS = limits


def test_two_edits_in_a_large_file_are_two_hunks() -> None:
    before = [line for number in range(20_000) for line in (f"line {number}\n", "\n")]
    after = list(before)
    after[1_000], after[30_000] = "edited\n", "edited too\n"
    found = [code for code in opcodes(before, after) if code[0] != "equal"]
    assert found == [("replace", 1_000, 1_001, 1_000, 1_001), ("replace", 30_000, 30_001, 30_000, 30_001)]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (CONFIGURATION, ["\n"] * 250_000),
        (CONFIGURATION * 100, ["\n"] * 250_000),
        ([f"{number}\n" for number in range(50_000)], [f"{number}\n" for number in range(50_000, 0, -1)]),
        (["\n", "x\n"] * MAX_LINES, ["x\n", "\n"] * 60_000),
        ([f"{number}\n" for number in range(MAX_LINES)], [f"{n}\n" for n in range(MAX_LINES, 0, -1)]),
    ],
    ids=["blank lines", "blank lines against much", "reversed", "two lines", "reversed, just small"],
)
def test_no_text_takes_long(before: list[str], after: list[str]) -> None:
    started = time.monotonic()
    assert applied(before, after, opcodes(before, after)) == after
    assert time.monotonic() - started < 5  # a hundredth of what difflib takes, on a loaded machine
