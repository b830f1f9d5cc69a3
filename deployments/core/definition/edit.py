"""Edits of a resources.yaml that leave everything else in it byte for byte.

An edit replaces, inserts or removes a stretch of the text; nothing is dumped anew. Then the result is parsed
again and must say exactly what the old text said with the one intended change, key by key and tag by tag. Where
several ways of writing are possible the first that passes is taken; when none does, nothing is edited.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from deployments.core.definition.sections import SECTIONS
from deployments.core.definition.yaml_format import frozen
from deployments.core.definition.yaml_splice import Document
from deployments.core.definition.yaml_tree import (
    MAP,
    NULL,
    SEQ,
    STR,
    CannotEdit,
    Frozen,
    Node,
    freeze,
    read_tree,
)

__all__ = [
    "CannotEdit",
    "Operation",
    "RemoveValue",
    "SetValue",
    "apply_edits",
    "declare",
    "edit_bytes",
    "remove_attribute",
    "remove_resource",
    "remove_variable",
    "set_attribute",
    "set_variable",
    "undeclare",
]

BOM = "\ufeff"


@dataclass(frozen=True)
class SetValue:
    """Make the value at `path` (keys from the root) `value`; what is missing on the way is made.

    `value` is text, a number, a boolean, None, or lists and mappings of these. With `new` the last key must
    not be there yet, or be null. `shorthand` is the attribute for which one value may stand in place of all
    attributes: written so where it is the only one.
    """

    path: tuple[str, ...]
    value: Any
    new: bool = False
    shorthand: str = ""


@dataclass(frozen=True)
class RemoveValue:
    """Remove the key at `path` with its value; it must be there."""

    path: tuple[str, ...]


Operation = SetValue | RemoveValue


def set_attribute(section: str, resource: str, attribute: str, value: Any) -> Operation:
    return SetValue((section, resource, attribute), value, shorthand=_shorthand(section))


def declare(section: str, resource: str, attributes: Mapping[str, Any]) -> Operation:
    """Declare a resource that this layer doesn't declare yet (or undeclares)."""
    if attributes.keys() == {_shorthand(section)}:
        return SetValue((section, resource), attributes[_shorthand(section)], new=True)
    return SetValue((section, resource), dict(attributes), new=True)


def _shorthand(section: str) -> str:
    return SECTIONS[section].shorthand if section in SECTIONS else ""


def undeclare(section: str, resource: str) -> Operation:
    """Write `null`, which takes the resource out of the layers before this one."""
    return SetValue((section, resource), None)


def remove_attribute(section: str, resource: str, attribute: str) -> Operation:
    return RemoveValue((section, resource, attribute))


def remove_resource(section: str, resource: str) -> Operation:
    return RemoveValue((section, resource))


def set_variable(name: str, value: Any) -> Operation:
    return SetValue(("variables", name), value)


def remove_variable(name: str) -> Operation:
    return RemoveValue(("variables", name))


def apply_edits(text: str, operations: Sequence[Operation]) -> str:
    """The text with the operations applied in order; the same text where they change nothing.

    Raises CannotEdit, with the reason for a person, when an edit would touch anchors, aliases or merge keys,
    when the text is not one YAML mapping, or when the result would not say exactly what is meant.
    """
    mark = BOM if text.startswith(BOM) else ""
    body = text[len(mark) :]
    if "\r" in body.replace("\r\n", ""):
        raise CannotEdit("the file has line endings of old Macintosh style (CR alone); convert it first")
    for operation in operations:
        body = _apply(body, operation)
    return mark + body


def edit_bytes(content: bytes | None, operations: Sequence[Operation]) -> bytes:
    """`apply_edits` on a file's bytes; None is a file that doesn't exist yet."""
    try:
        text = (content or b"").decode("utf-8")
    except UnicodeDecodeError as error:
        raise CannotEdit(f"the file is not UTF-8 text (byte {error.start})") from error
    return apply_edits(text, operations).encode("utf-8")


def _apply(text: str, operation: Operation) -> str:
    root, before = _parsed(text)
    operation = _spelled_out(before, operation)
    document = Document(text, root)
    document.refuse_shared(operation.path)
    wanted = _intended(before, operation)
    if wanted == before:
        return text
    reason = "no way of writing it was found"
    for candidate in _candidates(document, operation):
        try:
            if _parsed(candidate)[1] == wanted:
                return candidate
            reason = "the edited text would not say exactly what is meant"
        except CannotEdit as error:
            reason = f"the edited text would not be read back: {error.reason}"
    if not text.endswith("\n"):
        reason += " (it ends without a line break; add one)"
    raise CannotEdit(f"{' → '.join(operation.path)}: {reason}; edit the file by hand")


def _spelled_out(before: Frozen, operation: Operation) -> Operation:
    """The operation where one value stands, or may stand, for all attributes."""
    if not isinstance(operation, SetValue) or not operation.shorthand:
        return operation
    *place, attribute = operation.path
    tag, there = before
    for key in place:
        tag, there = dict(there).get((STR, key), (NULL, "")) if tag == MAP else (NULL, "")
    if tag in (MAP, SEQ) or (tag == NULL and attribute != operation.shorthand):
        return operation
    value = operation.value
    if attribute != operation.shorthand:
        value = {operation.shorthand: there, attribute: value}
    return SetValue(tuple(place), value)


@lru_cache(maxsize=64)  # what one operation leaves is what the next begins with, and layers are tried in turn
def _parsed(text: str) -> tuple[Node | None, Frozen]:
    root = read_tree(text)
    return root, freeze(root)


def _candidates(document: Document, operation: Operation) -> Iterator[str]:
    if isinstance(operation, SetValue):
        yield from document.with_value(operation.path, operation.value)
    else:
        yield from document.without(operation.path)


def _intended(before: Frozen, operation: Operation) -> Frozen:
    """The parsed document as it must be afterwards. Raises CannotEdit when the operation makes no sense."""
    return _intended_at(before, operation, operation.path, "")


def _intended_at(node: Frozen, operation: Operation, path: tuple[str, ...], where: str) -> Frozen:
    tag, pairs = node
    if tag == NULL:
        tag, pairs = MAP, ()
    if tag != MAP:
        raise CannotEdit(f"{where.strip(' →') or 'the file'} is not a plain mapping; edit the file by hand")
    key, rest = (STR, path[0]), path[1:]
    there = dict(pairs)
    if any(other[1] == path[0] and other != key for other in there):
        raise CannotEdit(f"{where}{path[0]}: this key is not read as text; put it in quotes first")
    if isinstance(operation, RemoveValue) and key not in there:
        raise CannotEdit(f"{where}{path[0]} is not there to be removed")
    if rest:
        there[key] = _intended_at(there.get(key, (NULL, "")), operation, rest, f"{where}{path[0]} → ")
    elif isinstance(operation, RemoveValue):
        del there[key]
    else:
        if operation.new and there.get(key, (NULL, ""))[0] != NULL:
            raise CannotEdit(f"{where}{path[0]} is declared here already")
        there[key] = frozen(operation.value)
    return (MAP, tuple(there.items()))
