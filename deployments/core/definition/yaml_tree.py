"""A YAML document as a tree of nodes that know where they stand in the text.

ruamel's own nodes lose the place of an alias (they point at the anchor), so the tree is made from the
event stream, where every node has its marks. All positions are character indices into the text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import ScalarNode

STR = "tag:yaml.org,2002:str"
NULL = "tag:yaml.org,2002:null"
INT = "tag:yaml.org,2002:int"
FLOAT = "tag:yaml.org,2002:float"
BOOL = "tag:yaml.org,2002:bool"
MERGE = "tag:yaml.org,2002:merge"
MAP = "tag:yaml.org,2002:map"
SEQ = "tag:yaml.org,2002:seq"

_COLON = re.compile(r"[ \t]*:")

Frozen = tuple[Any, ...]
"""A parsed value that compares exactly: `(tag, text)`, or `(tag, (pair or item, …))`."""


class CannotEdit(Exception):
    """The edit can't be made safely; `reason` tells a person why, in a sentence."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass
class Node:
    start: int
    end: int
    """Where the node's text stops. Of a block collection or block scalar: the end of its last line with
    content, before the line break; comments and blank lines after it are not its own."""
    anchor: str | None = None


@dataclass
class Scalar(Node):
    value: str = ""
    tag: str = STR
    style: str = ""
    """`'`, `"`, `|`, `>`, or empty for a plain one."""

    @property
    def is_null(self) -> bool:
        return self.tag == NULL


@dataclass
class Alias(Node):
    name: str = ""


@dataclass
class Sequence(Node):
    tag: str = SEQ
    flow: bool = False
    items: list[Node] = field(default_factory=list)


@dataclass
class Mapping(Node):
    tag: str = MAP
    flow: bool = False
    entries: list[tuple[Node, Node]] = field(default_factory=list)

    def entry(self, key: str) -> tuple[Node, Node] | None:
        for name, value in self.entries:
            if isinstance(name, Scalar) and name.tag == STR and name.value == key:
                return name, value
        return None

    @property
    def has_merge_key(self) -> bool:
        return any(isinstance(key, Scalar) and key.tag == MERGE for key, _ in self.entries)


def read_tree(text: str) -> Node | None:
    """The one document's root, None when there is none. Raises CannotEdit for anything unreadable."""
    yaml = YAML(typ="safe", pure=True)
    try:
        builder = _Builder(text, list(yaml.parse(text)), yaml.resolver)
        return builder.document()
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise CannotEdit(f"the file is not valid YAML: line {line}: {error.problem}") from error
    except (YAMLError, ValueError, RecursionError) as error:
        raise CannotEdit(f"the file is not valid YAML: {str(error).splitlines()[0]}") from error


def freeze(root: Node | None) -> Frozen:
    """What the document says, aliases followed, in a form that compares tag by tag and key by key.

    An empty document is an empty mapping. Raises CannotEdit for a key that is given twice.
    """
    if root is None or (isinstance(root, Scalar) and root.is_null):
        return (MAP, ())
    return _freeze(root, {}, "")


def _freeze(node: Node, anchors: dict[str, Frozen], where: str) -> Frozen:
    frozen: Frozen
    match node:
        case Scalar(value=value, tag=tag):
            frozen = (NULL, "") if node.is_null else (tag, value)
        case Alias(name=name):
            if name not in anchors:
                raise CannotEdit(f"the alias *{name} refers to itself or to nothing")
            frozen = anchors[name]
        case Sequence(items=items, tag=tag):
            frozen = (tag, tuple(_freeze(item, anchors, where) for item in items))
        case Mapping(tag=tag):
            pairs: list[tuple[Frozen, Frozen]] = []
            seen = set()
            for key, given in node.entries:
                frozen_key = _freeze(key, anchors, where)
                if frozen_key in seen:
                    raise CannotEdit(f"{where}{frozen_key[1]} is given twice; remove one of them first")
                seen.add(frozen_key)
                pairs.append((frozen_key, _freeze(given, anchors, f"{where}{frozen_key[1]} → ")))
            frozen = (tag, tuple(pairs))
        case _:
            raise TypeError(node)
    if node.anchor:
        anchors[node.anchor] = frozen
    return frozen


