"""Hosts over real SSH for tests: directory trees that answer, and ones that misbehave.

A misbehaving host answers the collector's command in one of these ways:

    hang      nothing, for ever                      drip      one byte now and then, for ever
    flood     as much as the connection takes        errors    the same on standard error
    garbage   binary and escape codes, then ends     refuse    exit status 1 and a message
    drop      the connection is cut in the middle    early     ends without reading its input
    lie       a well-formed answer cut short, with the end marker of another run
"""

import asyncio
import os
import time
from collections.abc import Collection, Iterable
from pathlib import Path

import asyncssh

from demo.ssh_server import TreeHost, TreeServer
from deployments.transport.ssh import Credential, SshTransport

USER = "scan"


class HostileServer(TreeServer):
    """A `TreeServer` in which hosts may misbehave, by name. `sent` counts what each wrote."""

    def __init__(
        self, hosts: Iterable[TreeHost], users: dict[str, Collection[str]], misbehave: dict[str, str]
    ) -> None:
        super().__init__(hosts, users)
        self.misbehave = dict(misbehave)
        self.sent: dict[str, int] = {}
        self.logins: dict[str, int] = {}

    async def handle(self, host: TreeHost, process: "asyncssh.SSHServerProcess[bytes]") -> None:
        self.logins[host.name] = self.logins.get(host.name, 0) + 1
        how = self.misbehave.get(host.name)
        if how is None:
            await super().handle(host, process)
            return
        try:
            await getattr(self, f"_{how}")(host, process)
        except (BrokenPipeError, ConnectionError, asyncssh.Error):
            process.close()

    async def _hang(self, host: TreeHost, process: "asyncssh.SSHServerProcess[bytes]") -> None:
        await process.wait_closed()

    async def _drip(self, host: TreeHost, process: "asyncssh.SSHServerProcess[bytes]") -> None:
        while not process.is_closing():
            process.stdout.write(b"x")
            self.sent[host.name] = self.sent.get(host.name, 0) + 1
            await asyncio.sleep(0.02)

    async def _flood(self, host: TreeHost, process: "asyncssh.SSHServerProcess[bytes]") -> None:
        await self._pour(host, process, process.stdout)

    async def _errors(self, host: TreeHost, process: "asyncssh.SSHServerProcess[bytes]") -> None:
        await self._pour(host, process, process.stderr)

    async def _pour(
        self, host: TreeHost, process: "asyncssh.SSHServerProcess[bytes]", into: "asyncssh.SSHWriter[bytes]"
    ) -> None:
        block = b"\0" * 65536
        while not process.is_closing():
            into.write(block)
            self.sent[host.name] = self.sent.get(host.name, 0) + len(block)
            await into.drain()
            await asyncio.sleep(0)

    async def _garbage(self, host: TreeHost, process: "asyncssh.SSHServerProcess[bytes]") -> None:
        process.stdout.write(b"\x1b]0;owned\x07\x1b[2J\0\xff\xfe" + os.urandom(4000))
        process.stderr.write(b"\x1b[31mowned\x1b[0m\r\n")
        process.exit(0)

    async def _refuse(self, host: TreeHost, process: "asyncssh.SSHServerProcess[bytes]") -> None:
        process.stderr.write(b"\x1b[1mNot today.\x1b[0m\n")
        process.exit(1)

    async def _early(self, host: TreeHost, process: "asyncssh.SSHServerProcess[bytes]") -> None:
        process.exit(0)

    async def _drop(self, host: TreeHost, process: "asyncssh.SSHServerProcess[bytes]") -> None:
        process.stdout.write(b"\0some")
        await asyncio.sleep(0.05)
        process.get_extra_info("connection").abort()

    async def _lie(self, host: TreeHost, process: "asyncssh.SSHServerProcess[bytes]") -> None:
        program = await process.stdin.read()
        nonce = program.rsplit(b"foldback '", 1)[1].split(b"'", 1)[0]
        process.stdout.write(
            b"\0%s open\0\0%s begin 1\0clock/1\0\0%s end 1 ok\0\0%s close\0" % (nonce, nonce, nonce, nonce)
        )
        process.exit(0)


class Fleet:
    """Trees, their keys and a credential that logs in to them."""

    def __init__(self, folder: Path, count: int, *, network: str = "127.0.20") -> None:
        self.key = asyncssh.generate_private_key("ssh-ed25519")
        self.credential = Credential(key=self.key)
        self.hosts: list[TreeHost] = []
        for number in range(1, count + 1):
            root = folder / f"h{number}"
            (root / "etc").mkdir(parents=True)
            (root / "etc/motd").write_text(f"host {number}\n")
            self.hosts.append(TreeHost(f"h{number}", f"{network}.{number}", 0, root, TreeHost.new_key()))

    @property
    def users(self) -> dict[str, Collection[str]]:
        return {USER: [self.key.export_public_key("openssh").decode()]}

    def serve(self, **misbehave: str) -> HostileServer:
        return HostileServer(self.hosts, self.users, misbehave)

    def transport(self, server: TreeServer, name: str, **options: object) -> SshTransport:
        host = server.hosts[name]
        settings = {
            "address": host.address,
            "port": server.port(name),
            "user": USER,
            "credential": self.credential,
            "host_keys": (host.public_key,),
            "connect_seconds": 10.0,
        } | options
        return SshTransport(**settings)  # type: ignore[arg-type]


def has_ended(process: int, *, within: float = 5.0) -> bool:
    """Whether a process is gone, or a zombie that only waits for its parent, before `within` seconds are over."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        try:
            status = Path(f"/proc/{process}/stat").read_text()
        except OSError:
            return True
        if status.rpartition(")")[2].split()[0] in ("Z", "X"):
            return True
        time.sleep(0.02)
    return False
