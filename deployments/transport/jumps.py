"""Jump hosts: one connection to each, shared by the hosts behind it, opened when the first of them needs it.

Each hop has its own strict keys and its own credential: the jump host carries encrypted bytes, and sees neither the
credential nor what is said. No agent is forwarded.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import asyncssh

from deployments.collector import reasons
from deployments.transport.base import TransportFailure
from deployments.transport.pipe import Pipe
from deployments.transport.ssh import SshTransport

_ATTEMPTS = 8
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 2.0


class Jump:
    """The way through one jump host. What stands in its way fails each host behind it, with a reason that names it.

    A failure that may pass is tried again when the next host asks, after a pause and not for ever; any other stays.
    """

    def __init__(self, name: str, transport: SshTransport) -> None:
        self.name = name
        self._transport = transport
        self._opening = asyncio.Lock()
        self._pipe: Pipe | None = None
        self._failure: TransportFailure | None = None
        self._attempts = 0
        self._again_at = 0.0

    @property
    def is_lost(self) -> bool:
        """Whether the connection broke that was there."""
        return self._pipe is not None and self._pipe.connection.is_closed()

    def lost(self, *, output: bytes = b"") -> TransportFailure:
        """Why a host behind it was lost with it."""
        return self._named(TransportFailure(reasons.CONNECTION_LOST, output=output))

    async def open(self, allowance: int) -> asyncssh.SSHClientConnection:
        """Its connection, ready to carry so many bytes more. Raises TransportFailure."""
        async with self._opening:
            if self._pipe is None or self._pipe.connection.is_closed():
                self._pipe = await self._connect()
            self._pipe.allow(allowance)
            return self._pipe.connection

    async def _connect(self) -> Pipe:
        loop = asyncio.get_running_loop()
        if self._failure is not None:
            may_pass = self._failure.cause in reasons.RETRYABLE and self._attempts < _ATTEMPTS
            if not may_pass or loop.time() < self._again_at:
                raise self._named(self._failure)
        self._attempts += 1
        try:
            pipe = await self._transport.connect()
        except TransportFailure as failure:
            self._failure = failure
            self._again_at = loop.time() + min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**self._attempts)
            raise self._named(failure) from failure
        self._failure = None
        return pipe

    def _named(self, failure: TransportFailure) -> TransportFailure:
        detail = f"{self.name}: {failure.reason}"
        return TransportFailure(reasons.JUMP_HOST, detail, output=failure.output, cause=failure.cause)

    async def reach(
        self, connection: asyncssh.SSHClientConnection, factory: Callable[[], Any], address: str, port: int
    ) -> Any:
        """What `factory` makes, connected to a host that the jump host can reach. Raises TransportFailure."""
        try:
            _, made = await connection.create_connection(factory, address, port)
        except asyncssh.ChannelOpenError as error:
            if connection.is_closed():
                raise self.lost() from error
            raise self.refused(error) from error
        return made

    def refused(self, error: asyncssh.ChannelOpenError) -> TransportFailure:
        """Why it carried a connection nowhere."""
        if error.code == asyncssh.OPEN_CONNECT_FAILED:
            # OpenSSH says why in words only.
            code = reasons.REFUSED if "refused" in error.reason.lower() else reasons.UNREACHABLE
            return TransportFailure(code, f"from {self.name}: {error.reason}")
        return TransportFailure(reasons.JUMP_HOST, f"{self.name} does not forward: {error.reason}")

    async def close(self) -> None:
        if self._pipe is not None:
            self._pipe.connection.close()
            await self._pipe.connection.wait_closed()
