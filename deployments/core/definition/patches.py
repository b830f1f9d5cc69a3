"""Edits of a tree as a unified diff that `git apply` takes, and as the lines that an approval is about."""

import hashlib
import re
from collections.abc import Iterator, Mapping

from deployments.core.line_opcodes import grouped, opcodes

Edits = Mapping[str, bytes | None]
"""Repository path → new content; None deletes the file."""

CONTEXT = 3
_HEADING = re.compile(r"(?:[a-z_]+:)?\s*")
_QUOTED = re.compile(r'[\x00-\x1f"\\\x7f]')


def apply_to(files: Mapping[str, bytes], edits: Edits) -> dict[str, bytes]:
    """The tree with the edits in it."""
    after = {path: content for path, content in files.items() if path not in edits}
    after.update({path: content for path, content in edits.items() if content is not None})
    return after


def only_changes(files: Mapping[str, bytes], edits: Edits) -> dict[str, bytes | None]:
    """The edits that change something."""
    return {path: content for path, content in edits.items() if files.get(path) != content}


def unified_diff(files: Mapping[str, bytes], edits: Edits, context: int = CONTEXT) -> str:
    """One patch over all edited files, in the order of their paths; binary files are only named."""
    return "".join(
        _file(path, files.get(path), edits[path], context) for path in sorted(only_changes(files, edits))
    )


def changed_lines(files: Mapping[str, bytes], edits: Edits) -> Iterator[tuple[str, str, str]]:
    """`(path, "-" or "+", line)` for every line taken out or put in, without numbers and context.

    A rebase that goes through cleanly leaves these as they are. Of a binary file the digests stand for lines.
    """
    for path in sorted(only_changes(files, edits)):
        old, new = files.get(path), edits[path]
        if old is None or new is None:
            yield path, "-" if new is None else "+", "(file)"
        if _is_binary(old) or _is_binary(new):
            for sign, content in (("-", old), ("+", new)):
                if content is not None:
                    yield path, sign, hashlib.sha256(content).hexdigest()
            continue
        before, after = _lines(old), _lines(new)
        for tag, i1, i2, j1, j2 in opcodes(before, after):
            if tag != "equal":
                yield from ((path, "-", line) for line in before[i1:i2])
                yield from ((path, "+", line) for line in after[j1:j2])


def declared_lines(files: Mapping[str, bytes], edits: Edits) -> Iterator[tuple[str, str, str, str]]:
    """`(path, "-" or "+", section, line)` of edited resources.yaml files: each line with the section it stands in.

    The heading of a section by itself, blank lines, and that the file is new are not among them: whoever comes first
    writes those, and a section without lines says nothing.
    """
    for path in sorted(only_changes(files, edits)):
        before, after = _lines(files.get(path)), _lines(edits[path])
        under = {"-": _sections(before), "+": _sections(after)}
        for tag, i1, i2, j1, j2 in opcodes(before, after):
            if tag == "equal":
                continue
            for sign, lines, numbers in (("-", before, range(i1, i2)), ("+", after, range(j1, j2))):
                said = (number for number in numbers if not _HEADING.fullmatch(lines[number]))
                yield from ((path, sign, under[sign][number], lines[number]) for number in said)


def _sections(lines: list[str]) -> list[str]:
    """The top-level key that each line stands below, or is."""
    found, section = [], ""
    for line in lines:
        if line[:1] not in ("", " ", "#", "\n", "\r", "-"):
            section = line.partition(":")[0].strip()
        found.append(section)
    return found


def _file(path: str, old: bytes | None, new: bytes | None, context: int) -> str:
    before, after = _name(f"a/{path}"), _name(f"b/{path}")
    parts = [f"diff --git {before} {after}\n"]
    if old is None:
        parts.append("new file mode 100644\n")
    elif new is None:
        parts.append("deleted file mode 100644\n")
    source, target = "/dev/null" if old is None else before, "/dev/null" if new is None else after
    if _is_binary(old) or _is_binary(new):
        return "".join((*parts, f"Binary files {source} and {target} differ\n"))
    hunks = list(_hunks(_lines(old), _lines(new), context))
    if hunks:
        parts += [f"--- {source}\n", f"+++ {target}\n", *hunks]
    return "".join(parts)


def _hunks(before: list[str], after: list[str], context: int) -> Iterator[str]:
    for group in grouped(opcodes(before, after), context):
        old, new = _range(group[0][1], group[-1][2]), _range(group[0][3], group[-1][4])
        yield f"@@ -{old} +{new} @@\n"
        for tag, i1, i2, j1, j2 in group:
            if tag == "equal":
                yield from (_line(" ", line) for line in before[i1:i2])
                continue
            yield from (_line("-", line) for line in before[i1:i2])
            yield from (_line("+", line) for line in after[j1:j2])


def _line(sign: str, line: str) -> str:
    return sign + line if line.endswith("\n") else f"{sign}{line}\n\\ No newline at end of file\n"


def _range(start: int, stop: int) -> str:
    length = stop - start
    first = start + 1 if length else start
    return f"{first}" if length == 1 else f"{first},{length}"


def _lines(content: bytes | None) -> list[str]:
    """Lines with their line feeds; nothing else ends a line, so that what we show is what Git sees."""
    return re.findall(r"[^\n]*\n|[^\n]+", (content or b"").decode("utf-8"))


def _is_binary(content: bytes | None) -> bool:
    if content is None:
        return False
    if b"\0" in content:
        return True
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return True
    return False


def _name(path: str) -> str:
    """As Git quotes a path in a patch."""
    if not _QUOTED.search(path):
        return path
    escapes = {'"': '\\"', "\\": "\\\\", "\t": "\\t", "\n": "\\n"}
    return '"' + _QUOTED.sub(lambda match: escapes.get(match[0], f"\\{ord(match[0]):03o}"), path) + '"'
