"""A directory as a host: `/`, an unpacked image, the file system of a container.

The collector runs in our own `sh` with our own tools; nothing from the directory is executed, and links that
lead out of it are not followed. It runs in a process group of its own, which is killed when it exceeds a limit.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from deployments.collector import reasons
from deployments.collector.wire import COMMAND
from deployments.transport.base import STDERR_KEPT, Answer, Session, TransportFailure

_CHUNK = 64 * 1024


class LocalTransport:
    """`root` is the directory; `shell` the command that reads a program from its standard input."""

    def __init__(
        self, root: str | Path = "/", *, shell: tuple[str, ...] = ("/bin/sh", "-s"), path: str = ""
    ) -> None:
        self._root = os.path.abspath(root)
        self._shell = shell
        self._path = path or os.environ.get("PATH") or os.defpath

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        if not os.path.isdir(self._root):
            raise TransportFailure(reasons.NO_ROOT, self._root)
        yield _LocalSession(self._shell, {"PATH": self._path, "FOLDBACK_ROOT": self._root})


class _LocalSession:
    def __init__(self, shell: tuple[str, ...], environment: dict[str, str]) -> None:
        self._shell, self._environment = shell, environment

    async def run(self, command: str, stdin: bytes, *, max_output: int, timeout: float) -> Answer:
        if command != COMMAND:
            raise TransportFailure(reasons.NOT_SUPPORTED, f"{command!r} on a directory")
        try:
            process = await asyncio.create_subprocess_exec(
                *self._shell,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=self._environment,
                start_new_session=True,
            )
        except OSError as error:
            raise TransportFailure(reasons.TOOL_MISSING, f"{self._shell[0]}: {error.strerror}") from error
        output, errors = bytearray(), bytearray()
        finished = False
        try:
            async with asyncio.timeout(timeout):
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(_write(process, stdin))
                    tasks.create_task(_read(process.stdout, output, max_output, max_output))
                    tasks.create_task(_read(process.stderr, errors, STDERR_KEPT, max_output))
                status = await process.wait()
            finished = True
        except TimeoutError:
            raise TransportFailure(reasons.TIMED_OUT, output=bytes(output)) from None
        except ExceptionGroup as group:
            if group.subgroup(_TooMuch) is None:
                raise
            raise TransportFailure(reasons.OVER_LIMIT, "too much output", output=bytes(output)) from None
        finally:
            if not finished:
                await _kill(process)
        return Answer(bytes(output), bytes(errors), status if status >= 0 else None)


class _TooMuch(Exception):
    pass


async def _write(process: asyncio.subprocess.Process, data: bytes) -> None:
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it need not read all of it
        process.stdin.write(data)
        await process.stdin.drain()
        process.stdin.close()


async def _read(stream: asyncio.StreamReader | None, into: bytearray, keep: int, limit: int) -> None:
    """Read to the end; keep the first `keep` bytes, raise after `limit`."""
    assert stream is not None
    total = 0
    while chunk := await stream.read(_CHUNK):
        total += len(chunk)
        into += chunk[: max(0, keep - len(into))]
        if total > limit:
            raise _TooMuch


async def _kill(process: asyncio.subprocess.Process) -> None:
    """Kill the whole process group, and reap its leader."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
