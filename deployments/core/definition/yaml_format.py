"""Values as YAML text, the way a careful person would write them into a resources.yaml.

Nothing here promises that the text is read back as meant; `edit` proves that for each edit by re-parsing.
"""

import re
from collections.abc import Mapping
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.nodes import ScalarNode

from deployments.core.definition.yaml_tree import BOOL, FLOAT, INT, MAP, NULL, SEQ, STR, CannotEdit, Frozen

LONGEST_LINE = 110
ALWAYS_QUOTED = frozenset({"mode"})
"""Attributes that other YAML readers take for an octal or decimal number when they are bare."""

_PLAIN = re.compile(r"(?:[A-Za-z/_]|\.{1,2}/)[\w./@+-]*", re.ASCII)
_OTHER_MEANING = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null"))
"""Bare words that some YAML reader takes for something else than text."""
_NOT_LITERAL = re.compile(
    "[^\t\n -~\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]|[\u2028\u2029]"
)
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\0": "\\0", "\x1b": "\\e"}
_RESOLVER = YAML(typ="safe", pure=True).resolver


def frozen(value: Any) -> Frozen:
    """A Python value as `yaml_tree.freeze` would show it once written and read. Raises CannotEdit."""
    match value:
        case None:
            return (NULL, "")
        case bool():
            return (BOOL, plain_text(value))
        case int():
            return (INT, plain_text(value))
        case float():
            return (FLOAT, plain_text(value))
        case str():
            return (STR, value)
        case list() | tuple():
            return (SEQ, tuple(frozen(item) for item in value))
        case Mapping():
            return (MAP, tuple((frozen(key), frozen(item)) for key, item in value.items()))
    raise CannotEdit(f"a value of type {type(value).__name__} can't be written as YAML")


def plain_text(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case float() if value != value or value in (float("inf"), float("-inf")):
            return ".nan" if value != value else ".inf" if value > 0 else "-.inf"
    return str(value)


def is_multiline(text: str) -> bool:
    """More than one line: text that a person would rather read as a block."""
    return "\n" in text.rstrip("\n")


def has_multiline(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(has_multiline(item) for item in value.values())
    return isinstance(value, str) and is_multiline(value)


def reads_as_text(text: str) -> bool:
    """True when `text` written bare is text to every YAML reader, in flow and in block style."""
    if not _PLAIN.fullmatch(text) or text.lower() in _OTHER_MEANING:
        return False
    return str(_RESOLVER.resolve(ScalarNode, text, (True, False))) == STR


def double_quoted(text: str) -> str:
    return '"' + "".join(_escaped(char) for char in text) + '"'


def _escaped(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if not _NOT_LITERAL.match(char) and char != "\xa0":
        return char
    code = ord(char)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def single_quoted(text: str) -> str | None:
    """None where single quotes can't hold the text on one line."""
    if "\n" in text or "\t" in text or _NOT_LITERAL.search(text):
        return None
    return "'" + text.replace("'", "''") + "'"


def inline(value: Any, *, key: str = "", style: str = "") -> str:
    """The value on one line, as it may stand in flow and in block style.

    `style` is the quote of the scalar that it replaces: `'`, `"`, or empty for bare text where that is safe.
    """
    match value:
        case str():
            if key not in ALWAYS_QUOTED and style == "" and reads_as_text(value):
                return value
            if style == "'" and (quoted := single_quoted(value)) is not None:
                return quoted
            return double_quoted(value)
        case list() | tuple():
            return "[" + ", ".join(inline(item) for item in value) + "]"
        case Mapping():
            pairs = (f"{inline(name)}: {inline(item, key=name)}" for name, item in value.items())
            return "{" + ", ".join(pairs) + "}"
    return plain_text(value)


def literal(text: str, *, indent: int, step: int) -> tuple[str, list[str]] | None:
    """`text` as a literal block: its header (`|`, `|-`, `|2+`, …) and its lines; None where it can't be one.

    `indent` is the column of the key that holds it, `step` how much deeper its lines stand.
    """
    if not text.strip() or _NOT_LITERAL.search(text):
        return None
    chomping = (
        "" if text.endswith("\n") and not text.endswith("\n\n") else "+" if text.endswith("\n") else "-"
    )
    lines = text.split("\n")
    if text.endswith("\n"):
        lines.pop()
    first = next(number for number, line in enumerate(lines) if line.strip())
    deeper = any(line.startswith((" ", "\t")) for line in lines[: first + 1])
    indicator = str(step) if deeper else ""
    margin = " " * (indent + step)
    return f"|{indicator}{chomping}", [margin + line if line else "" for line in lines]


def entry(key: str, value: Any, *, indent: int, step: int, flat: bool, blocks: bool) -> list[str]:
    """`key: value` as lines of a block mapping whose keys stand in column `indent`.

    `flat` writes a mapping that holds no mapping (nor a resource taken back) as `{…}` where it fits; `blocks` allows literal blocks.
    """
    head = " " * indent + inline(key) + ":"
    if isinstance(value, str) and blocks and is_multiline(value):
        block = literal(value, indent=indent, step=step)
        if block is not None:
            return [f"{head} {block[0]}", *block[1]]
    line = f"{head} {inline(value, key=key)}"
    if not isinstance(value, Mapping) or not value:
        return [line]
    nested = any(item is None or (isinstance(item, Mapping) and item) for item in value.values())
    if flat and not nested and len(line) <= LONGEST_LINE and not (blocks and has_multiline(value)):
        return [line]
    lines = [head]
    for name, item in value.items():
        lines += entry(name, item, indent=indent + step, step=step, flat=flat, blocks=blocks)
    return lines
