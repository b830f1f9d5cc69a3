"""YAML as Ansible's loader reads it (YAML 1.1: `yes` is true, `0755` is octal), with the line of everything.

The document is composed into nodes and turned into values here, so that no tag can build anything but plain
data, repeated keys are seen, and aliases that multiply are stopped.
"""

import re
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

MAX_NODES = 2_000_000
_MAX_DEPTH = 50
_TAG = "tag:yaml.org,2002:"
_FLOAT = re.compile(r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+][0-9]+)?")
_BOOLEANS = {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}


class YamlProblem(ValueError):
    """What is wrong, the line (from 1), and what to do."""

    def __init__(self, message: str, line: int, remedy: str) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.remedy = remedy


class _ShallowComposer(Composer):
    """Stops at the first node that is nested too deeply, before the reader slows down over the rest."""

    _depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise YamlProblem("this is nested too deeply", 0, f"Use at most {_MAX_DEPTH} levels.")
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1


def compose(text: str) -> Node | None:
    """The one document of a text, or None when it is empty; raises YamlProblem."""
    yaml = YAML(typ="safe", pure=True)
    yaml.version = (1, 1)
    yaml.Composer = _ShallowComposer
    try:
        return yaml.compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = " ".join(str(part) for part in (error.context, error.problem) if part)
        line = mark.line + 1 if mark else 0
        raise YamlProblem(
            f"this is not YAML: {what}", line, "Check indentation, quotes and colons there."
        ) from None
    except YamlProblem:
        raise
    except (YAMLError, ValueError) as error:
        what = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise YamlProblem(f"this is not YAML: {what}", 0, "Check that the file is text.") from None


def line_of(node: Node) -> int:
    return node.start_mark.line + 1 if node.start_mark else 0


class Values:
    """Turns nodes into values; one object for a document, because it counts what aliases multiply."""

    def __init__(self) -> None:
        self._nodes = 0

    def value(self, node: Node, depth: int = 0) -> Any:
        """Plain data: None, bool, int, float, str, list, dict. Dates stay the text that was written."""
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise YamlProblem(
                "its aliases multiply into too much data", line_of(node), "Write less with * and &."
            )
        if depth > _MAX_DEPTH:
            raise YamlProblem("this is nested too deeply", line_of(node), f"Use at most {_MAX_DEPTH} levels.")
        if isinstance(node, MappingNode):
            return {key: self.value(item, depth + 1) for key, _, item in self.items(node, depth)}
        if isinstance(node, SequenceNode):
            return [self.value(item, depth + 1) for item in node.value]
        return _scalar(node)

    def items(self, node: MappingNode, depth: int = 0) -> list[tuple[str, int, Node]]:
        """(key as written, line, value node) of a mapping, with `<<` merged in; a repeated key is a problem."""
        if depth > _MAX_DEPTH:
            raise YamlProblem("this is nested too deeply", line_of(node), f"Use at most {_MAX_DEPTH} levels.")
        own: dict[str, tuple[int, Node]] = {}
        merged: dict[str, tuple[int, Node]] = {}
        for key_node, value_node in node.value:
            self._nodes += 1
            if key_node.tag == f"{_TAG}merge":
                for key, line, item in self._merged(value_node, depth):
                    merged.setdefault(key, (line, item))
                continue
            if not isinstance(key_node, ScalarNode):
                raise YamlProblem(
                    "a key is a list or a mapping", line_of(key_node), "Write keys as plain text."
                )
            key = str(key_node.value)
            line = line_of(key_node)
            if key in own:
                raise YamlProblem(
                    f"{key} is written twice here, first on line {own[key][0]}",
                    line,
                    "Join the two, or remove one.",
                )
            own[key] = (line, value_node)
        return [(key, line, item) for key, (line, item) in {**merged, **own}.items()]

    def _merged(self, node: Node, depth: int) -> list[tuple[str, int, Node]]:
        sources = node.value if isinstance(node, SequenceNode) else [node]
        found = []
        for source in sources:
            if not isinstance(source, MappingNode):
                raise YamlProblem(
                    "<< takes a mapping", line_of(source), "Refer to a mapping there, as in <<: *common."
                )
            found += self.items(source, depth + 1)
        return found


def _scalar(node: Node) -> Any:
    tag, text = str(node.tag), node.value
    match tag.removeprefix(_TAG):
        case "null":
            return None
        case "bool":
            return _BOOLEANS.get(text.lower(), text)  # a bare y or n is text, as in Ansible's loader
        case "int":
            return _integer(text)
        case "float":
            return _float(text)
        case "!vault":
            return text if text.lstrip().startswith("$ANSIBLE_VAULT;") else "$ANSIBLE_VAULT;" + text
        case "str" | "timestamp" | "value" | "!unsafe":
            return text
    raise YamlProblem(f"the tag {tag} is not known here", line_of(node), "Write the value without it.")


def _integer(text: str) -> Any:
    digits = text.replace("_", "")
    sign = -1 if digits.startswith("-") else 1
    digits = digits.lstrip("+-")
    try:
        if ":" in digits:
            return sign * _sixties(digits)
        if digits.startswith(("0b", "0x")):
            return sign * int(digits, 0)
        if digits.startswith("0") and len(digits) > 1:
            return sign * int(digits, 8)
        return sign * int(digits)
    except ValueError:
        return text


def _float(text: str) -> Any:
    """A number only with a point, and with a sign in its exponent: 1e3 is text in YAML 1.1."""
    if text.lstrip("+-").lower() in {".inf", ".nan"}:
        return float(text.replace(".", ""))
    return float(text.replace("_", "")) if _FLOAT.fullmatch(text) else text


def _sixties(digits: str) -> int:
    """YAML 1.1 reads 1:30 as ninety."""
    total = 0
    for part in digits.split(":"):
        total = total * 60 + int(part)
    return total
