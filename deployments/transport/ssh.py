"""SSH with asyncssh: strict host keys, one credential, nothing from this machine's own SSH set-up.

The host's pinned keys, and those that a trusted host CA has signed for it, are the only ones that are trusted (see
host_trust.py); another, an unknown or a revoked one ends the connection before authentication. No agent, no configuration file, no default keys, no forwarding, no
compression (a small answer could unpack to a huge one), no terminal.
"""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncssh

from deployments.collector import reasons
from deployments.transport.base import STDERR_KEPT, Answer, Session, TransportFailure
from deployments.transport.host_trust import HostTrust, TrustingClient
from deployments.transport.ssh_errors import as_failure

_WINDOW = 512 * 1024
_WATCH_SECONDS = 0.5
# What may go over the wire besides the output that is asked for: handshake, framing, key exchange.
_OVERHEAD_BYTES = 4 * 1024 * 1024
_TCP_INFO_BYTES_RECEIVED = 128  # offset of tcpi_bytes_received in Linux's struct tcp_info


@dataclass(frozen=True)
class Credential:
    """How we log in: a private key, or a password. Never both, never anything that is lying around here."""

    key: asyncssh.SSHKey | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)

    @classmethod
    def private_key(cls, data: bytes, passphrase: str | None = None) -> "Credential":
        """From the bytes of a private key file. Raises ValueError when it can't be read."""
        try:
            return cls(key=asyncssh.import_private_key(data, passphrase))
        except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
            raise ValueError(f"the private key can't be read: {error}") from error


@dataclass(frozen=True)
class SshTransport:
    """A way to one host. `host_keys`, `revoked_keys` and `ca_keys` are public key lines as in OpenSSH's files.

    A host with no pinned key is trusted if one of `ca_keys` has signed its key for one of `names` or its address.
    """

    address: str
    user: str
    credential: Credential
    host_keys: Sequence[str]
    port: int = 22
    revoked_keys: Sequence[str] = ()
    ca_keys: Sequence[str] = ()
    names: Sequence[str] = ()
    connect_seconds: float = 15.0
    wire_bytes: int = 64 * 1024 * 1024
    """All that the host may send in one connection, whatever it calls it."""

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        if not self.host_keys and not self.ca_keys:
            raise TransportFailure(reasons.HOST_KEY_UNKNOWN, "enrol the host first")
        connection, guard = await self._connect()
        watch = asyncio.create_task(guard.watch())
        try:
            yield _SshSession(connection, guard)
        finally:
            watch.cancel()
            await _close(connection)

    async def _connect(self) -> tuple[asyncssh.SSHClientConnection, "_Guard"]:
        trust = HostTrust(self.host_keys, self.ca_keys, self.revoked_keys, (*self.names, self.address))
        client = TrustingClient(trust)
        try:
            async with asyncio.timeout(self.connect_seconds):
                sock = await _dial(self.address, self.port)
                guard = _Guard(sock, self.wire_bytes + _OVERHEAD_BYTES)
                watch = asyncio.create_task(guard.watch())
                try:
                    guard.connection = await asyncssh.connect(
                        self.address,
                        self.port,
                        sock=sock,
                        client_factory=lambda: client,
                        **self._options(trust),
                    )
                finally:
                    watch.cancel()
                    if not client.connected:  # nobody else has taken it over
                        sock.close()
        except (OSError, asyncssh.Error, TimeoutError) as error:
            if (refused := client.refusal) is not None:
                raise TransportFailure(refused.code, refused.detail, offered=refused.offered) from error
            raise as_failure(error) from error
        return guard.connection, guard

    def _options(self, trust: HostTrust) -> dict[str, Any]:
        key, password = self.credential.key, self.credential.password
        return {
            "username": self.user,
            "known_hosts": trust.known_hosts(),
            "server_host_key_algs": trust.algorithms(),
            "client_keys": None if key is None else [key],  # an empty list would mean ~/.ssh
            "client_certs": [],
            "password": password,
            "preferred_auth": ["publickey"] if key is not None else ["password", "keyboard-interactive"],
            "public_key_auth": key is not None,
            "password_auth": password is not None,
            "kbdint_auth": password is not None,
            "host_based_auth": False,
            "gss_host": None,
            "gss_kex": False,
            "gss_auth": False,
            "agent_path": None,
            "agent_forwarding": False,
            "pkcs11_provider": None,
            "x509_trusted_certs": None,
            "x509_trusted_cert_paths": [],
            "config": [],
            "compression_algs": ["none"],
            "send_env": None,
            "env": None,
            "connect_timeout": self.connect_seconds,
            "login_timeout": self.connect_seconds,
        }


