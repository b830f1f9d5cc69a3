"""Why something is unknown: stable codes, each with an optional detail after a colon.

Pages group by the code and people read the detail, which may come from a host: it is made printable and short.
"""

import re

GARBLED = "garbled"
TRUNCATED = "truncated"
OVER_LIMIT = "over limit"
DENIED = "denied"
TIMED_OUT = "timed out"
UNREACHABLE = "unreachable"
REFUSED = "connection refused"
CONNECTION_LOST = "connection lost"
PROTOCOL = "protocol error"
HOST_KEY_CHANGED = "host key changed"
HOST_KEY_UNKNOWN = "host key not enrolled"
HOST_KEY_REVOKED = "host key revoked"
HOST_CERTIFICATE_DATE = "host certificate not in date"
HOST_CERTIFICATE_NAME = "host certificate for another name"
AUTHENTICATION = "authentication failed"
JUMP_HOST = "jump host failed"
TOOL_MISSING = "tool missing"
SUDO_REFUSED = "sudo refused"
COMMAND_REFUSED = "command refused"
NO_ROOT = "root missing"
DECOMMISSIONED = "decommissioned"
OUTDATED = "outdated"
ROOT_REFUSED = "local root not allowed"
OUTSIDE_ROOT = "outside the root"
CHANGED = "changed while being read"
SECRET = "secret path"
NOT_TEXT_NAME = "name is not UTF-8"
NOT_TEXT = "not text"
OTHER_FILE_SYSTEM = "other file system"
NOT_A_DIRECTORY = "not a directory"
NOT_SUPPORTED = "not supported"
NOT_ASKED = "not asked"
READ_ERROR = "read error"
CANCELLED = "cancelled"
INTERNAL = "internal error"

RETRYABLE = frozenset({REFUSED, CONNECTION_LOST})
"""Codes of failures to connect that may pass by themselves, and soon. (What takes its time to fail, as an address that
nobody answers at, has been tried for as long already.)"""


def reason(code: str, detail: object = "") -> str:
    """`"denied"` or `"tool missing: sha256sum"`."""
    text = printable(detail)
    return f"{code}: {text}" if text else code


def code_of(text: str) -> str:
    """The stable part of a reason."""
    return text.split(":", 1)[0]


def printable(value: object, limit: int = 200) -> str:
    """What a host said, on one line, without control characters, not longer than `limit`."""
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    text = " ".join(re.sub(r"[^\w\s!-~]|[\x00-\x1f\x7f-\x9f]", " ", text[: limit * 4]).split())
    return text if len(text) <= limit else text[: limit - 1] + "…"
