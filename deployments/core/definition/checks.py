"""What may stand in one attribute: each check takes the parsed node and answers None or a Fault."""

import re
import unicodedata
from collections.abc import Callable

from deployments.core.definition.yaml_read import Fault, Mapping, Node, Scalar, Sequence

Check = Callable[[Node], Fault | None]

MAX_PATH_BYTES = 4096
MAX_NAME_BYTES = 255
_MODE = re.compile(r"[0-7]{4}")
_ACCOUNT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,63}\$?")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@:-]{0,127}")
_LAYER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}")


def has_control_characters(text: str) -> bool:
    """Whether `text` holds a newline, a NUL, an escape or any other character that shows nothing."""
    return not text.isprintable() and any(
        unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp") for char in text
    )


def absolute_path(path: str) -> Fault | None:
    """The path of a resource on a host: absolute and in its one normal form."""
    if has_control_characters(path):
        return Fault("a path holds a control character or a line break.", "Remove it.")
    if not path.startswith("/"):
        return Fault(f"'{path}' is not an absolute path.", "Begin it with a slash, as in /etc/motd.")
    if fault := _parts(path, path[1:].split("/") if path != "/" else []):
        return fault
    return None


def file_path(path: str) -> Fault | None:
    if path == "/":
        return Fault("'/' is a directory.", "Declare it under directories.")
    return absolute_path(path)


def relative_path(path: str) -> Fault | None:
    """A path inside a layer's files or templates."""
    if has_control_characters(path):
        return Fault("a path holds a control character or a line break.", "Remove it.")
    if path.startswith("/"):
        return Fault(f"'{path}' must be relative to the layer's own directory.", "Remove the leading slash.")
    return _parts(path, path.split("/"))


def _parts(path: str, parts: list[str]) -> Fault | None:
    if any(part in ("..", ".") for part in parts):
        return Fault(f"'{path}' holds '.' or '..'.", "Write the path out.")
    if "" in parts:
        return Fault(f"'{path}' has an empty part.", "Remove the doubled or trailing slash.")
    if len(path.encode()) > MAX_PATH_BYTES or any(len(part.encode()) > MAX_NAME_BYTES for part in parts):
        return Fault(
            "a path is longer than a file system allows.", f"Keep each name within {MAX_NAME_BYTES} bytes."
        )
    return None


def layer_name(name: str) -> Fault | None:
    """The name of an environment, a role or a host as a directory."""
    if _LAYER_NAME.fullmatch(name):
        return None
    remedy = "Use letters, digits, '.', '_' and '-', beginning with a letter or a digit."
    return Fault(f"'{name}' can't be the name of an environment, role or host.", remedy)


def text(node: Node) -> Fault | None:
    if isinstance(node, Scalar) and isinstance(node.value, str):
        return None
    return _expected("text", node, "Put it in quotes." if isinstance(node, Scalar) else "Write one text.")


def boolean(node: Node) -> Fault | None:
    if isinstance(node, Scalar) and isinstance(node.value, bool):
        return None
    return _expected("true or false", node, "Write true or false, without quotes.")


def mode(node: Node) -> Fault | None:
    if not isinstance(node, Scalar):
        return _expected("a mode", node, 'Write four octal digits in quotes, as in mode: "0644".')
    if isinstance(node.value, str) and _MODE.fullmatch(node.value):
        return None
    digits = node.text.removeprefix("0o").lstrip("0")
    suggestion = digits.zfill(4) if re.fullmatch(r"[0-7]{1,4}", digits) else "0644"
    if not isinstance(node.value, str):
        message = f"{node.text} is a number to YAML, which forgets leading zeros and knows no octal digits."
        return Fault(message, f'Write it in quotes with four digits: mode: "{suggestion}".')
    return Fault(
        f"'{node.text[:40]}' is not a mode.", f'Write four octal digits in quotes: mode: "{suggestion}".'
    )


def account(node: Node) -> Fault | None:
    """The name of a user or group; a number in quotes only where the host has no name for it."""
    if not isinstance(node, Scalar):
        return _expected("a name", node, "Write one name.")
    if node.text == "0":
        return Fault("0 is never seen as an owner or group: hosts show its name.", "Write root.")
    if not isinstance(node.value, str):
        return _expected(
            "a name", node, f'Write the name; for a number without a name, quote it: "{node.text}".'
        )
    if _ACCOUNT.fullmatch(node.value):
        return None
    return Fault(
        f"'{node.value[:80]}' can't be the name of a user or group.", "Write the name as the host has it."
    )


def presence(node: Node) -> Fault | None:
    if isinstance(node, Scalar) and node.value in ("present", "absent"):
        return None
    return _expected("present or absent", node, "Write state: absent to remove, or leave it out.")


def link_target(node: Node) -> Fault | None:
    if fault := text(node):
        return fault
    target = node.value if isinstance(node, Scalar) else ""
    if not target:
        return Fault("the target is empty.", "Name what the link points to.")
    if has_control_characters(target):
        return Fault("the target holds a control character or a line break.", "Remove it.")
    if len(target.encode()) > MAX_PATH_BYTES:
        return Fault("the target is longer than a file system allows.", "Shorten it.")
    return None


def layer_file(node: Node) -> Fault | None:
    if fault := text(node):
        return fault
    return relative_path(node.value) if isinstance(node, Scalar) else None


def secret_name(node: Node) -> Fault | None:
    return _name(node, "a secret")


def service_names(node: Node) -> Fault | None:
    if not isinstance(node, Sequence):
        return _expected("a list of services", node, "Write a list, as in notify: [nginx].")
    return next((fault for item in node.items if (fault := _name(item, "a service"))), None)


def _name(node: Node, what: str) -> Fault | None:
    if fault := text(node):
        return fault
    if isinstance(node, Scalar) and _NAME.fullmatch(node.text):
        return None
    shown = node.text[:80] if isinstance(node, Scalar) else ""
    return Fault(
        f"'{shown}' can't be the name of {what}.", "Use letters, digits, '.', '_', '@', ':' and '-'."
    )


def _expected(what: str, node: Node, remedy: str) -> Fault:
    return Fault(f"expected {what}, found {describe(node)}.", remedy)


def describe(node: Node) -> str:
    """What a node is, in words for a message."""
    match node:
        case Sequence():
            return "a list"
        case Mapping():
            return "a mapping"
        case Scalar(value=None):
            return "nothing"
        case Scalar(value=bool(), text=shown):
            return f"the truth value {shown}"
        case Scalar(value=int() | float(), text=shown):
            return f"the number {shown[:40]}"
        case Scalar(text=shown):
            return f"'{shown[:40]}'"
