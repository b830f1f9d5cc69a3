"""What tools printed on a host, as verbs of kinds send it before the texts of files.

t/NAME NUL OUTPUT NUL EXIT-STATUS COMPLAINT NUL        as many as there are; then see `host_texts`
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from deployments.collector import reasons
from deployments.collector.reasons import reason
from deployments.kinds.path_entries import GarbledError

MAX_LINES = 50_000
_DENIED = re.compile(rb"permission denied|not permitted|access denied|authentication required", re.IGNORECASE)
_ENDED = re.compile(rb"([0-9]{1,3}) (.{0,400})", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ToolOutput:
    """`text` is what was printed, `failure` the reason why it does not count as whole (None: it does)."""

    text: str
    failure: str | None = None

    @property
    def lines(self) -> list[str]:
        """Without the newlines. A last line that has none was cut, and is left out. Raises GarbledError where there
        are more than a host has."""
        if self.text.count("\n") > MAX_LINES:
            raise GarbledError(f"more than {MAX_LINES} lines")
        return self.text.split("\n")[:-1]


def parse_tools(body: bytes) -> tuple[Mapping[str, ToolOutput], bytes]:
    """(output by name, the rest of the body). Raises GarbledError for a record that is not whole."""
    found: dict[str, ToolOutput] = {}
    while body.startswith(b"t/"):
        try:
            name, output, ended, body = body.split(b"\0", 3)
        except ValueError:
            raise GarbledError("the output of a tool is cut") from None
        match = _ENDED.fullmatch(ended)
        if match is None:
            raise GarbledError("a tool without an exit status")
        failure = None
        if int(match[1]):
            denied = _DENIED.search(match[2])
            failure = reason(
                reasons.DENIED if denied else reasons.READ_ERROR, b"%s: %s" % (name[2:], match[2])
            )
        elif output and not output.endswith(b"\n"):
            failure = reasons.TRUNCATED
        found[name[2:].decode("ascii", "replace")] = ToolOutput(readable(output), failure)
    return found, body


def readable(raw: bytes) -> str:
    """Text that can be stored: bytes that are not UTF-8 are shown as \\xff, so that no two values look alike."""
    return raw.decode("utf-8", "backslashreplace").replace("\0", "\\0")
