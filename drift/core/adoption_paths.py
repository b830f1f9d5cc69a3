"""Paths below the roots that are nobody's to declare, and directories in which every entry counts. Tables only."""

import re
from collections.abc import Iterable
from functools import lru_cache

from deployments.core.redaction import is_secret_path

DEFAULT_ROOTS = ("/etc", "/usr/local/bin", "/usr/local/sbin")
DPKG_STATUS = "/var/lib/dpkg/status"

OWN = "identity of the host, or volatile"
GENERATED = "made from something else on the host"
LEFTOVER = "left by the package manager or an editor"

NOBODYS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        OWN,
        (
            "/etc/machine-id",
            "/etc/mtab",
            "/etc/adjtime",
            "/etc/.pwd.lock",
            "/etc/.updated",
            "/etc/.etckeeper",
            "/etc/.git/**",
            "/etc/ssh/ssh_host_*_key.pub",
            "/etc/network/run/**",
            "/etc/lvm/archive/**",
            "/etc/lvm/backup/**",
            "/etc/cups/subscriptions.conf*",
        ),
    ),
    (
        GENERATED,
        (
            "/etc/ld.so.cache",
            "/etc/alternatives/**",
            "/etc/ssl/certs/**",
            "/etc/ca-certificates/extracted/**",
            "/etc/pki/ca-trust/extracted/**",
            "/etc/rc[0-6S].d/**",
            "/etc/mailcap",
            "/etc/aliases.db",
            "/etc/udev/hwdb.bin",
            "/etc/emacs/site-start.d/**",
            "/etc/apparmor.d/cache/**",
        ),
    ),
    (
        LEFTOVER,
        (
            "*.dpkg-old",
            "*.dpkg-dist",
            "*.dpkg-new",
            "*.dpkg-bak",
            "*.dpkg-tmp",
            "*.ucf-old",
            "*.ucf-dist",
            "*.rpmsave",
            "*.rpmnew",
            "*.rpmorig",
            "*.apk-new",
            "*~",
            "*.swp",
            "/etc/passwd-",
            "/etc/group-",
            "/etc/shadow-",
            "/etc/gshadow-",
            "/etc/subuid-",
            "/etc/subgid-",
        ),
    ),
)
"""Paths that are left out, by reason; globs as of secret paths."""

COVERED: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("users", ("/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow")),
    ("mounts", ("/etc/fstab",)),
    ("cron", ("/etc/crontab", "/etc/cron.d/**", "/var/spool/cron/**")),
    ("sudoers", ("/etc/sudoers", "/etc/sudoers.d/**")),
    ("authorized_keys", ("**/.ssh/authorized_keys", "**/.ssh/authorized_keys2")),
    (
        "services",
        (
            "/etc/systemd/system/*.wants/**",
            "/etc/systemd/system/*.requires/**",
            "/etc/systemd/system/*.d/**",
            "/etc/systemd/user/*.wants/**",
        ),
    ),
)
"""Files whose meaning is compared as resources of a section: one fact is adopted once."""

_EVERY_ENTRY_COUNTS = re.compile(
    r"(?:conf|sites|mods|modules)-enabled|conf\.d|[a-z0-9_-]+\.conf\.d|sysctl\.d|modprobe\.d|modules-load\.d|"
    r"limits\.d|sshd_config\.d|ssh_config\.d|logrotate\.d|profile\.d|apt\.conf\.d|sources\.list\.d|"
    r"preferences\.d|rsyslog\.d|cron\.(?:hourly|daily|weekly|monthly)|update-motd\.d|rules\.d"
)
MOST_ENTRIES = 100
"""A directory with more entries is not made exhaustive by itself: it is somebody's data."""


@lru_cache(maxsize=65536)  # hosts have the same paths
def nobodys(path: str) -> str | None:
    """Why a path is left out whatever is there."""
    return next((reason for reason, globs in NOBODYS if _matches(path, globs)), None)


@lru_cache(maxsize=65536)
def covered_by(path: str, sections: tuple[str, ...]) -> str | None:
    """The section, of those that are adopted and were listed, that says what this file says."""
    return next((name for name, globs in COVERED if name in sections and _matches(path, globs)), None)


def every_entry_counts(path: str) -> bool:
    """Whether whatever lies in this directory takes effect, so that one more entry is a change."""
    return _EVERY_ENTRY_COUNTS.fullmatch(path.rpartition("/")[2]) is not None


def below(path: str, directories: Iterable[str]) -> str | None:
    """The first of `directories` that `path` lies in."""
    return next((each for each in directories if path.startswith(each.rstrip("/") + "/")), None)


def _matches(path: str, globs: tuple[str, ...]) -> bool:
    return is_secret_path(path, globs)