class _Guard:
    """Ends a connection that sends more than it may, in packets of any kind. The kernel does the counting."""

    def __init__(self, sock: socket.socket, limit: int) -> None:
        self._sock, self._limit = sock, limit
        self.connection: asyncssh.SSHClientConnection | None = None
        self.exceeded = False

    async def watch(self) -> None:
        while self._received() <= self._limit:
            await asyncio.sleep(_WATCH_SECONDS)
        self.exceeded = True
        if self.connection is not None:
            self.connection.abort()
        else:
            with contextlib.suppress(OSError):
                self._sock.shutdown(socket.SHUT_RDWR)

    def _received(self) -> int:
        try:
            info = self._sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
        except (OSError, AttributeError):  # closed by now, or not Linux
            return 0
        if len(info) < _TCP_INFO_BYTES_RECEIVED + 8:
            return 0
        return int(struct.unpack_from("=Q", info, _TCP_INFO_BYTES_RECEIVED)[0])


class _SshSession:
    def __init__(self, connection: asyncssh.SSHClientConnection, guard: _Guard) -> None:
        self._connection, self._guard = connection, guard

    async def run(self, command: str, stdin: bytes, *, max_output: int, timeout: float) -> Answer:
        channel = _Channel(max_output)
        try:
            async with asyncio.timeout(timeout):
                writer, _ = await self._connection.create_session(
                    lambda: channel, command, encoding=None, window=_WINDOW, request_pty=False
                )
                with contextlib.suppress(BrokenPipeError):  # it need not read what we send
                    writer.write(stdin)
                    writer.write_eof()
                await channel.closed
        except (OSError, asyncssh.Error, TimeoutError) as error:
            if not isinstance(error, asyncssh.ChannelOpenError):
                self._connection.abort()
            raise self._failure(error, channel) from error
        except BaseException:
            self._connection.abort()
            raise
        if channel.error is not None or channel.over_limit or self._guard.exceeded:
            raise self._failure(channel.error, channel)
        return Answer(bytes(channel.output), bytes(channel.errors), channel.exit_status)

    def _failure(self, error: BaseException | None, channel: "_Channel") -> TransportFailure:
        output = bytes(channel.output)
        if channel.over_limit or self._guard.exceeded:
            self._connection.abort()
            return TransportFailure(reasons.OVER_LIMIT, "too much output", output=output)
        if error is None:
            return TransportFailure(reasons.CONNECTION_LOST, output=output)
        return as_failure(error, output=output)


class _Channel(asyncssh.SSHClientSession[bytes]):
    """Collects what a command writes, up to a limit."""

    def __init__(self, limit: int) -> None:
        self._limit, self._total = limit, 0
        self._channel: asyncssh.SSHClientChannel[bytes] | None = None
        self.output, self.errors = bytearray(), bytearray()
        self.over_limit = False
        self.exit_status: int | None = None
        self.error: Exception | None = None
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        self._channel = chan

    def data_received(self, data: bytes, datatype: asyncssh.DataType) -> None:
        if self.over_limit:
            return
        self._total += len(data)
        if datatype == asyncssh.EXTENDED_DATA_STDERR:
            self.errors += data[: STDERR_KEPT - len(self.errors)]
        else:
            self.output += data[: self._limit - len(self.output)]
        if self._total > self._limit:
            self.over_limit = True
            if self._channel is not None:
                self._channel.abort()
            if not self.closed.done():
                self.closed.set_result(None)

    def exit_status_received(self, status: int) -> None:
        self.exit_status = status

    def connection_lost(self, exc: Exception | None) -> None:
        self.error = exc
        if not self.closed.done():
            self.closed.set_result(None)


async def _dial(address: str, port: int) -> socket.socket:
    """A connected socket to the first address of the host that answers. Raises OSError."""
    loop = asyncio.get_running_loop()
    error: OSError = OSError("no address")
    for family, kind, protocol, _, target in await loop.getaddrinfo(address, port, type=socket.SOCK_STREAM):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setblocking(False)
            await loop.sock_connect(sock, target)
        except OSError as failed:
            sock.close()
            error = failed
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise error


async def _close(connection: asyncssh.SSHClientConnection) -> None:
    """Say goodbye, but do not wait for a host that doesn't."""
    connection.close()
    try:
        async with asyncio.timeout(1):
            await connection.wait_closed()
    except TimeoutError:
        connection.abort()
