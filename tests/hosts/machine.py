"""One real Debian host while it runs: how to look at it, and how to act on it as a person would."""

import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from tests.hosts.slots import Slot


class HostFailed(Exception):
    """A host did not do what it was asked; the message has what it said."""


@dataclass
class Machine:
    """One running host. `address` and port 22 lead to its sshd, whose only key is `public_key`.

    `name` is what it calls itself; `unique` is its name among all hosts of this machine.
    """

    name: str
    place: int
    unique: str
    gateway: str
    address: str
    public_key: str
    slot: Slot = field(repr=False)
    process: "subprocess.Popen[bytes]" = field(repr=False)
    init: int = 0

    @property
    def room(self) -> Path:
        return self.slot.folder / self.unique

    @property
    def interface(self) -> str:
        return f"ve-{self.unique}"

    def run(self, script: str, *, check: bool = True, stdin: bytes = b"", timeout: float = 60) -> str:
        """The output of a shell script run as root, without any login. Raises HostFailed, with the output."""
        clean = ("env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8")
        command = [
            "nsenter",
            "--target",
            str(self.init),
            "--all",
            "--root",
            "--wd",
            *clean,
            "sh",
            "-c",
            script,
        ]
        return self._said(command, check=check, stdin=stdin, timeout=timeout)

    def as_person(self, person: str, script: str, *, check: bool = True, timeout: float = 60) -> str:
        """The output of a command that somebody (ana, ben, root) gives after logging in over SSH, on a terminal."""
        configuration = str(self.slot.folder / "ssh_config")
        command = ["ssh", "-F", configuration, "-tt", f"{person}@{self.name}", script]
        return self._said(command, check=check, timeout=timeout).replace("\r\n", "\n")

    def _said(self, command: list[str], *, check: bool, timeout: float, stdin: bytes = b"") -> str:
        done = subprocess.run(
            command, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout
        )
        said = done.stdout.decode(errors="replace")
        if check and done.returncode != 0:
            raise HostFailed(f"{self.name}: {command[-1]!r} ended with {done.returncode}:\n{said}")
        return said

    def cut_off(self) -> None:
        """Take the host's interface down: it runs on, and nobody reaches it."""
        self.network("link", "set", "host0", "down")

    def reconnect(self) -> None:
        self.network("link", "set", "host0", "up")
        self.network("route", "replace", "default", "via", self.gateway)

    def network(self, *arguments: str) -> None:
        """Run `ip` on the host's side of the wire."""
        quietly("nsenter", "--target", str(self.init), "--net", "ip", *arguments)

    def log(self) -> str:
        """What the machine wrote to its console."""
        return (self.slot.folder / f"{self.unique}.log").read_text(errors="replace")


def quietly(*command: str) -> None:
    """Run a command of this machine. Raises HostFailed with what it said."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        raise HostFailed(f"{' '.join(command)}: {done.stderr.strip() or done.returncode}")
