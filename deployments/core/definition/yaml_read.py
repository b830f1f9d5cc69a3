"""A YAML 1.2 document as nodes with lines, and everything that is wrong with it.

Built on ruamel's event stream, because its loaders build Python values at once: here nothing is constructed
from a tag, an alias is a reference that is counted as if it were written out, and a file with ten mistakes
gets ten problems. Scalars follow the YAML 1.2 core schema (`yes` is text, `0o17` a number, no dates).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

MAX_DEPTH = 32
MAX_NODES = 200_000
"""How many nodes a file may have once every alias is written out; a few lines of aliases can mean billions."""

_TAG = "tag:yaml.org,2002:"
_NULLS = frozenset(("", "~", "null", "Null", "NULL"))
_BOOLS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]{1,400}")
_OTHER_BASE = re.compile(r"0o[0-7]{1,400}|0x[0-9a-fA-F]{1,400}")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_SURROGATE = re.compile("[\ud800-\udfff]")


class Fault(NamedTuple):
    """A problem before it has a file: what is wrong, and what to do."""

    message: str
    remedy: str


class YamlFault(NamedTuple):
    line: int
    message: str
    remedy: str


@dataclass(slots=True)
class Scalar:
    """`text` is what is between the quotes (or plain); `value` is what it means: str, int, float, bool or None."""

    line: int
    text: str
    value: Any
    size: int = 1


@dataclass(slots=True)
class Sequence:
    line: int
    items: "list[Node]"
    size: int = 1


@dataclass(slots=True)
class Mapping:
    """`entries` in the order of the file, each key once (a second one is a fault and left out)."""

    line: int
    entries: "list[tuple[Scalar, Node]]"
    size: int = 1


Node = Scalar | Sequence | Mapping


class _Stop(Exception):
    def __init__(self, line: int, message: str, remedy: str) -> None:
        self.fault = YamlFault(line, message, remedy)
        super().__init__(message)


def read_yaml(text: str) -> tuple[Node | None, list[YamlFault]]:
    """The one document of `text` (None when empty or unreadable) and its faults, in the order of the lines."""
    composer = _Composer(text)
    try:
        root = composer.document()
    except _Stop as stop:
        return None, [*composer.faults, stop.fault]
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        return None, [*composer.faults, _syntax_fault(str(error.problem or error.context), mark)]
    except (YAMLError, ValueError, RecursionError) as error:
        return None, [*composer.faults, _reader_fault(text, error)]
    return root, composer.faults


def to_value(node: Node) -> Any:
    """The node as a JSON value; keys of mappings are their text."""
    match node:
        case Scalar(value=value):
            return value
        case Sequence(items=items):
            return [to_value(item) for item in items]
        case Mapping(entries=entries):
            return {key.text: to_value(value) for key, value in entries}


def _syntax_fault(problem: str, mark: Any) -> YamlFault:
    line = mark.line + 1 if mark is not None else 1
    remedy = "Correct the YAML here or just above; quote a value that holds ': ' or ' #'."
    if "'\\t'" in problem:
        remedy = "Indent with spaces, not with tabs."
    return YamlFault(line, f"this is not valid YAML: {problem}.", remedy)


def _reader_fault(text: str, error: Exception) -> YamlFault:
    at = getattr(error, "position", None)
    line = text.count("\n", 0, at) + 1 if isinstance(at, int) else 1
    if isinstance(character := getattr(error, "character", None), int):
        message = f"the character U+{character:04X} may not stand in a YAML file."
        return YamlFault(
            line, message, 'Write it as an escape in double quotes, such as "\\x07", or remove it.'
        )
    return YamlFault(line, f"this is not valid YAML: {str(error).splitlines()[0]}.", "Correct the YAML.")


class _Composer:
    def __init__(self, text: str) -> None:
        self.faults: list[YamlFault] = []
        self._events: Iterator[Any] = YAML(typ="safe", pure=True).parse(text)
        self._anchors: dict[str, Node | None] = {}
        self._nodes = 0

    def document(self) -> Node | None:
        root: Node | None = None
        documents = 0
        for event in self._events:
            if not isinstance(event, DocumentStartEvent):
                continue
            documents += 1
            line = event.start_mark.line + 1
            if documents > 1:
                raise _Stop(line, "a second YAML document begins here.", "Keep one document in a file.")
            if event.version is not None and tuple(event.version) < (1, 2):
                raise _Stop(line, "the file asks for an old version of YAML.", "Remove the %YAML line.")
            root = self._node(next(self._events), 0)
        return root

    def _node(self, event: Any, depth: int) -> Node:
        line = event.start_mark.line + 1
        if depth > MAX_DEPTH:
            raise _Stop(line, f"values are nested more than {MAX_DEPTH} deep.", "Flatten them.")
        if isinstance(event, AliasEvent):
            return self._alias(event.anchor, line)
        if event.anchor:
            self._anchors[event.anchor] = None
        node: Node
        if isinstance(event, ScalarEvent):
            node = self._scalar(event, line)
        elif isinstance(event, SequenceStartEvent):
            node = self._sequence(event, line, depth)
        elif isinstance(event, MappingStartEvent):
            node = self._mapping(event, line, depth)
        else:  # pragma: no cover - the parser has no other events here
            raise _Stop(line, "this is not valid YAML.", "Correct the YAML.")
        if event.anchor:
            self._anchors[event.anchor] = node
        self._count(1, line)
        return node

    def _alias(self, name: str, line: int) -> Node:
        if name not in self._anchors:
            raise _Stop(line, f"the alias *{name} has no anchor &{name} before it.", "Write the value out.")
        node = self._anchors[name]
        if node is None:
            raise _Stop(line, f"the alias *{name} stands inside its own anchor.", "Write the value out.")
        self._count(node.size, line)
        return node

    def _count(self, nodes: int, line: int) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            message = f"with its aliases written out the file has more than {MAX_NODES:,} values."
            raise _Stop(line, message, "Use fewer aliases, or spread the declarations over more layers.")

    def _scalar(self, event: ScalarEvent, line: int) -> Scalar:
        text = event.value
        if _SURROGATE.search(text):
            self._fault(
                line, "the text holds half of a surrogate pair.", "Write the character itself, or \\U0001…."
            )
            text = _SURROGATE.sub("\ufffd", text)
        tag = self._tag(event, line, ("str",))
        if tag or event.style:
            return Scalar(line, text, text)
        return Scalar(line, text, self._resolve(text, line))

    def _resolve(self, text: str, line: int) -> Any:
        """What a plain scalar means in the core schema of YAML 1.2."""
        if text in _NULLS:
            return None
        if text in _BOOLS:
            return _BOOLS[text]
        if text[0] not in "+-.0123456789":
            return text
        if _INT.fullmatch(text):
            return int(text)
        if _OTHER_BASE.fullmatch(text):
            return int(text, 0)
        not_finite = _NOT_FINITE.fullmatch(text) is not None
        if not_finite or _FLOAT.fullmatch(text):
            number = None if not_finite else float(text)
            if number is None or number in (float("inf"), float("-inf")):
                self._fault(
                    line, f"{text[:40]} is not a number that can be stored.", "Quote it, or use a number."
                )
                return text
            return number
        return text

    def _sequence(self, event: SequenceStartEvent, line: int, depth: int) -> Sequence:
        self._tag(event, line, ("seq",))
        node = Sequence(line, [])
        while not isinstance(inner := next(self._events), SequenceEndEvent):
            item = self._node(inner, depth + 1)
            node.items.append(item)
            node.size += item.size
        return node

    def _mapping(self, event: MappingStartEvent, line: int, depth: int) -> Mapping:
        self._tag(event, line, ("map",))
        node = Mapping(line, [])
        seen: dict[str, int] = {}
        while not isinstance(inner := next(self._events), MappingEndEvent):
            key = self._node(inner, depth + 1)
            value = self._node(next(self._events), depth + 1)
            node.size += key.size + value.size
            at = inner.start_mark.line + 1
            if not isinstance(key, Scalar):
                self._fault(at, "a key must be plain text.", "Write the key as text before the colon.")
            elif key.text == "<<" and not getattr(inner, "style", None):
                self._fault(
                    at,
                    "merge keys (<<) are not part of YAML 1.2.",
                    "Write the attributes out, or use a layer.",
                )
            elif key.text in seen:
                message = f"'{key.text}' is given twice; the first is on line {seen[key.text]}."
                self._fault(at, message, "Keep one of them.")
            else:
                seen[key.text] = at
                node.entries.append((Scalar(at, key.text, key.value), value))
        return node

    def _tag(self, event: Any, line: int, allowed: tuple[str, ...]) -> bool:
        tag = str(event.tag) if getattr(event, "tag", None) else ""
        if tag and tag != "!" and tag not in tuple(_TAG + name for name in allowed):
            shown = tag.replace(_TAG, "!!")
            self._fault(
                line, f"the tag {shown} is not allowed here.", "Remove the tag and write the plain value."
            )
        return bool(tag)

    def _fault(self, line: int, message: str, remedy: str) -> None:
        self.faults.append(YamlFault(line, message, remedy))
