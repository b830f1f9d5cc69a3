"""Directories: owner, group, mode; below an exhaustive one, every entry that nobody declared."""

from typing import Any

from deployments.kinds.base import Kind
from deployments.kinds.path_entries import Entry

DIRECTORIES = Kind("directory", "directories", ("type", "owner", "group", "mode", "acl", "target"))


def directory_data(entry: Entry) -> dict[str, Any]:
    return {"type": "directory", "owner": entry.owner, "group": entry.group, "mode": entry.mode_text}
