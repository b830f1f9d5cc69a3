"""Diffs tell the whole truth about two or three texts, and stay bounded whatever a host sends."""

import time

from hypothesis import given
from hypothesis import strategies as st

from web.core.diffs import MOST_ROWS, Row, inline_diff, summary
from web.core.lines import opcodes, split_lines
from web.core.segments import Segments
from web.core.threeway import side_by_side

NGINX = """user www-data;
worker_processes auto;
events {
    worker_connections 1024;
}
http {
    sendfile on;
}
"""
LINES = st.lists(st.sampled_from(["a = 1", "a = 2", "b", "b c", "", "  x"]), max_size=14)
TEXTS = st.builds(lambda lines, end: "\n".join(lines) + end, LINES, st.sampled_from(["", "\n"]))


def plain(segments: Segments) -> str:
    return "".join(segment.text for segment in segments)


def marked(segments: Segments) -> list[str]:
    return [segment.text for segment in segments if segment.mark]


def kinds(rows: list[Row]) -> list[str]:
    return [row.kind for row in rows]


def test_equal_texts_have_no_rows() -> None:
    assert inline_diff(NGINX, NGINX) == []


def test_a_changed_word_is_marked_on_both_sides_and_nothing_else_is() -> None:
    rows = inline_diff(NGINX, NGINX.replace("1024", "4096"))
    changed = next(row for row in rows if row.kind == "changed")
    assert (changed.old_number, changed.new_number) == (4, 4)
    assert marked(changed.old) == ["1024"]
    assert marked(changed.new) == ["4096"]
    assert kinds(rows) == ["context"] * 3 + ["changed"] + ["context"] * 4


def test_words_are_marked_whole() -> None:
    (row,) = inline_diff("mode foo\n", "mode foobar\n")
    assert marked(row.new) == ["foobar"]


def test_unchanged_lines_far_from_a_change_fold_into_a_counted_gap() -> None:
    old = "".join(f"line {n}\n" for n in range(1, 41))
    rows = inline_diff(old, old.replace("line 30\n", "line thirty\n"))
    assert kinds(rows) == ["gap", *["context"] * 3, "changed", *["context"] * 3, "gap"]
    assert [row.hidden for row in rows if row.kind == "gap"] == [26, 7]
    assert rows[0].old_number == 1


def test_a_gap_of_one_line_is_shown_as_the_line() -> None:
    old = "one\ntwo\nthree\nfour\nfive\n"
    rows = inline_diff(old, old.replace("five", "5"), context=3)
    assert "gap" not in kinds(rows)


def test_a_missing_last_newline_is_a_difference_that_is_said() -> None:
    (row,) = inline_diff("a = 1\n", "a = 1")
    assert row.kind == "changed"
    assert (row.old_open, row.new_open) == (False, True)
    assert not marked(row.old) and not marked(row.new)


def test_carriage_returns_are_seen() -> None:
    (row,) = inline_diff("a = 1\n", "a = 1\r\n")
    assert [segment.text for segment in row.new if segment.kind == "control"] == ["⟨CR⟩"]


def test_tabs_and_trailing_blanks_have_their_own_segments() -> None:
    (row,) = inline_diff("a\tb\n", "a\tc  \n")
    assert [segment.kind for segment in row.new] == ["", "tab", "", "trailing"]


def test_bidirectional_overrides_are_named_and_never_passed_through() -> None:
    (row,) = inline_diff("", "admin \u202e nimda\n")
    assert "\u202e" not in plain(row.new)
    assert any("RIGHT-TO-LEFT OVERRIDE" in segment.note for segment in row.new)


def test_host_values_are_named_also_inside_a_changed_line() -> None:
    (row,) = inline_diff(
        "listen 10.0.0.3:80;\n",
        "listen 10.0.0.3:8080;\n",
        host_values={"address": "10.0.0.3", "n": "0"},
    )
    assert [(segment.text, segment.host) for segment in row.new if segment.host] == [("10.0.0.3", "address")]
    assert marked(row.new) == ["8080"]


def test_a_host_value_is_found_as_a_whole_word_only() -> None:
    (row,) = inline_diff(
        "", "10.0.0.35 and web-3 and web-33\n", host_values={"a": "10.0.0.3", "name": "web-3"}
    )
    assert [segment.text for segment in row.new if segment.host] == ["web-3"]


def test_a_megabyte_on_one_line_is_shortened_around_what_changed() -> None:
    old = "x" * 500_000 + "=1;" + "y" * 500_000
    start = time.perf_counter()
    (row,) = inline_diff(old, old.replace("=1;", "=2;"))
    assert time.perf_counter() - start < 1
    assert marked(row.new) == ["2"]
    assert len(plain(row.new)) < 1_000
    assert sum(segment.skipped for segment in row.new) + len(plain(row.new)) == len(old)


