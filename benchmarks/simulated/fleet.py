"""The simulated fleet as its users have it: hosts by number, what may be done to them, and how to know them."""

import asyncio
import base64
import dataclasses
import gc
import json
import socket
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import asyncssh

from benchmarks.simulated.answers import Answers, HostView
from benchmarks.simulated.behaviour import Behaviour, Weather
from benchmarks.simulated.nodes import Node
from benchmarks.simulated.server import Doings, Server
from benchmarks.simulated.synthetic import (
    ENVIRONMENT,
    OWN_FILES,
    ROLE,
    USER,
    Make,
    address_of,
    index_of,
    name_of,
    rack_of,
)

REFUSABLE_SECONDS = 5.0


@dataclass(frozen=True)
class FleetOptions:
    """`hosts` with `resources` managed resources each (see `Make`). `port` 0 takes a free one.

    The last `refusable` hosts have listeners of their own, so that they can truly refuse (`refuse`, `admit`).
    `fail_rate` of all connections meet `fail_kind` (see `behaviour`), by `seed`; each answer begins after `latency` seconds.
    `host_key` and `client_key` are files of private keys to use; none: new ones.
    """

    hosts: int = 10_000
    resources: int = 1_000
    port: int = 0
    refusable: int = 0
    fail_rate: float = 0.0
    fail_kind: str = "drop"
    latency: float = 0.0
    seed: int = 1
    host_key: str = ""
    client_key: str = ""


