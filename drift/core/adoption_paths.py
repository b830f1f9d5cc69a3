"""Where an adoption looks, and the directories in which every entry counts."""

import re
from collections.abc import Iterable

DEFAULT_ROOTS = ("/etc", "/usr/local/bin", "/usr/local/sbin")

_EVERY_ENTRY_COUNTS = re.compile(
    r"(?:conf|sites|mods|modules)-enabled|conf\.d|[a-z0-9_-]+\.conf\.d|sysctl\.d|modprobe\.d|modules-load\.d|"
    r"limits\.d|sshd_config\.d|ssh_config\.d|logrotate\.d|profile\.d|apt\.conf\.d|sources\.list\.d|"
    r"preferences\.d|rsyslog\.d|cron\.(?:hourly|daily|weekly|monthly)|update-motd\.d|rules\.d"
)
MOST_ENTRIES = 100
"""A directory with more entries is not made exhaustive by itself: it is somebody's data."""


def every_entry_counts(path: str) -> bool:
    """Whether whatever lies in this directory takes effect, so that one more entry is a change."""
    return _EVERY_ENTRY_COUNTS.fullmatch(path.rpartition("/")[2]) is not None


def below(path: str, directories: Iterable[str]) -> str | None:
    """The first of `directories` that `path` lies in."""
    return next((each for each in directories if path.startswith(each.rstrip("/") + "/")), None)