def test_a_change_inside_a_very_long_word_stays_findable() -> None:
    old = "A" * 3_000 + "B" + "C" * 3_000
    (row,) = inline_diff(old, old.replace("B", "D"))
    assert marked(row.new) == ["D"]


def test_texts_without_anything_in_common_are_cut_and_the_rest_is_counted() -> None:
    old = "".join(f"old {n} {n * 7}\n" for n in range(20_000))
    new = "".join(f"new {n} {n * 11}\n" for n in range(20_000))
    start = time.perf_counter()
    rows = inline_diff(old, new)
    assert time.perf_counter() - start < 2
    assert len(rows) == MOST_ROWS + 1
    assert rows[-1] == Row("cut", hidden=40_000 - MOST_ROWS)


def test_many_like_lines_are_compared_in_bounded_time() -> None:
    old = "yes\nno\n" * 5_000
    new = "no\nyes\nmaybe\n" * 5_000
    start = time.perf_counter()
    assert inline_diff(old, new)
    assert time.perf_counter() - start < 2


def test_a_changed_line_counts_as_added_and_removed() -> None:
    assert summary(inline_diff("a 1\nb\n", "a 2\nb\nc\n")) == (2, 1)


@given(TEXTS, TEXTS)
def test_the_rows_hold_every_line_of_both_texts_in_order(old: str, new: str) -> None:
    rows = inline_diff(old, new, context=1_000)
    if old == new:
        return
    numbers_old = [row.old_number for row in rows if row.old_number]
    numbers_new = [row.new_number for row in rows if row.new_number]
    assert numbers_old == list(range(1, len(split_lines(old)) + 1))
    assert numbers_new == list(range(1, len(split_lines(new)) + 1))
    for row in rows:
        if row.kind == "context":
            assert plain(row.old) == plain(row.new)
        if row.old_number:
            assert plain(row.old) == split_lines(old)[row.old_number - 1].rstrip("\n")


@given(LINES, LINES)
def test_equal_blocks_are_equal_and_blocks_cover_everything(a: list[str], b: list[str]) -> None:
    ops = opcodes(a, b)
    assert all((a[op.i1 : op.i2] == b[op.j1 : op.j2]) is op.equal for op in ops)
    assert [i for op in ops for i in range(op.i1, op.i2)] == list(range(len(a)))
    assert [j for op in ops for j in range(op.j1, op.j2)] == list(range(len(b)))


def test_three_texts_say_who_changed_each_line() -> None:
    base = "one = 1\ntwo = 2\nthree = 3\nfour = 4\n"
    head = base.replace("two = 2", "two = 22").replace("four = 4", "four = 40")
    live = base.replace("three = 3", "three = 33").replace("four = 4", "four = 44")
    assert [row.kind for row in side_by_side(base, head, live)] == ["same", "head", "live", "conflict"]


def test_what_head_and_live_both_did_is_agreed() -> None:
    rows = side_by_side("a = 1\n", "a = 2\nnew line\n", "a = 2\nnew line\n")
    assert [row.kind for row in rows] == ["agreed", "agreed"]
    assert rows[1].base is None and rows[1].head and rows[1].live


def test_a_text_that_is_not_there_is_never_a_difference() -> None:
    rows = side_by_side("a = 1\nb\n", "a = 2\nb\n", None)
    assert [row.kind for row in rows] == ["head", "same"]
    assert all(row.live is None for row in rows)


def test_a_word_removed_on_the_host_is_marked_in_the_base() -> None:
    (row,) = side_by_side("allow all now\n", "allow all now\n", "allow all\n")
    assert row.base and "now" in "".join(marked(row.base.segments))
    assert row.head and not marked(row.head.segments)


def test_three_large_texts_are_cut_and_the_rest_is_counted() -> None:
    texts = ["".join(f"{side} {n}\n" for n in range(5_000)) for side in ("base", "head", "live")]
    start = time.perf_counter()
    rows = side_by_side(texts[0], texts[1], texts[2])
    assert time.perf_counter() - start < 2
    assert rows[-1].kind == "cut" and len(rows) == MOST_ROWS + 1


@given(TEXTS, TEXTS, TEXTS)
def test_side_by_side_holds_every_line_of_each_text_once(base: str, head: str, live: str) -> None:
    rows = side_by_side(base, head, live, context=1_000)
    if base == head == live:
        assert rows == []
        return
    for side, text in (("base", base), ("head", head), ("live", live)):
        cells = [cell for row in rows if (cell := getattr(row, side))]
        assert [plain(cell.segments) for cell in cells] == [line.rstrip("\n") for line in split_lines(text)]
        assert [cell.number for cell in cells] == list(range(1, len(cells) + 1))
