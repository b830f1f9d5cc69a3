"""What lies between an SSH connection and the way that carries it: a socket, or a channel of a jump host.

It counts what the other side sends, in packets of any kind, and ends the connection when that is more than it may. It
hands a flood on in small pieces, so that one host can't keep the others of its loop waiting; and it sends what asyncssh
writes as many small packets in one go.
"""

import asyncio
import contextlib
from typing import Any, cast

import asyncssh

AT_ONCE = 32 * 1024
"""Bytes of one host that are taken apart in one turn of the loop."""


class Pipe(asyncio.Protocol):
    """To the way below it is a protocol (or the session of a channel), to the SSH connection above it a transport."""

    def __init__(self, connection: asyncssh.SSHClientConnection, limit: int) -> None:
        self.connection = connection
        self.received = 0
        self.exceeded = False
        self._limit = limit
        self._loop = asyncio.get_running_loop()
        self._way: Any = None
        self._waiting = bytearray()
        self._unsent: list[bytes] = []

    def allow(self, more: int) -> None:
        """Let the other side send so many bytes more: of a jump host, for each host behind it."""
        self._limit += more

    # What the way below calls.

    def connection_made(self, transport: Any) -> None:
        self._way = transport
        self.connection.connection_made(cast(asyncio.BaseTransport, self))

    def session_started(self) -> None:
        """The channel is open."""

    def data_received(self, data: bytes, datatype: int | None = None) -> None:
        if self.exceeded:
            return
        self.received += len(data)
        if self.received > self._limit:
            self.exceeded = True
            self._waiting.clear()
            self.connection.connection_lost(asyncssh.ConnectionLost("It sent too much"))
        elif self._waiting:
            self._waiting += data
        elif len(data) > AT_ONCE:
            self._waiting += data
            self._way.pause_reading()
            self._take_some()
        else:
            self.connection.data_received(data)

    def _take_some(self) -> None:
        """One turn's worth of what waits."""
        some = bytes(self._waiting[:AT_ONCE])
        del self._waiting[:AT_ONCE]
        if some:
            self.connection.data_received(some)
        if self._waiting:
            self._loop.call_soon(self._take_some)
        else:
            with contextlib.suppress(RuntimeError):  # closed by now
                self._way.resume_reading()

    def _take_rest(self) -> None:
        while self._waiting:
            self.connection.data_received(bytes(self._waiting[:AT_ONCE]))
            del self._waiting[:AT_ONCE]

    def eof_received(self) -> None:
        self._take_rest()
        self.connection.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._take_rest()
        self.connection.connection_lost(exc)

    # What the SSH connection above calls.

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._way.get_extra_info(name, default)

    def write(self, data: bytes) -> None:
        if not self._unsent:
            self._loop.call_soon(self._send)
        self._unsent.append(data)

    def _send(self) -> None:
        unsent, self._unsent = self._unsent, []
        with contextlib.suppress(OSError):  # closed by now: asyncssh is told of that otherwise
            self._way.write(b"".join(unsent))

    def abort(self) -> None:
        self._waiting.clear()
        self._way.abort()

    def close(self) -> None:
        self._way.close()