class _Builder:
    """Events in, one tree out. The parser puts a value of which nothing is written at whatever follows; here
    it stands right after its colon or dash."""

    def __init__(self, text: str, events: list[Any], resolver: Any) -> None:
        self._text = text
        self._events: Iterator[Any] = iter(events)
        self._resolver = resolver

    def document(self) -> Node | None:
        root: Node | None = None
        for event in self._events:
            name = type(event).__name__
            if name in ("StreamStartEvent", "DocumentEndEvent", "StreamEndEvent"):
                continue
            if name == "DocumentStartEvent":
                if root is not None:
                    raise CannotEdit("the file holds more than one YAML document")
                root = self._node(next(self._events))
        return root

    def _node(self, event: Any) -> Node:
        start, end, anchor = event.start_mark.index, event.end_mark.index, event.anchor
        match type(event).__name__:
            case "AliasEvent":
                return Alias(start, end, None, anchor)
            case "ScalarEvent":
                style = event.style or ""
                tag = self._tag(event)
                if style in ("|", ">"):
                    end = self._end_of_block_scalar(start, end)
                return Scalar(start, end, anchor, event.value, tag, style)
            case "SequenceStartEvent":
                items: list[Node] = []
                while type(event_in := next(self._events)).__name__ != "SequenceEndEvent":
                    item = self._node(event_in)
                    if item.start == item.end:
                        item.start = item.end = self._text.rfind("-", 0, item.start) + 1
                    items.append(item)
                flow = bool(event.flow_style)
                stop = event_in.end_mark.index if flow or not items else items[-1].end
                return Sequence(start, stop, anchor, _collection_tag(event, SEQ), flow, items)
            case "MappingStartEvent":
                entries: list[tuple[Node, Node]] = []
                while type(event_in := next(self._events)).__name__ != "MappingEndEvent":
                    key, value = self._node(event_in), self._node(next(self._events))
                    if value.start == value.end:
                        match = _COLON.match(self._text, key.end)
                        value.start = value.end = match.end() if match else key.end
                    entries.append((key, value))
                flow = bool(event.flow_style)
                stop = event_in.end_mark.index if flow or not entries else entries[-1][1].end
                return Mapping(start, stop, anchor, _collection_tag(event, MAP), flow, entries)
        raise CannotEdit("the file holds something that is not YAML")

    def _tag(self, event: Any) -> str:
        tag = getattr(event, "tag", None)
        if tag and tag != "!":
            return str(tag)
        if tag == "!" or event.style:
            return STR
        return str(self._resolver.resolve(ScalarNode, event.value, event.implicit))

    def _end_of_block_scalar(self, start: int, end: int) -> int:
        """The parser's end is after all blank lines that follow; they are content only under `+`."""
        lines = re.findall(r"[^\n]*\n|[^\n]+", self._text[start:end])
        header = lines[0].split("#")[0]
        indents = [_spaces(line) for line in lines[1:] if line.strip()]
        if "+" not in header:
            while (
                len(lines) > 1
                and not lines[-1].strip(" \r\n")
                and _spaces(lines[-1]) <= min(indents, default=0)
            ):
                end -= len(lines.pop())
        return end - _length_of_break(self._text, end)


def _spaces(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _length_of_break(text: str, end: int) -> int:
    if text[:end].endswith("\r\n"):
        return 2
    return 1 if text[:end].endswith("\n") else 0


def _collection_tag(event: Any, default: str) -> str:
    tag = getattr(event, "tag", None)
    return default if not tag or tag == "!" else str(tag)
