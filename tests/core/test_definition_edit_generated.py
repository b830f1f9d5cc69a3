"""Edits of generated resources.yaml files: the promise of test_definition_edit, for documents nobody thought of.

HYPOTHESIS_EXAMPLES=10000 makes a deep run of it.
"""

import os

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from deployments.core.definition.edit import CannotEdit, Operation, RemoveValue, SetValue, apply_edits

EXAMPLES = int(os.environ.get("HYPOTHESIS_EXAMPLES", "25"))


def load(text: str) -> dict:
    return YAML(typ="safe", pure=True).load(text.removeprefix("\ufeff")) or {}


KEYS = ["/etc/a", "/etc/b.conf", "/srv/with space", "/x: y", "'q'"]
ATTRIBUTES = ["content", "mode", "owner", "exhaustive"]
words = st.text(alphabet="ab 1:#'\"{}\n\t é\\-|", max_size=9)
values = st.one_of(words, st.sampled_from(["0644", "root", "a\nb\n", "x\n\n", True, 7, None]))
comments = st.lists(st.sampled_from(["# note", "", " # deep", "#"]), max_size=2)


class Written:
    """A document as lines, each with the path that owns it and whether it is all of that entry."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, tuple[str, ...], str]] = []

    def add(self, text: str, owner: tuple[str, ...], kind: str) -> None:
        self.lines.extend((line, owner, kind) for line in text.split("\n"))


def quoted(text: str) -> str:
    return (
        '"'
        + "".join({"\n": "\\n", "\t": "\\t", '"': '\\"', "\\": "\\\\"}.get(char, char) for char in text)
        + '"'
    )


@st.composite
def scalars(draw: st.DrawFn, value: object, block: bool, indent: int) -> str:
    if value is None:
        return draw(st.sampled_from(["null", "~"]))
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    text = str(value)
    style = draw(st.integers(0, 3))
    if style == 0 and text.isalpha() and text.isascii():
        return text
    if style == 1 and "\n" not in text and "\t" not in text:
        return "'" + text.replace("'", "''") + "'"
    if (
        style == 2
        and block
        and text.strip()
        and text[0] not in " \n\t"
        and "\t" not in text
        and "\n\n" not in text
    ):
        margin = "\n" + " " * (indent + 2)
        header = "|" if text.endswith("\n") else "|-"
        return header + margin + text.rstrip("\n").replace("\n", margin)
    return quoted(text)


@st.composite
def documents(draw: st.DrawFn) -> Written:
    written = Written()
    if draw(st.booleans()):
        written.add("---", (), "start")
    for section in draw(st.lists(st.sampled_from(["files", "symlinks"]), unique=True, max_size=2)):
        for comment in draw(comments):
            written.add(comment.strip(), (), "comment")
        resources = draw(st.lists(st.sampled_from(KEYS), unique=True, max_size=3))
        if not resources:
            written.add(
                f"{section}:{draw(st.sampled_from([' {}', '', ' {}  # none']))}", (section,), "inline"
            )
            continue
        written.add(f"{section}:", (section,), "header")
        for resource in resources:
            path = (section, resource)
            for comment in draw(comments):
                written.add(f"  {comment}", (section,), "comment")
            key = "  " + (resource if resource.startswith("/") and " " not in resource else quoted(resource))
            attributes = draw(st.lists(st.sampled_from(ATTRIBUTES), unique=True, max_size=3))
            if not attributes or draw(st.booleans()):
                pairs = [f"{name}: {draw(scalars(draw(values), False, 0))}" for name in attributes]
                written.add(
                    f"{key}: {{{', '.join(pairs)}}}{draw(st.sampled_from(['', '  # why']))}", path, "inline"
                )
                continue
            written.add(f"{key}:", path, "header")
            for number, name in enumerate(attributes):
                for comment in draw(comments):
                    written.add(f"    {comment}", (*path, "") if number else (*path, "first"), "comment")
                written.add(f"    {name}: {draw(scalars(draw(values), True, 4))}", (*path, name), "inline")
            for comment in draw(comments):
                written.add(f"    {comment}", (section,), "comment")
    return written


@st.composite
def operations(draw: st.DrawFn) -> Operation:
    section = draw(st.sampled_from(["files", "symlinks", "sysctl"]))
    path: tuple[str, ...] = (section, draw(st.sampled_from(KEYS)))
    kind = draw(st.integers(0, 4))
    if kind == 0:
        return RemoveValue(path)
    if kind == 1:
        attributes = draw(st.dictionaries(st.sampled_from(ATTRIBUTES), values, max_size=2))
        return SetValue(path, attributes if draw(st.booleans()) else None)
    path = (*path, draw(st.sampled_from(ATTRIBUTES)))
    return RemoveValue(path) if kind == 2 else SetValue(path, draw(values))


def intended(before: dict, operation: Operation) -> dict | None:
    """The plain meaning of an operation, on plain dictionaries; None where there is nothing to remove."""
    after = {key: dict(value or {}) for key, value in before.items()}
    after = {
        key: {name: dict(item) if item else item for name, item in value.items()}
        for key, value in after.items()
    }
    node: dict = after
    *parents, last = operation.path
    for key in parents:
        if isinstance(operation, RemoveValue) and not node.get(key):
            return None
        node[key] = node.get(key) or {}
        node = node[key]
    if isinstance(operation, SetValue):
        node[last] = operation.value
    elif last in node:
        del node[last]
    else:
        return None
    return after


def may_change(owner: tuple[str, ...], kind: str, operation: Operation) -> bool:
    path = operation.path
    inside = owner[: len(path)] == path
    if kind == "comment":
        return inside and len(owner) > len(path)
    if kind == "inline":
        return inside or path[: len(owner)] == owner
    if kind == "header":
        return inside or (isinstance(operation, RemoveValue) and owner == path[:-1])
    return False


def is_subsequence(kept: list[str], lines: list[str]) -> bool:
    remaining = iter(lines)
    return all(any(line == other for other in remaining) for line in kept)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(documents(), operations(), st.sampled_from(["\n", "\n", "\r\n"]), st.booleans(), st.booleans())
def test_a_touched_file_reparses_to_exactly_the_intended_change(
    written: Written, operation: Operation, newline: str, ends: bool, bom: bool
) -> None:
    text = newline.join(line for line, _, _ in written.lines) + (newline if ends else "")
    text = ("\ufeff" if bom else "") + text
    before = load(text)
    wanted = intended(before, operation)
    try:
        after = apply_edits(text, [operation])
    except CannotEdit as refusal:
        assert wanted is None or "read back" in refusal.reason or "exactly" in refusal.reason, refusal.reason
        assert wanted is None or not ends, "only a missing last line break may make a file hard to edit"
        return
    assert wanted is not None
    assert nulls_are_empty(load(after)) == nulls_are_empty(wanted)
    kept = [line for line, owner, kind in written.lines if not may_change(owner, kind, operation)]
    assert is_subsequence(
        kept, [line.removesuffix("\r") for line in after.removeprefix("\ufeff").split("\n")]
    )
    assert after.startswith("\ufeff") == bom
    if newline == "\r\n" and "\r\n" in text:
        assert "\n" not in after.replace("\r\n", "")
    assert apply_edits(after, [operation]) == after if isinstance(operation, SetValue) else True


def nulls_are_empty(document: dict) -> dict:
    """`files:` without anything, and `files: {}`, say the same."""
    return {key: value or {} for key, value in document.items()}


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(documents(), st.data())
def test_an_untouched_file_stays_byte_for_byte(written: Written, data: st.DataObject) -> None:
    text = "\n".join(line for line, _, _ in written.lines)
    before = load(text)
    said = [
        SetValue((section, name, attribute), value)
        for section, resources in before.items()
        for name, attributes in (resources or {}).items()
        for attribute, value in (attributes or {}).items()
    ]
    assert apply_edits(text, said) == text


items = st.lists(st.sampled_from(["a", "b", "10.0.0.1", "7", "x y", ""]), min_size=1, max_size=5)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(items, items, comments, st.integers(0, 2), st.sampled_from(["", "  # why"]), st.booleans())
def test_a_list_keeps_the_lines_and_comments_of_items_that_stay(
    old: list[str], new: list[str], notes: list[str], indent: int, why: str, ends: bool
) -> None:
    margin = "  " + " " * indent
    lines = ["variables:", "  x: 1", "  list:  # c"]
    for item in old:
        lines += [f"{margin}{note}" for note in notes]
        lines.append(f"{margin}- {quoted(item)}{why}")
    text = "\n".join([*lines, "  y: 2  # last" if ends else "# end"]) + "\n"
    after = apply_edits(text, [SetValue(("variables", "list"), new)])
    wanted = load(text)
    wanted["variables"]["list"] = new
    assert load(after) == wanted
    kept = [line for line in text.split("\n") if not line.lstrip().startswith("- ")]
    assert is_subsequence(kept, after.split("\n"))
    if new[: len(old)] == old:
        assert is_subsequence(text.split("\n"), after.split("\n"))
