"""OpenSSH's own server, run as the current user on loopback, for tests. Nothing outside `folder` is written."""

import contextlib
import os
import pwd
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncssh
import pytest

from deployments.transport.ssh import Credential, SshTransport
from tests.needs import sshd_path

KINDS = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa")


@dataclass(frozen=True)
class Sshd:
    port: int
    user: str
    credential: Credential
    host_keys: tuple[str, ...]
    log: Path

    @property
    def asked_to_sign_in(self) -> bool:
        """Whether a client got as far as authentication. Needs `LogLevel DEBUG1`."""
        return "userauth-request" in self.log.read_text(errors="replace")

    def transport(self, **options: object) -> SshTransport:
        settings = {
            "address": "127.0.0.1",
            "port": self.port,
            "user": self.user,
            "credential": self.credential,
            "host_keys": self.host_keys,
        } | options
        return SshTransport(**settings)  # type: ignore[arg-type]


@contextlib.contextmanager
def running_sshd(
    folder: Path, *lines: str, with_keys: Callable[[Path], Sequence[str]] = lambda folder: ()
) -> Iterator[Sshd]:
    """A server with these additional lines in its configuration; skips the test where it can't run.

    `with_keys` may do something with the host keys (`host_ssh-ed25519` and `.pub` in the folder), and adds lines.
    """
    server = sshd_path()
    if server is None:
        pytest.skip("no sshd (apt install openssh-server)")
    me = pwd.getpwuid(os.geteuid())
    if me.pw_shell.endswith(("nologin", "false")):
        pytest.skip(f"{me.pw_name} has no login shell, so sshd would refuse it")
    if os.geteuid() == 0:
        # sshd wants its empty directory for privilege separation; Debian makes it at boot.
        with contextlib.suppress(OSError):
            os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    public = []
    for kind in KINDS:
        key = asyncssh.generate_private_key(kind)
        path = folder / f"host_{kind}"
        path.write_bytes(key.export_private_key("openssh"))
        path.chmod(0o600)
        path.with_suffix(".pub").write_bytes(key.export_public_key("openssh"))
        public.append(" ".join(key.export_public_key("openssh").decode().split()[:2]))
    login = asyncssh.generate_private_key("ssh-ed25519")
    (folder / "authorized_keys").write_bytes(login.export_public_key("openssh"))
    (folder / "authorized_keys").chmod(0o600)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    configuration = [
        f"Port {port}",
        "ListenAddress 127.0.0.1",
        *(f"HostKey {folder}/host_{kind}" for kind in KINDS),
        f"AuthorizedKeysFile {folder}/authorized_keys",
        "PidFile none",
        "StrictModes no",
        "UsePAM no",
        "PasswordAuthentication no",
        "KbdInteractiveAuthentication no",
        "PermitRootLogin prohibit-password",
        *lines,
        *with_keys(folder),
    ]
    (folder / "sshd_config").write_text("\n".join(configuration) + "\n")
    log = folder / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [server, "-D", "-e", "-f", str(folder / "sshd_config")], stdout=out, stderr=out
        )
    try:
        _wait_for(port, process, log)
        yield Sshd(port, me.pw_name, Credential(key=login), tuple(public), log)
    finally:
        process.terminate()
        process.wait(timeout=10)


def _wait_for(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    process.kill()
    pytest.fail(f"sshd did not start: {log.read_text(errors='replace')}")
