"""The collector as something that is installed on a host: a read-only scanning account, and nothing more.

`Kit` says what is installed; `install_script` is one POSIX `sh` program that installs or removes all of it. The
same scanner works with such a host: what it sends ends with a call, which is all that the installed collector reads.
"""

import hashlib
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

DIRECTORY = "/usr/local/lib/foldback"
USER = "foldback-scan"
ROOT_VERBS = ("authorized_keys", "containers", "cron", "firewall", "ports", "sudoers", "sysctl", "who")
"""Verbs that see more as root. None takes an argument, and none reads a file that a question names."""

_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
_DIRECTORY = re.compile(r"(?:/[A-Za-z0-9._-]+){2,}")
_FROM = re.compile(r"[A-Za-z0-9.:/*?!,_-]{1,500}")
_KEY = re.compile(r"(?:ssh|ecdsa|sk-ssh|sk-ecdsa)-[a-z0-9@.-]+ AAAA[A-Za-z0-9+/]+={0,2}")
_HERE = Path(__file__).parent


class KitError(ValueError):
    """What was asked for can't be installed safely; the message says what to do."""


@dataclass(frozen=True)
class Kit:
    """What is installed. `keys` are public key lines; `allowed_from` is a `from=` pattern of OpenSSH, or empty.

    Without `sudo` the account asks for no rights, and what it may not see is unknown. Raises KitError for names
    that could be taken for anything else.
    """

    keys: tuple[str, ...]
    user: str = USER
    directory: str = DIRECTORY
    allowed_from: str = ""
    sudo: bool = True

    def __post_init__(self) -> None:
        if not _USER.fullmatch(self.user) or self.user == "root":
            raise KitError(
                f"{self.user!r} can't be the scanning account: use lower-case letters, digits, - and _."
            )
        if not _DIRECTORY.fullmatch(self.directory) or ".." in self.directory:
            raise KitError(f"{self.directory!r} can't be the directory: use an absolute path of plain names.")
        if self.allowed_from and not _FROM.fullmatch(self.allowed_from):
            raise KitError(
                f"{self.allowed_from!r} can't be a list of addresses as in from= of authorized_keys."
            )
        if not self.keys:
            raise KitError("There is no key that may sign in: give a public key.")
        for key in self.keys:
            if not _KEY.fullmatch(" ".join(key.split()[:2])):
                raise KitError("That is no public key: give a line such as 'ssh-ed25519 AAAA…'.")

    @property
    def program_path(self) -> str:
        return f"{self.directory}/collector"

    @property
    def home(self) -> str:
        """Belongs to root, so that the account can't change its own keys."""
        return f"{self.directory}/home"

    @property
    def sudoers_path(self) -> str:
        return f"/etc/sudoers.d/{self.user}"

    @property
    def root_verbs(self) -> tuple[str, ...]:
        return tuple(verb for verb in ROOT_VERBS if verb in _verbs()) if self.sudo else ()

    def program(self) -> str:
        """The text of the installed collector."""
        settings = [
            f"fb_kit_version={self.version}",
            f"fb_kit_file={self.program_path}",
            f"fb_root_verbs='{' '.join(self.root_verbs)}'",
            f"fb_verbs='{' '.join(_verbs())}'",
        ]
        head = ["#!/bin/sh", f"# Foldback's collector, installed. Version {self.version}.", *settings]
        return "\n".join([*head, "", _sources()])

    @property
    def version(self) -> str:
        """The first 12 hex digits of the SHA-256 of what was put together: hosts with the same have the same."""
        return hashlib.sha256("\n".join([*ROOT_VERBS, _sources()]).encode()).hexdigest()[:12]

    def authorized_keys(self) -> str:
        """Lines of authorized_keys: each key may have the forced command, and nothing else of SSH."""
        options = f'restrict,command="{self.program_path}"'
        if self.allowed_from:
            options += f',from="{self.allowed_from}"'
        return "".join(f"{options} {' '.join(key.split()[:2])} foldback\n" for key in self.keys)

    def sudoers(self) -> str:
        """The file of sudoers; empty without sudo."""
        if not self.root_verbs:
            return ""
        commands = ", \\\n    ".join(f"{self.program_path} {verb}" for verb in self.root_verbs)
        return (
            "# Foldback's scanning account: these commands, each exactly so, and no other.\n"
            f"Defaults:{self.user} env_reset, !requiretty, secure_path=/usr/sbin\\:/usr/bin\\:/sbin\\:/bin\n"
            f"{self.user} ALL=(root) NOPASSWD: NOSETENV: {commands}\n"
        )


def install_script(kit: Kit) -> str:
    """`sh install.sh` installs or updates, `sh install.sh remove` takes everything away. Run by root; may be repeated."""
    names = {
        "@USER@": kit.user,
        "@DIRECTORY@": kit.directory,
        "@HOME@": kit.home,
        "@PROGRAM@": kit.program_path,
        "@SUDOERS@": kit.sudoers_path,
        "@VERSION@": kit.version,
    }
    text = (_HERE / "kit_install.sh").read_text(encoding="ascii")
    for name, value in names.items():
        text = text.replace(name, shlex.quote(value))
    for name, content in {
        "FOLDBACK-PROGRAM": kit.program(),
        "FOLDBACK-KEYS": kit.authorized_keys(),
        "FOLDBACK-SUDOERS": kit.sudoers(),
    }.items():
        assert "\nFOLDBACK-END\n" not in content
        text = text.replace(name, content.rstrip("\n"))
    return text


def _verbs() -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in (_HERE / "verbs").glob("*.sh")))


def _sources() -> str:
    paths = [_HERE / "collector.sh", *(_HERE / "verbs" / f"{verb}.sh" for verb in _verbs()), _HERE / "kit.sh"]
    return "\n".join(path.read_text(encoding="ascii") for path in paths)
