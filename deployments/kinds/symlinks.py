"""Symbolic links: their target, as written. A link has no mode of its own, and it is never followed."""

from typing import Any

from deployments.kinds.base import Kind
from deployments.kinds.path_entries import Entry

SYMLINKS = Kind("symlink", "symlinks", ("type", "target", "owner", "group"))


def symlink_data(entry: Entry, target: str) -> dict[str, Any]:
    return {"type": "symlink", "target": target, "owner": entry.owner, "group": entry.group}
