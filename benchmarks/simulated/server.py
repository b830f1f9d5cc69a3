"""The SSH server of all simulated hosts: one port on loopback, the host known by the address that was called.

Only loopback can reach it: the socket is bound to that device where the system lets us, and peers that are not of
127.0.0.0/8 are turned away in any case. Whoever has the one client key may log in, under any name; only the collector's
command is answered, and nothing is ever run.
"""

import asyncio
import contextlib
import os
import re
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, cast

import asyncssh

from benchmarks.simulated.behaviour import AT_THE_DOOR
from deployments.collector.wire import COMMAND

BACKLOG = 4096
_BANNER = b"SSH-2.0-OpenSSH_9.2p1\r\n"
_JUNK = b"\x1b]0;owned\x07\x1b[2J\0\xff\xfe" + bytes(range(256)) * 8
_BLOCK = b"\0" * 65536
_DRIP_SECONDS = 0.25
_MET = "simulated"  # what a connection carries: the host that it reached, and how that misbehaves


@dataclass
class Counts:
    """What the fleet was asked, since it began."""

    connections: int = 0
    logins: int = 0
    quick: int = 0
    full: int = 0
    misbehaved: int = 0
    received_bytes: int = 0
    sent_bytes: int = 0


@dataclass(frozen=True)
class Doings:
    """What the server asks of the fleet: the host that has an address, what a connection to it meets, its answer to a
    program, and how long that takes to begin."""

    index_of: Callable[[str], int | None]
    meets: Callable[[int], str]
    answer: Callable[[int, bytes], bytes]
    latency: Callable[[int], float]


def server_options(
    host_key: asyncssh.SSHKey, login: Callable[[], asyncssh.SSHServer]
) -> asyncssh.SSHServerConnectionOptions:
    """One set for all connections: making one costs more than a login."""
    return asyncssh.SSHServerConnectionOptions(
        server_factory=login,
        server_host_keys=[host_key],
        kex_algs=["curve25519-sha256"],
        encryption_algs=["aes128-gcm@openssh.com", "aes256-ctr"],
        compression_algs=["none"],
        config=[],
        encoding=None,
        password_auth=False,
        kbdint_auth=False,
        host_based_auth=False,
        gss_host=None,
        agent_forwarding=False,
        x11_forwarding=False,
        allow_pty=False,
        login_timeout=60,
    )


