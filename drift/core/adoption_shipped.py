"""Which files are as their package brought them: dpkg remembers an MD5 of each of its configuration files."""

import hashlib
import re
from collections.abc import Mapping

_CONFFILE = re.compile(r" (/\S.*) ([0-9a-f]{32})(?: obsolete)?(?: remove-on-upgrade)?")
MOST = 20_000


def conffiles(status: str) -> dict[str, str]:
    """Path → MD5 of the `Conffiles` fields of /var/lib/dpkg/status; what is not as documented is skipped."""
    found: dict[str, str] = {}
    inside = False
    for line in status.split("\n"):
        if not line.startswith(" "):
            inside = line.rstrip() == "Conffiles:"
        elif inside and (match := _CONFFILE.fullmatch(line)) and len(found) < MOST:
            found[match[1]] = match[2]
    return found


def shipped_paths(known: Mapping[str, str], contents: Mapping[str, bytes]) -> list[str]:
    """The paths of `contents` (path → what is in the file, unredacted) that have the MD5 that is known of them."""
    return sorted(
        path
        for path, content in contents.items()
        if path in known and hashlib.md5(content, usedforsecurity=False).hexdigest() == known[path]
    )
