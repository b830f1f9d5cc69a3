"""Directory trees as SSH hosts, for the demonstration and for tests.

One process serves any number of hosts, each on a loopback address and port of its own with its own host key.
A person's or the scanner's key logs in; whatever is asked for, only the collector's command is answered, and it
really runs: `/bin/sh -s` in a process group of its own with FOLDBACK_ROOT set to the host's tree. It is the
same as a forced command in `authorized_keys`. There is no shell, no terminal, no forwarding, no file transfer.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import asyncssh

from deployments.collector.wire import COMMAND

SESSION_SECONDS = 300.0
_CHUNK = 64 * 1024
REFUSAL = b"This account only runs the collector.\n"


@dataclass(frozen=True)
class TreeHost:
    """One host: `root` is its directory tree, `host_key` a private key in OpenSSH's format.

    Port 0 takes a free one, see `TreeServer.port`.
    """

    name: str
    address: str
    port: int
    root: Path
    host_key: bytes = field(repr=False)

    @classmethod
    def new_key(cls, algorithm: str = "ssh-ed25519") -> bytes:
        """A new private host key, to be kept where only we read it."""
        return asyncssh.generate_private_key(algorithm).export_private_key("openssh")

    @property
    def public_key(self) -> str:
        """The line to pin: algorithm and key, without a comment."""
        key = asyncssh.import_private_key(self.host_key)
        return " ".join(key.export_public_key("openssh").decode("ascii").split()[:2])


class TreeServer:
    """Serves hosts until it is closed.

        async with TreeServer(hosts, users={"scan": [public key line]}) as server: …

    `users` maps names to the public keys that may log in as them.
    """

    def __init__(
        self,
        hosts: Iterable[TreeHost],
        users: dict[str, Collection[str]],
        *,
        shell: tuple[str, ...] = ("/bin/sh", "-s"),
        path: str | None = None,
    ) -> None:
        self.hosts = {host.name: host for host in hosts}
        self._users = {
            name: {asyncssh.import_public_key(line) for line in keys} for name, keys in users.items()
        }
        self._shell = shell
        self._path = path or os.environ.get("PATH") or os.defpath
        self._acceptors: dict[str, asyncssh.SSHAcceptor] = {}

    async def __aenter__(self) -> "TreeServer":
        try:
            for host in self.hosts.values():
                await self.start(host)
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def start(self, host: TreeHost) -> None:
        """Begin to serve one host. Raises OSError when its address or port can't be had."""
        self.hosts[host.name] = host
        self._acceptors[host.name] = await asyncssh.listen(
            host.address,
            host.port,
            server_factory=lambda: _Login(self._users),
            server_host_keys=[asyncssh.import_private_key(host.host_key)],
            process_factory=lambda process: self.handle(host, process),
            encoding=None,
            config=[],
            allow_pty=False,
            agent_forwarding=False,
            x11_forwarding=False,
            password_auth=False,
            kbdint_auth=False,
            gss_host=None,
            compression_algs=["none"],
            login_timeout=20,
        )

    async def stop(self, name: str) -> None:
        """Stop serving one host, as if it were switched off: open connections are dropped."""
        acceptor = self._acceptors.pop(name)
        acceptor.close()
        await acceptor.wait_closed()

    async def close(self) -> None:
        for name in list(self._acceptors):
            await self.stop(name)

    def port(self, name: str) -> int:
        """The port on which a host is served."""
        return self._acceptors[name].get_port()

    async def handle(self, host: TreeHost, process: "asyncssh.SSHServerProcess[bytes]") -> None:
        """Answer one command. Tests override it to misbehave."""
        if process.command != COMMAND:
            process.stderr.write(REFUSAL)
            process.exit(126)
            return
        process.exit(await self._run(host, process))

    async def _run(self, host: TreeHost, process: "asyncssh.SSHServerProcess[bytes]") -> int:
        child = await asyncio.create_subprocess_exec(
            *self._shell,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd="/",
            env={"PATH": self._path, "FOLDBACK_ROOT": str(host.root)},
            start_new_session=True,
        )
        talks = asyncio.create_task(_talk(process, child))
        leaves = asyncio.create_task(process.wait_closed())
        try:
            await asyncio.wait({talks, leaves}, timeout=SESSION_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            return talks.result() if talks.done() else 255
        except (OSError, asyncssh.Error):
            return 255
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            leaves.cancel()
            talks.cancel()
            await child.wait()


async def _talk(process: "asyncssh.SSHServerProcess[bytes]", child: asyncio.subprocess.Process) -> int:
    """Carry bytes both ways until the child has written all; its exit status."""
    assert child.stdin is not None and child.stdout is not None and child.stderr is not None
    inward = asyncio.create_task(_pump(process.stdin, child.stdin))
    try:
        await asyncio.gather(_pump(child.stdout, process.stdout), _pump(child.stderr, process.stderr))
        return await child.wait()
    finally:
        inward.cancel()


async def _pump(
    source: "asyncio.StreamReader | asyncssh.SSHReader[bytes]",
    sink: "asyncio.StreamWriter | asyncssh.SSHWriter[bytes]",
) -> None:
    with contextlib.suppress(BrokenPipeError, ConnectionError):  # nobody reads any more
        while chunk := await source.read(_CHUNK):
            sink.write(chunk)
            await sink.drain()
        if isinstance(sink, asyncio.StreamWriter):
            sink.close()


class _Login(asyncssh.SSHServer):
    def __init__(self, users: dict[str, set[asyncssh.SSHKey]]) -> None:
        self._users = users

    def begin_auth(self, username: str) -> bool:
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return key in self._users.get(username, ())


async def serve_trees(hosts: Iterable[TreeHost], users: dict[str, Collection[str]]) -> TreeServer:
    """Start serving; call `close()` on what it returns."""
    return await TreeServer(hosts, users).__aenter__()