def listener(port: int, address: str = "0.0.0.0") -> socket.socket:
    """A listening socket that loopback reaches."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo\0")
    try:
        sock.bind((address, port))
        sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    sock.setblocking(False)
    return sock


class Door(asyncio.Protocol):
    """Meets a connection: sends it away, misbehaves, or lets SSH begin."""

    def __init__(self, server: "Server") -> None:
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast(asyncio.Transport, transport)
        server = self._server
        server.counts.connections += 1
        index = server.doings.index_of(transport.get_extra_info("sockname")[0])
        peer = str(transport.get_extra_info("peername")[0])
        if index is None or not peer.startswith("127."):
            transport.abort()
            return
        kind = server.doings.meets(index)
        if kind:
            server.counts.misbehaved += 1
        if kind in AT_THE_DOOR:
            self._misbehave(kind, transport)
            return
        connection = asyncssh.SSHServerConnection(server.loop, server.options)
        connection.set_extra_info(**{_MET: (index, kind)})
        transport.set_protocol(connection)
        connection.connection_made(transport)

    def _misbehave(self, kind: str, transport: asyncio.Transport) -> None:
        match kind:
            case "drop":
                transport.close()
            case "reset":
                sock = transport.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                transport.abort()
            case "noise":
                transport.write(_JUNK)
                transport.close()
            case "lengths":
                transport.write(_BANNER + b"\xff\xff\xff\xff" + _JUNK)
            case "stall":
                transport.write(_BANNER)
            case "trickle":
                self._trickle(transport, _BANNER[:-2])

    def _trickle(self, transport: asyncio.Transport, rest: bytes) -> None:
        if not transport.is_closing():
            transport.write(rest[:1] or b"x")
            self._server.loop.call_later(_DRIP_SECONDS, self._trickle, transport, rest[1:])


class _Login(asyncssh.SSHServer):
    def __init__(self, server: "Server") -> None:
        self._server = server
        self._index, self._kind = 0, ""

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._index, self._kind = conn.get_extra_info(_MET)

    def begin_auth(self, username: str) -> bool:
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool | Awaitable[bool]:
        if self._kind == "mute":
            return self._server.loop.create_future()
        return bool(key.public_data == self._server.client_public)

    def session_requested(self) -> "_Session":
        return _Session(self._server, self._index, self._kind)


class _Session(asyncssh.SSHServerSession[bytes]):
    """One run of the collector. It answers when the whole program has come."""

    def __init__(self, server: "Server", index: int, kind: str) -> None:
        self._server, self._index, self._kind = server, index, kind
        self._chan: Any = None
        self._program: list[bytes] = []

    def connection_made(self, chan: Any) -> None:
        self._chan = chan

    def exec_requested(self, command: str) -> bool:
        self._server.counts.logins += 1
        return command == COMMAND

    def session_started(self) -> None:
        pass

    def data_received(self, data: bytes, datatype: Any) -> None:
        self._program.append(data)

    def eof_received(self) -> bool:
        delay = self._server.doings.latency(self._index)
        if delay > 0:
            self._server.loop.call_later(delay, self._answer)
        else:
            self._answer()
        return True

    def _answer(self) -> None:
        chan, server = self._chan, self._server
        if chan.is_closing():
            return
        program = b"".join(self._program)
        self._program.clear()
        server.counts.received_bytes += len(program)
        if self._kind:
            self._misbehave(program)
            return
        try:
            answer = server.doings.answer(self._index, program)
        except ValueError as error:
            chan.write_stderr(f"sh: {error}\n".encode())
            chan.exit(2)
            return
        server.counts.sent_bytes += len(answer)
        chan.write(answer)
        chan.exit(0)

    def _misbehave(self, program: bytes) -> None:
        chan = self._chan
        match self._kind:
            case "hang":
                pass
            case "drip":
                self._drip()
            case "flood":
                self._pour(chan.write)
            case "errors":
                self._pour(chan.write_stderr)
            case "binary":
                chan.write(_JUNK + os.urandom(4096))
                chan.write_stderr(b"\x1b[31mowned\x1b[0m\r\n")
                chan.exit(0)
            case "exit":
                chan.write_stderr(b"\x1b[1mNot today.\x1b[0m\n")
                chan.exit(1)
            case "ignore":
                self._pour(
                    lambda block: chan.get_connection().send_packet(2, asyncssh.packet.String(block[:30_000]))
                )
            case "sums":
                answer = self._server.doings.answer(self._index, program)
                chan.write(re.sub(rb"[0-9a-f]{64}", b"\x1b[2J" + b"z" * 60, answer))
                chan.exit(0)
            case "half":
                chan.write(self._server.doings.answer(self._index, program)[:200])
                chan.write_eof()
            case "cut" | "short" | "lie":
                answer = self._server.doings.answer(self._index, program)
                if self._kind == "lie":
                    chan.write(answer.replace(b" end 1 ok\0", b" end 2 ok\0"))
                else:
                    chan.write(answer[: len(answer) // 2])
                if self._kind == "cut":
                    self._server.loop.call_later(0.05, chan.get_connection().abort)
                else:
                    chan.exit(0)

    def _drip(self) -> None:
        if not self._chan.is_closing():
            self._chan.write(b"x")
            self._server.loop.call_later(_DRIP_SECONDS, self._drip)

    def _pour(self, write: Callable[[bytes], None]) -> None:
        """As much as is taken, for ever."""
        if not self._chan.is_closing():
            if self._chan.get_write_buffer_size() < len(_BLOCK):
                write(_BLOCK)
            self._server.loop.call_later(0.001, self._pour, write)


class Server:
    """Accepts for every host, on one port; `start_for` opens another one for a single host, to be closed at will."""

    def __init__(self, doings: Doings, host_key: asyncssh.SSHKey, client_key: asyncssh.SSHKey) -> None:
        self.doings, self.counts = doings, Counts()
        self.client_public = client_key.public_data
        self.port = 0
        self.options = server_options(host_key, lambda: _Login(self))
        self._servers: dict[int | None, asyncio.Server] = {}

    async def start(self, port: int = 0) -> None:
        self.loop = asyncio.get_running_loop()
        sock = listener(port)
        self.port = sock.getsockname()[1]
        self._servers[None] = await self.loop.create_server(lambda: Door(self), sock=sock)

    async def start_for(self, index: int, address: str, port: int) -> None:
        if index not in self._servers:
            sock = listener(port, address)
            self._servers[index] = await self.loop.create_server(lambda: Door(self), sock=sock)

    def stop_for(self, index: int) -> None:
        if (server := self._servers.pop(index, None)) is not None:
            server.close()

    def close(self) -> None:
        for index in list(self._servers):
            self._servers.pop(index).close()
