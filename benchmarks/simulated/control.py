"""Telling a fleet in another process what to do: lines of JSON over a port on loopback, and a fleet as a process.

    {"do": "edit", "with": [3, "/etc/motd", "base64:…"]}  →  {"ok": null}
    {"do": "misbehave", "with": [[1, 2], "hang"], "named": {"times": 3}}  →  {"ok": null} or {"error": "…"}

Bytes travel as text after "base64:". Only the methods in `MAY` can be called.
"""

import asyncio
import base64
import contextlib
import dataclasses
import json
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from benchmarks.simulated.fleet import FleetOptions, SimulatedFleet
from benchmarks.simulated.synthetic import Make

_EDITS = ("edit", "append", "forge", "chmod", "remove", "set_package", "restore")
_WEATHER = ("misbehave", "behave", "set_weather", "refuse", "admit")
MAY = frozenset((*_EDITS, *_WEATHER, "counts", "inventory", "last_quick_program"))
_LINE_BYTES = 64 * 1024 * 1024
_START_SECONDS = 60
_PREFIX = "base64:"


async def serve_control(fleet: SimulatedFleet, *, ready: Callable[[int], None]) -> None:
    """Obey until a `stop` comes or standard input ends. `ready` is told the port."""
    stop = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            while line := await reader.readline():
                asked = json.loads(line)
                if asked["do"] == "stop":
                    stop.set()
                writer.write(json.dumps(_obey(fleet, asked)).encode() + b"\n")
                await writer.drain()
        writer.close()

    loop = asyncio.get_running_loop()
    server = await asyncio.start_server(talk, "127.0.0.1", 0, limit=_LINE_BYTES)
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    ready(server.sockets[0].getsockname()[1])

    async def watch() -> None:
        while await reader.read(1024):
            pass
        stop.set()

    watching = asyncio.create_task(watch())
    await stop.wait()
    watching.cancel()
    server.close()


def _obey(fleet: SimulatedFleet, asked: dict[str, Any]) -> dict[str, Any]:
    if asked["do"] == "stop":
        return {"ok": None}
    if asked["do"] not in MAY:
        return {"error": f"not something that a fleet does: {asked['do']}"}
    try:
        given = [_unpacked(value) for value in asked.get("with", ())]
        return {"ok": getattr(fleet, asked["do"])(*given, **asked.get("named", {}))}
    except (ValueError, TypeError, OSError) as error:
        return {"error": str(error)}


class FleetProcess:
    """`with FleetProcess(FleetOptions(…)) as fleet:`; methods as those of `SimulatedFleet` (those in `MAY`)."""

    def __init__(self, options: FleetOptions, directory: Path | None = None) -> None:
        self.options = options
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._lines: Any = None
        self.ready: dict[str, Any] = {}

    def __enter__(self) -> "FleetProcess":
        command = [sys.executable, "-m", "benchmarks.fleet"]
        for field in dataclasses.fields(self.options):
            value = getattr(self.options, field.name)
            if value != field.default:
                command += [f"--{field.name.replace('_', '-')}", str(value)]
        if self._directory:
            command += ["--directory", str(self._directory)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the simulated fleet did not start")
        self.ready = json.loads(line)
        self._control = socket.create_connection(("127.0.0.1", self.ready["control"]))
        self._lines = self._control.makefile("rb")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        if self._control is not None:
            self._control.close()
        if self._process.stdin is not None:
            self._process.stdin.close()  # it stops by itself then
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def port(self) -> int:
        return int(self.ready["port"])

    @property
    def host_key_line(self) -> str:
        return str(self.ready["host_key"])

    @property
    def client_key_text(self) -> str:
        return str(self.ready["client_key"])

    def definition(self) -> dict[str, bytes]:
        """The files of the definition's repository; the same in every process."""
        return Make(self.options.resources).definition()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name not in MAY:
            raise AttributeError(name)
        return lambda *given, **named: self._do(name, given, named)

    def _do(self, name: str, given: tuple[Any, ...], named: dict[str, Any]) -> Any:
        assert self._control is not None
        asked = {"do": name, "with": [_packed(value) for value in given], "named": named}
        self._control.sendall(json.dumps(asked).encode() + b"\n")
        said = json.loads(self._lines.readline())
        if "error" in said:
            raise ValueError(said["error"])
        return said["ok"]


def _packed(value: Any) -> Any:
    if isinstance(value, bytes):
        return _PREFIX + base64.b64encode(value).decode()
    return list(value) if isinstance(value, range | tuple | set | frozenset) else value


def _unpacked(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(_PREFIX):
        return base64.b64decode(value.removeprefix(_PREFIX))
    return value