class SimulatedFleet:
    """`async with SimulatedFleet(options) as fleet:` serves; hosts are numbers from 0.

    What changes a host (`edit` and its neighbours) may be called from any thread: each is one step.
    """

    def __init__(self, options: FleetOptions) -> None:
        if not 0 < options.hosts <= 60_000:
            raise ValueError("a simulated fleet has 1 to 60,000 hosts")
        self.options = options
        self.make = Make(options.resources)
        self.answers = Answers(self.make.machine())
        self.weather = Weather(options.fail_rate, options.fail_kind, options.latency, options.seed)
        self._hosts: dict[int, HostView] = {}
        self._behaviours: dict[int, Behaviour] = {}
        self._host_key = _key(options.host_key)
        self._client_key = _key(options.client_key)
        self._server = Server(
            Doings(self._served, self._meets, self._answer, self._latency), self._host_key, self._client_key
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._refusable_port = 0
        self._last_quick = b""
        self._closed = socket.socket()
        self._closed.bind(("127.0.0.1", 0))  # held, and never listened on: who calls it is refused

    async def __aenter__(self) -> "SimulatedFleet":
        self._loop = asyncio.get_running_loop()
        await self._server.start(self.options.port)
        if self.options.refusable:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                self._refusable_port = probe.getsockname()[1]
            for index in self._refusables:
                await self._server.start_for(index, address_of(index), self._refusable_port)
        if self.options.hosts > 1000:  # a process of its own: what is made by now stays
            gc.collect()
            gc.freeze()
            gc.set_threshold(50_000, 20, 50)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        self._closed.close()

    # --- what a service needs to know ---------------------------------------------------------------------------

    @property
    def port(self) -> int:
        return self._server.port

    @property
    def closed_port(self) -> int:
        """A port that refuses connections at 127.0.0.1, as long as the fleet is there."""
        return int(self._closed.getsockname()[1])

    @property
    def host_key_line(self) -> str:
        """The line to pin for every host."""
        return " ".join(self._host_key.export_public_key("openssh").decode().split()[:2])

    @property
    def client_key_text(self) -> str:
        """The private key that logs in everywhere."""
        return str(self._client_key.export_private_key("openssh").decode())

    @property
    def user(self) -> str:
        return USER

    def name(self, index: int) -> str:
        return name_of(index)

    def address(self, index: int) -> str:
        return address_of(index)

    def port_of(self, index: int) -> int:
        return self._refusable_port if index in self._refusables else self.port

    def definition(self) -> dict[str, bytes]:
        """The files of the definition's repository."""
        return self.make.definition()

    def inventory(self, *, credential: str | None = None, team: str | None = None) -> list[dict[str, Any]]:
        """The hosts as an inventory to import (JSON). Keys are pinned apart: they are no part of an import."""
        named = {"credential": credential, "team": team}
        return [
            {
                "name": name_of(index),
                "environment": ENVIRONMENT,
                "roles": [ROLE],
                "address": address_of(index),
                "port": self.port_of(index),
                "user": USER,
                "variables": {"rack": rack_of(index)},
                **{key: value for key, value in named.items() if value},
            }
            for index in range(self.options.hosts)
        ]

    def write_to(self, directory: Path) -> None:
        """`definition/`, `inventory.json`, `client_key` and `host_key.pub` in a directory."""
        directory.mkdir(parents=True, exist_ok=True)
        for path, content in self.definition().items():
            target = directory / "definition" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        (directory / "inventory.json").write_text(json.dumps(self.inventory(), indent=1))
        key = directory / "client_key"
        key.touch(mode=0o600)
        key.write_text(self.client_key_text)
        (directory / "host_key.pub").write_text(self.host_key_line + "\n")

    # --- what may be done to hosts ------------------------------------------------------------------------------

    def edit(self, host: int, path: str, content: bytes) -> None:
        """Write a file, as a person would: content, size and times move; one that is not there is made."""
        before = self._node(host, path)
        now = time.time_ns()
        if before is None:
            self._put(host, path, Node(content=content, mtime=now, ctime=now, inode=now % 2**31))
        else:
            self._put(
                host, path, _changed(before, content=content, size=None, mtime=now, ctime=now, _sha256=None)
            )

    def append(self, host: int, path: str, content: bytes) -> None:
        """Write at the end of a file that is there."""
        before = self._node(host, path)
        if before is None:
            raise ValueError(f"{name_of(host)} has no {path}")
        self.edit(host, path, before.content + content)

    def forge(self, host: int, path: str, content: bytes) -> None:
        """Another content behind the same stat: size, times and inode stay as they were."""
        before = self._node(host, path)
        if before is None:
            raise ValueError(f"{name_of(host)} has no {path}")
        size = len(before.content) if before.size is None else before.size
        self._put(host, path, _changed(before, content=content, size=size, _sha256=None))

    def chmod(self, host: int, path: str, mode: int) -> None:
        before = self._node(host, path)
        if before is None:
            raise ValueError(f"{name_of(host)} has no {path}")
        self._put(host, path, _changed(before, mode=mode, ctime=time.time_ns()))

    def remove(self, host: int, path: str) -> None:
        self._put(host, path, None)

    def set_package(self, host: int, name: str, version: str) -> None:
        """Another version of a package, or one that was not there."""
        view = self._host(host)
        body = view.listed.get(b"packages", self.answers.machine.listed[b"packages"]).decode()
        tool, lines, rest = body.split("\0", 2)
        kept = [line for line in lines.splitlines() if line.split("\t")[1] != name]
        kept = sorted(
            [*kept, f"ii \t{name}\tamd64\t{version}\t{int(time.time())}"],
            key=lambda line: line.split("\t")[1],
        )
        view.listed[b"packages"] = "\0".join([tool, "".join(f"{line}\n" for line in kept), rest]).encode()
        view.changed()

    def restore(self, hosts: Iterable[int] | None = None) -> None:
        """Bring hosts (default: all) back to what the definition says, well behaved. Times are those of the make."""
        for host in list(self._hosts) if hosts is None else hosts:
            self._hosts.pop(host, None)
            self._behaviours.pop(host, None)
        if hosts is None:
            self._behaviours.clear()

    def misbehave(
        self, hosts: Sequence[int], kind: str, *, times: int | None = None, latency: float = 0.0
    ) -> None:
        """From their next connection on, for so many connections; see `benchmarks.simulated.behaviour`."""
        for host in hosts:
            self._behaviours[host] = Behaviour(kind, times, latency)

    def behave(self, hosts: Iterable[int]) -> None:
        for host in hosts:
            self._behaviours.pop(host, None)

    def set_weather(
        self, *, fail_rate: float = 0.0, fail_kind: str = "drop", latency: float = 0.0, seed: int = 1
    ) -> None:
        self.weather = Weather(fail_rate, fail_kind, latency, seed)

    def refuse(self, host: int) -> None:
        """Connections to one of the refusable hosts are refused from now on."""
        self._on_loop(host, admit=False)

    def admit(self, host: int) -> None:
        self._on_loop(host, admit=True)

    def counts(self) -> dict[str, float]:
        """What was asked since the start, and the seconds of CPU that this process took."""
        return {**dataclasses.asdict(self._server.counts), "cpu_seconds": time.process_time()}

    def last_quick_program(self) -> str:
        """What a quick look sent last, in base64: whoever compares with a bare loop sends the same bytes."""
        return base64.b64encode(self._last_quick).decode()

    # --- what the server asks -----------------------------------------------------------------------------------

    def _served(self, address: str) -> int | None:
        index = index_of(address)
        return index if index is not None and index < self.options.hosts else None

    def _meets(self, index: int) -> str:
        behaviour = self._behaviours.get(index)
        return (behaviour.taken() if behaviour else "") or self.weather.taken()

    def _latency(self, index: int) -> float:
        behaviour = self._behaviours.get(index)
        return self.weather.latency + (behaviour.latency if behaviour else 0.0)

    def _answer(self, index: int, program: bytes) -> bytes:
        counts = self._server.counts
        if self.answers.is_quick(program):
            counts.quick += 1
            self._last_quick = program
        else:
            counts.full += 1
        return self.answers.answer(self._host(index), program)

    # --- inside -------------------------------------------------------------------------------------------------

    @property
    def _refusables(self) -> range:
        return range(self.options.hosts - self.options.refusable, self.options.hosts)

    def _host(self, index: int) -> HostView:
        view = self._hosts.get(index)
        if view is None:
            if not 0 <= index < self.options.hosts:
                raise ValueError(f"there is no host {index}")
            view = self._hosts[index] = self.make.host(index)
        return view

    def _node(self, index: int, path: str) -> Node | None:
        name = path.encode()
        nodes = self._host(index).nodes
        return nodes[name] if name in nodes else self.answers.machine.nodes.get(name)

    def _put(self, index: int, path: str, node: Node | None) -> None:
        view = self._host(index)
        view.nodes = {**view.nodes, path.encode(): node}
        view.changed()

    def _on_loop(self, host: int, *, admit: bool) -> None:
        if host not in self._refusables or self._loop is None:
            raise ValueError(f"host {host} is not one of those that can refuse")

        async def act() -> None:
            if admit:
                await self._server.start_for(host, address_of(host), self._refusable_port)
            else:
                self._server.stop_for(host)

        if _running_loop() is self._loop:
            self._loop.create_task(act())
        else:
            asyncio.run_coroutine_threadsafe(act(), self._loop).result(REFUSABLE_SECONDS)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _changed(node: Node, **fields: Any) -> Node:
    return dataclasses.replace(node, **{"_line": None, **fields})


def _key(path: str) -> asyncssh.SSHKey:
    return asyncssh.read_private_key(path) if path else asyncssh.generate_private_key("ssh-ed25519")


__all__ = ["OWN_FILES", "FleetOptions", "SimulatedFleet"]
