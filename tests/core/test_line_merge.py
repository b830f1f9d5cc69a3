"""Two changes of one text become both of them, or an honest refusal."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deployments.core.line_merge import Overlap, merge_lines, merge_texts

BASE = ["a", "b", "c", "d", "e"]
texts = st.lists(st.sampled_from("abcxy"), max_size=8)


@pytest.mark.parametrize(
    ("one", "other", "merged"),
    [
        ("aBcde", "abcdE", "aBcdE"),
        ("aBcde", "abCde", "aBCde"),
        ("abcde", "abde", "abde"),
        ("abde", "aBcde", "aBde"),
        ("abde", "abde", "abde"),
        ("abXcde", "abXcdeY", "abXcdeY"),
        ("abXcde", "abYcde", None),
        ("aBXcde", "abcdE", "aBXcdE"),
        ("aBcde", "abXcde", None),
        ("Xabcde", "abcdeY", "XabcdeY"),
        ("", "abcde", ""),
        ("", "abcdE", None),
        ("ae", "abcXde", None),
        ("aBCde", "abCde", "aBCde"),
        ("aBCde", "abXde", None),
        ("aBCDe", "abcXde", None),
        ("abdce", "abcde", "abdce"),
    ],
)
def test_both_changes_are_kept_or_their_meeting_is_told(one: str, other: str, merged: str | None) -> None:
    for mine, yours in ((one, other), (other, one)):
        if merged is None:
            with pytest.raises(Overlap, match=r"both changed line \d"):
                merge_lines(BASE, list(mine), list(yours))
        else:
            assert merge_lines(BASE, list(mine), list(yours)) == list(merged)


def test_a_last_line_without_an_end_is_not_the_line_with_it() -> None:
    assert merge_texts("a\nb", "a\nb", "x\nb") == "x\nb"
    assert merge_texts("a\nb", "a\nb\n", "x\nb") == "x\nb\n"
    with pytest.raises(Overlap):
        merge_texts("a\nb", "a\nb\n", "a\nB")


few = settings(max_examples=300, deadline=None)


@few
@given(texts, texts)
def test_one_change_alone_is_that_change(base: list[str], changed: list[str]) -> None:
    assert merge_lines(base, changed, base) == merge_lines(base, base, changed) == changed
    assert merge_lines(base, changed, changed) == changed


@few
@given(texts, texts, texts)
def test_what_is_merged_does_not_depend_on_who_is_first_and_has_all_that_was_added(
    base: list[str], one: list[str], other: list[str]
) -> None:
    try:
        merged = merge_lines(base, one, other)
    except Overlap:
        with pytest.raises(Overlap):
            merge_lines(base, other, one)
        return
    assert merged == merge_lines(base, other, one)
    assert all(
        merged.count(line) >= side.count(line) - base.count(line) for side in (one, other) for line in side
    )
    # What was merged holds each change already: to make it again changes nothing.
    assert len(merged) <= len(base) + len(one) + len(other)


@few
@given(st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=8), st.data())
def test_changes_of_different_lines_never_meet(base: list[str], data: st.DataObject) -> None:
    mine = data.draw(st.sets(st.sampled_from(base))) if base else set()
    one = [line.upper() if line in mine else line for line in base]
    other = [line if line in mine else f"{line}!" for line in base]
    merged = merge_lines(base, one, other)
    assert merged == [line.upper() if line in mine else f"{line}!" for line in base]
