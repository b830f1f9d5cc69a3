"""Paths that are compared nowhere as files: nobody's, or said by another kind. Tables, for adopting and for watching.

Globs are those of secret paths.
"""

from functools import lru_cache

from deployments.core.redaction import is_secret_path

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
            "/etc/*.lock",
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
            "/etc/xml/*catalog*",
            "/etc/sgml/**",
            "/etc/ssl/certs/java/**",
            "/etc/console-setup/cached*",
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
"""Paths that are left out, by reason."""

COVERED: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("users", ("/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow", "/etc/subuid", "/etc/subgid")),
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

ALSO_SAID: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "services",
        (
            "/etc/systemd/system/*.wants",
            "/etc/systemd/system/*.requires",
            "/etc/systemd/system/*.d",
            "/etc/systemd/user/*.wants",
            "/etc/runlevels/**",
        ),
    ),
    ("sysctl", ("/etc/sysctl.conf", "/etc/sysctl.d/**")),
    ("kernel_modules", ("/etc/modules", "/etc/modules-load.d/**")),
    (
        "packages",
        (
            "/etc/apk/world",
            "/etc/dnf/versionlock.toml",
            "/etc/dnf/plugins/versionlock.list",
            "/etc/yum/pluginconf.d/versionlock.list",
        ),
    ),
)
"""The same for files that are adopted as files, where somebody wants to have them, and that watching need not find
a second time."""
_UNITS = "/etc/systemd/system/"


@lru_cache(maxsize=65536)  # hosts have the same paths
def nobodys(path: str) -> str | None:
    """Why a path is left out whatever is there."""
    return next((reason for reason, globs in NOBODYS if _matches(path, globs)), None)


@lru_cache(maxsize=65536)
def covered_by(path: str, sections: tuple[str, ...]) -> str | None:
    """The section, of those that are adopted and were listed, that says what this file says."""
    return next((name for name, globs in COVERED if name in sections and _matches(path, globs)), None)


@lru_cache(maxsize=65536)
def is_left_out(kind: str, path: str, sections: tuple[str, ...]) -> bool:
    """Whether watching passes over this `kind` of entry (file, directory, symlink): nobody's, or said by one of
    `sections`, those that are watched. The entry of a directory is looked at all the same where only what lies in it
    is said elsewhere."""
    if nobodys(path) is not None or covered_by(path, sections) is not None:
        return True
    if kind == "symlink" and "services" in sections and path.startswith(_UNITS):
        return True  # what is masked, and by which other names a unit is known
    return any(name in sections and _matches(path, globs) for name, globs in ALSO_SAID)


def _matches(path: str, globs: tuple[str, ...]) -> bool:
    return is_secret_path(path, globs)
