"""Folders of settings, as systemd, sysctl and modprobe read them: `sysctl.d`, `modules-load.d`, `modprobe.d`."""

from collections.abc import Mapping, Sequence

PLACES = ("/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib")
"""Of two files with the same name, the one in the first of these counts."""


def in_effect(texts: Mapping[str, str], folder: str) -> list[str]:
    """The paths of the files that count, in the order in which they are read: by name, wherever they are."""
    by_name: dict[str, str] = {}
    for place in reversed(PLACES):
        for path in texts:
            above, _, name = path.rpartition("/")
            if above == f"{place}/{folder}":
                by_name[name] = path
    return [by_name[name] for name in sorted(by_name)]


def settings(text: str, comments: Sequence[str] = ("#", ";")) -> list[str]:
    """The lines of one file without comments and empty ones; a backslash at the end continues a line."""
    lines = (line.strip() for line in text.replace("\\\n", " ").split("\n"))
    return [line for line in lines if line and not line.startswith(tuple(comments))]
