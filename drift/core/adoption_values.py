"""Values on their way into a resources.yaml: whether the definition takes them, and names made from paths."""

import hashlib
import re
from collections.abc import Mapping as MappingType
from typing import Any

from deployments.core.definition.section import Section
from deployments.core.definition.yaml_read import Mapping, Node, Scalar, Sequence
from deployments.core.git_safety import UnsafeGitName, check_tree_path

LONGEST_INLINE = 76
_NAME = 120


def fault_of(section: Section, attribute: str, value: Any) -> str:
    """What the definition would find wrong with this value; empty where nothing."""
    fault = section.attributes[attribute](_node(value))
    return fault.message if fault else ""


def _node(value: Any) -> Node:
    if isinstance(value, MappingType):
        return Mapping(1, [(Scalar(1, str(key), str(key)), _node(item)) for key, item in value.items()])
    if isinstance(value, list | tuple):
        return Sequence(1, [_node(item) for item in value])
    return Scalar(1, "" if value is None else str(value), value)


def secret_name(path: str) -> str:
    """A name for the secret in a file: `/etc/app/db.password` → `etc-app-db.password`."""
    name = re.sub(r"[^A-Za-z0-9._@-]+", "-", path).strip("-._@")
    if name and len(name) <= _NAME:
        return name
    return f"{name[:80].strip('-._@') or 'secret'}-{hashlib.sha256(path.encode()).hexdigest()[:12]}"


def is_short(text: str) -> bool:
    """Whether a content reads best beside its file's name: one short line of ordinary characters."""
    line = text.removesuffix("\n")
    return "\n" not in line and len(line) <= LONGEST_INLINE and line.isprintable()


def fits_a_tree(path: str) -> bool:
    """Whether Git takes a file of this path."""
    try:
        check_tree_path(path)
    except UnsafeGitName:
        return False
    return not any(len(part.encode()) > 250 for part in path.split("/"))
