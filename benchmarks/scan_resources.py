"""Twice the resources on real hosts: what a quick look costs with n and with 2n managed files, in the steady state.

The hosts are Debian machines of their own, as the tests have them (tests/hosts): systemd, sshd, a network. Each has all
the files; half of them are asked for, or all.
"""

import asyncio
import time
from collections.abc import Mapping

from benchmarks.harness import Bench, timed
from deployments.collector.question import Limits, Question
from deployments.collector.quick import Quick, Sections
from deployments.transport.ssh import Credential, SshTransport
from drift.scanner import HostResult, Scan, Target, scan_targets
from tests.hosts.machine import Machine
from tests.hosts.machines import Yard, names
from tests.hosts.possible import missing

FOLDER = "/etc/measured"
_YOUNG_SECONDS = 3.0  # what was changed just before a look is not remembered by it


def scan_resources(bench: Bench) -> None:
    if why := missing():
        bench.skip("twice_resources", f"real hosts can't run here: {why}")
        return
    hosts, files = bench.option("REAL_HOSTS", 4), bench.option("FILES", 500)
    with Yard() as yard:
        machines = yard.boot(*names(hosts, "m"))
        for machine in machines:
            machine.run(
                f"mkdir {FOLDER} && cd {FOLDER} && for n in $(seq 0 {2 * files - 1}); do echo $n >$n.conf; done"
            )
        time.sleep(_YOUNG_SECONDS)
        key = Credential.private_key(yard.private_key("root").encode())
        looks = [Looks(machines, key, count) for count in (files, 2 * files)]
        runs = [(looks[0].seconds(), looks[1].seconds()) for _ in range(max(7, bench.repeats))]
    bench.record(
        "twice_resources",
        [twice / once for once, twice in runs],
        most=1.3,
        hosts=hosts,
        files=[files, 2 * files],
        once_s=[once for once, _ in runs],
        twice_s=[twice for _, twice in runs],
    )


class Looks:
    """Quick looks at machines for so many files, each remembered once."""

    def __init__(self, machines: list[Machine], key: Credential, files: int) -> None:
        self._machines = {machine.name: machine for machine in machines}
        self._key = key
        paths = [f"file:{FOLDER}/{number}.conf" for number in range(files)]
        self._question = Question(dict.fromkeys(paths, frozenset({"sha256", "mode"})))
        self._sections = Sections.of(self._question, Limits())
        first = self._looked({})
        self._sums = {
            result.host: result.observation.memory.sums for result in first if result.observation.memory
        }

    def seconds(self) -> float:
        results: list[HostResult] = []
        took = timed(lambda: results.extend(self._looked(self._sums)))
        if moved := [result.host for result in results if not result.unmoved]:
            raise RuntimeError(f"not told quickly: {', '.join(moved)} ({results[0].reason})")
        return took

    def _looked(self, sums: Mapping[str, Mapping[str, str]]) -> list[HostResult]:
        def target(name: str) -> Target:
            known = sums.get(name)
            return Target(name, self._question, quick=Quick(self._sections, known) if known else None)

        def way(target: Target) -> SshTransport:
            machine = self._machines[target.host]
            return SshTransport(machine.address, "root", self._key, [machine.public_key])

        results: list[HostResult] = []
        scan = Scan(way, lambda: "n0123456789abcdef", time.time, hmac_key=b"k" * 32)
        asyncio.run(scan_targets([target(name) for name in self._machines], scan, on_result=results.append))
        return results
