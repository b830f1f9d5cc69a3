"""A unified diff, as Git writes it, read into the rows that the inline diff draws."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from deployments.core.redaction import redact_definition
from web.core.diffs import Row, Summary, summary
from web.core.lines import Budget, pair_lines
from web.core.segments import against, whole

_HUNK = re.compile(r"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@")


@dataclass(frozen=True, slots=True)
class FilePatch:
    """What a patch does to one file: `created`, `deleted`, `changed` or `renamed` (then `was` has the old path)."""

    path: str
    action: str
    rows: tuple[Row, ...]
    was: str = ""

    @property
    def summary(self) -> Summary:
        return summary(self.rows)


def parse_patch(patch: str) -> list[FilePatch]:
    """Every file of `patch` in order, without secrets that somebody committed there. Text that is no patch gives no
    files; lines out of place are left out.
    """
    patch = redact_definition(patch).text
    files: list[FilePatch] = []
    for header, body in _files(patch.split("\n")):
        old, new = _name(header, "--- "), _name(header, "+++ ")
        if old is None and new is None and not body:
            continue
        action = "created" if old is None else "deleted" if new is None else "changed"
        if old and new and old != new:
            action = "renamed"
        files.append(
            FilePatch(new or old or "", action, tuple(_rows(body)), old or "" if action == "renamed" else "")
        )
    return files


def _files(lines: list[str]) -> Iterator[tuple[list[str], list[str]]]:
    header: list[str] = []
    body: list[str] = []
    for index, line in enumerate(lines):
        following = lines[index + 1] if index + 1 < len(lines) else ""
        starts = line.startswith("diff --git ") or (
            line.startswith("--- ") and following.startswith("+++ ") and (body or not header)
        )
        if starts and (header or body):
            yield header, body
            header, body = [], []
        if body or line.startswith("@@ "):
            body.append(line)
        else:
            header.append(line)
    if header or body:
        yield header, body


def _name(header: list[str], prefix: str) -> str | None:
    for line in header:
        if line.startswith(prefix):
            name = line[len(prefix) :].split("\t")[0]
            return None if name == "/dev/null" else re.sub(r"^[ab]/", "", name)
    return None


def _rows(body: list[str]) -> Iterator[Row]:
    budget = Budget()
    old_number = new_number = 1
    removed: list[str] = []
    added: list[str] = []
    for index, line in enumerate([*body, "@@ end"]):
        if line.startswith("-"):
            removed.append(_with_end(line[1:], body, index))
            continue
        if line.startswith("+"):
            added.append(_with_end(line[1:], body, index))
            continue
        if line.startswith("\\"):
            continue
        for i, j in pair_lines(removed, added, budget):
            yield _changed(removed, added, i, j, (old_number, new_number), budget)
        old_number, new_number = old_number + len(removed), new_number + len(added)
        removed, added = [], []
        if hunk := _HUNK.match(line):
            starts = int(hunk[1]), int(hunk[2])
            if starts[0] > old_number:
                yield Row("gap", old_number, new_number, hidden=starts[0] - old_number)
            old_number, new_number = max(starts[0], 1), max(starts[1], 1)
        elif line.startswith(" "):
            segments = whole(line[1:])
            yield Row("context", old_number, new_number, segments, segments)
            old_number, new_number = old_number + 1, new_number + 1


def _with_end(line: str, body: list[str], index: int) -> str:
    """Put the newline back, unless the patch says that there was none."""
    following = body[index + 1] if index + 1 < len(body) else ""
    return line if following.startswith("\\") else line + "\n"


def _changed(
    removed: list[str], added: list[str], i: int | None, j: int | None, start: tuple[int, int], budget: Budget
) -> Row:
    old = None if i is None else removed[i]
    new = None if j is None else added[j]
    old_open = old is not None and not old.endswith("\n")
    new_open = new is not None and not new.endswith("\n")
    old_number = None if i is None else start[0] + i
    new_number = None if j is None else start[1] + j
    if old is not None and new is not None:
        marked_old, marked_new = against(old.removesuffix("\n"), new.removesuffix("\n"), budget)
        return Row("changed", old_number, new_number, marked_old, marked_new, 0, old_open, new_open)
    if old is not None:
        return Row("removed", old_number, None, whole(old.removesuffix("\n")), (), 0, old_open, False)
    return Row("added", None, new_number, (), whole((new or "").removesuffix("\n")), 0, False, new_open)
