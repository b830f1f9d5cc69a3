"""One command over an SSH connection: what it writes, up to a limit."""

import asyncio
import contextlib

import asyncssh

from deployments.collector import reasons
from deployments.transport.base import STDERR_KEPT, Answer, TransportFailure
from deployments.transport.pipe import Pipe
from deployments.transport.ssh_errors import as_failure

_WINDOW = 512 * 1024


class SshSession:
    """An open connection (see `base.Session`)."""

    def __init__(self, pipe: Pipe) -> None:
        self._connection, self._pipe = pipe.connection, pipe

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
        if channel.error is not None or channel.over_limit or self._pipe.exceeded:
            raise self._failure(channel.error, channel)
        return Answer(bytes(channel.output), bytes(channel.errors), channel.exit_status)

    def _failure(self, error: BaseException | None, channel: "_Channel") -> TransportFailure:
        output = bytes(channel.output)
        if channel.over_limit or self._pipe.exceeded:
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
