"""Regular files: content by digest, owner, group, mode. Content of secret paths by keyed HMAC only."""

from typing import Any

from deployments.kinds.base import Kind
from deployments.kinds.path_entries import Entry

FILES = Kind(
    "file", "files", ("type", "sha256", "hmac", "owner", "group", "mode", "acl", "capabilities", "target")
)

CONTENT_ATTRIBUTES = frozenset({"sha256", "hmac"})
"""Attributes that need the file to be read."""


def file_data(entry: Entry, content: dict[str, str]) -> dict[str, Any]:
    """The state data of a regular file; `content` is `{"sha256": …}`, `{"hmac": …}` or nothing.

    `sha256` is the digest by `deployments.core.content_digests`: keyed where the content holds a secret.
    """
    return {"type": "file", "owner": entry.owner, "group": entry.group, "mode": entry.mode_text, **content}
