"""Hosts in memory that are looked at by real scans: collector's answers, scanner, batches and database, and no network."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from common.core.actor import SYSTEM
from common.services.jobs import Claim, claim_batch, finish_batch
from deployments.collector.reasons import CONNECTION_LOST
from deployments.transport.base import Answer, TransportFailure
from drift.models import Scan
from drift.scanner import Scan as NetworkScan
from drift.scanner import Target
from drift.services import looking
from drift.services.scan_batches import run_scan_batch
from drift.services.scans import create_scan
from inventory.models import Host
from tests.definitions import StillHeld
from tests.fake_host import FakeHost, Node

PACKAGES = "t/dpkg\0{}\x000 \0times/\0"
PACKAGE = "ii \t{}\tamd64\t{}\t1690000000\n"


class Way:
    """To one of them: `away` says how it fails instead."""

    def __init__(self, fleet: "QuickFleet", name: str) -> None:
        self.fleet, self.name = fleet, name

    def session(self) -> "Way":
        return self

    async def __aenter__(self) -> "Way":
        self.fleet.logins.append(self.name)
        if self.name in self.fleet.away:
            raise TransportFailure(self.fleet.away[self.name])
        return self

    async def __aexit__(self, *caught: object) -> None:
        pass

    async def run(self, command: str, stdin: bytes, *, max_output: int, timeout: float) -> Answer:
        await asyncio.sleep(0)
        said = self.fleet.fakes[self.name].answer(stdin)
        if self.name in self.fleet.cut:
            raise TransportFailure(CONNECTION_LOST, output=said[: self.fleet.cut[self.name]])
        return Answer(said)


class QuickFleet:
    """Their clocks stand still, but for a minute before each scan and each edit.

    `away` has hosts that can't be reached, with the reason; `cut` those whose answers end after so many bytes.
    `logins` are the connections that were made.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, hosts: list[Host]) -> None:
        self.hosts = {host.name: host for host in hosts}
        self.fakes = {
            name: FakeHost({b"/etc": Node(type="d", mode=0o755), b"/etc/d": Node(type="d", mode=0o755)})
            for name in self.hosts
        }
        self.now = 1_700_000_100
        self.inode = 100
        self.packages = {name: {"nginx": "1.22"} for name in self.hosts}
        self.away: dict[str, str] = {}
        self.cut: dict[str, int] = {}
        self.logins: list[str] = []
        for name in self.hosts:
            self.fakes[name].verbs[b"who"] = b""
            self.install(name)
        monkeypatch.setattr(looking, "NetworkScan", self._network)

    def _network(self, **options: Any) -> NetworkScan:
        def way(target: Target) -> Way:
            return Way(self, target.host)

        return NetworkScan(**{**options, "open_transport": way})

    def later(self) -> None:
        self.now += 60
        for fake in self.fakes.values():
            fake.now = self.now + 0.25

    def write(self, name: str, path: str, text: str | None, **more: Any) -> None:
        """What is at a path from now on; None: nothing."""
        self.later()
        self.inode += 1
        nodes, key = self.fakes[name].nodes, path.encode()
        if text is None:
            nodes.pop(key, None)
            return
        times = {"mtime": f"{self.now}.0", "ctime": f"{self.now}.0"}
        before = nodes.get(key, Node())
        nodes[key] = replace(before, content=text.encode(), inode=self.inode, **{**times, **more})

    def install(self, name: str, **versions: str | None) -> None:
        """Packages from now on, by name; None: not installed any more."""
        self.packages[name] = {
            package: version
            for package, version in {**self.packages[name], **versions}.items()
            if version is not None
        }
        listed = "".join(PACKAGE.format(*item) for item in sorted(self.packages[name].items()))
        self.fakes[name].verbs[b"packages"] = PACKAGES.format(listed).encode()

    def claim(self, selector: str = "*", *, mode: str = "quick", **more: Any) -> tuple[Scan, Claim]:
        scan = create_scan(actor=SYSTEM, selector=selector, mode=mode, **more)
        assert scan.job is not None
        claim = claim_batch(batch_id=scan.job.batches.get().pk)
        assert claim is not None
        return scan, claim

    def scan(self, selector: str = "*", *, mode: str = "quick", **more: Any) -> Scan:
        self.later()
        self.logins.clear()
        for fake in self.fakes.values():
            fake.asked.clear()
        scan, claim = self.claim(selector, mode=mode, **more)
        run_scan_batch(claim=claim, keeper=StillHeld())  # type: ignore[arg-type]
        finish_batch(claim=claim)
        scan.refresh_from_db()
        return scan

    def asked(self, name: str) -> set[str]:
        """The verbs that a host was asked since the last scan began."""
        return {verb.decode() for verb, *_ in self.fakes[name].asked}
