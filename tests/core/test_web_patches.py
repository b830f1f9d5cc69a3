"""A unified diff is read back as the rows that made it."""

import difflib

from hypothesis import given
from hypothesis import strategies as st

from web.core.lines import split_lines
from web.core.patches import parse_patch

PATCH = """diff --git a/roles/web/resources.yaml b/roles/web/resources.yaml
index 1111111..2222222 100644
--- a/roles/web/resources.yaml
+++ b/roles/web/resources.yaml
@@ -10,4 +10,4 @@ files:
   # keep in step with ulimit
-variables: {workers: 4}
+variables: {workers: 8}
 services: {}
diff --git a/hosts/web-3/files/motd b/hosts/web-3/files/motd
new file mode 100644
--- /dev/null
+++ b/hosts/web-3/files/motd
@@ -0,0 +1 @@
+hello
\\ No newline at end of file
"""


def test_files_and_what_happens_to_them_are_read() -> None:
    one, two = parse_patch(PATCH)
    assert (one.path, one.action, one.summary) == ("roles/web/resources.yaml", "changed", (1, 1))
    assert (two.path, two.action, two.summary) == ("hosts/web-3/files/motd", "created", (1, 0))
    assert two.rows[0].new_open


def test_lines_keep_their_numbers_and_words_are_marked() -> None:
    rows = parse_patch(PATCH)[0].rows
    assert [row.kind for row in rows] == ["gap", "context", "changed", "context"]
    assert (rows[2].old_number, rows[2].new_number) == (11, 11)
    assert [segment.text for segment in rows[2].new if segment.mark] == ["8"]


def test_a_removed_line_that_looks_like_a_header_is_a_line() -> None:
    patch = "--- a/x\n+++ b/x\n@@ -1,2 +1,1 @@\n--- a comment in SQL\n keep\n"
    (file,) = parse_patch(patch)
    assert [row.kind for row in file.rows] == ["removed", "context"]


def test_text_that_is_no_patch_has_no_files() -> None:
    assert parse_patch("") == []
    assert parse_patch("hello\nworld\n") == []


@given(
    st.lists(st.sampled_from("abcd"), max_size=12),
    st.lists(st.sampled_from("abcd"), max_size=12),
)
def test_a_patch_made_by_difflib_names_exactly_the_lines_it_touches(old: list[str], new: list[str]) -> None:
    a, b = [line + "\n" for line in old], [line + "\n" for line in new]
    patch = "".join(difflib.unified_diff(a, b, "a/f", "b/f"))
    for file in parse_patch(patch):
        for row in file.rows:
            if row.old:
                assert row.old_number
                assert split_lines("".join(a))[row.old_number - 1].strip() == row.old[0].text
            if row.new:
                assert row.new_number
                assert b[row.new_number - 1].strip() == row.new[0].text


def test_a_secret_that_somebody_committed_is_not_shown_around_an_edit() -> None:
    patch = "--- a/base/files/x\n+++ b/base/files/x\n@@ -1,2 +1,2 @@\n db_password = hunter2\n-limit 1\n+limit 2\n"
    [file] = parse_patch(patch)
    assert "hunter2" not in repr(file) and "[redacted]" in repr(file)
    assert file.summary == parse_patch(patch.replace("hunter2", "yes"))[0].summary
