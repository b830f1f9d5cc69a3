"""Quick scans of a simulated fleet, end to end: real workers, relay, PostgreSQL and Valkey, on this machine.

All numbers come from one fleet of ten thousand hosts, which is looked at once in full, so that something is remembered;
after that its hosts stay as they are, but for what is said. The workers, the engines and the fleet share the machine.
"""

import statistics
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack

from django.conf import settings
from django.db import connection

from benchmarks.bare import bare_loop
from benchmarks.fleet import FleetOptions, FleetProcess
from benchmarks.harness import Bench
from benchmarks.known import found_definition, register_hosts
from benchmarks.programs import Programs
from common.core.actor import SYSTEM
from common.models import Job
from drift.models import Scan
from drift.services.scans import create_scan

PROCESSES = 2
EDITED_FILE = "/etc/app/conf/00.d/0000.conf"
_POLL_SECONDS = 0.02


class Scanned:
    """A simulated fleet that a service of its own knows, and the programs of that service."""

    def __init__(self, bench: Bench, *, hosts: int, resources: int) -> None:
        self.bench, self.count = bench, hosts
        self._stack = ExitStack()
        self._options = FleetOptions(hosts=hosts, resources=resources, seed=bench.seed)

    def __enter__(self) -> "Scanned":
        self.fleet = self._stack.enter_context(FleetProcess(self._options))
        found_definition(self.fleet)
        self.hosts = register_hosts(self.fleet)
        self.programs: Programs = self._stack.enter_context(self.bench.programs)
        self.programs.start("worker", "relay", concurrency=PROCESSES)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def first(self, count: int) -> str:
        """The selector of the first hosts."""
        return "*" if count >= self.count else f"name={self.fleet_name(0, count)}"

    @staticmethod
    def fleet_name(first: int, end: int) -> str:
        return f"sim-[{first:05}-{end - 1:05}]"

    def scan(self, selector: str = "*", *, mode: str = "quick") -> tuple[float, Scan]:
        """Seconds until everything is looked at and written down, and the scan."""
        began = time.perf_counter()
        scan = create_scan(actor=SYSTEM, selector=selector, mode=mode)
        assert scan.job_id is not None
        while (state := Job.objects.values_list("state", flat=True).get(pk=scan.job_id)) in (
            "queued",
            "running",
        ):
            time.sleep(_POLL_SECONDS)
        seconds = time.perf_counter() - began
        if state != "done":
            raise RuntimeError(f"the scan ended as {state}\n{self.programs.tail('worker')}")
        return seconds, scan

    def unmoved(self, selector: str = "*") -> float:
        """Seconds of a quick scan in which nothing may have moved; fails where something was asked in full."""
        before = self.fleet.counts()
        seconds, scan = self.scan(selector)
        after = self.fleet.counts()
        asked = len(scan.hosts)
        if after["full"] != before["full"] or after["quick"] - before["quick"] != asked:
            raise RuntimeError(f"not a quick scan of unmoved hosts: {before} then {after}, {asked} hosts")
        return seconds


def scan_fleet(bench: Bench) -> None:
    hosts = bench.option("HOSTS", 10_000)
    with Scanned(bench, hosts=hosts, resources=bench.option("RESOURCES", 1_000)) as scanned:
        bench.say(f"{hosts} hosts are known")
        first, _ = scanned.scan(mode="deep")
        bench.record("first_look_s", [first], unit="s", hosts=hosts)
        for _ in range(2):  # what was too young to be remembered, is asked for again
            scanned.scan()
        quick_over_bare(bench, scanned, min(hosts, bench.option("QUICK_HOSTS", 2_000)))
        whole_fleet(bench, scanned)
        edits_found(bench, scanned, bench.option("EDITS", 100))
        record_database(bench)


def quick_over_bare(bench: Bench, scanned: Scanned, hosts: int) -> None:
    """Hosts a second of a quick scan over those of a bare loop, one after the other, several times."""
    selector, fleet = scanned.first(hosts), scanned.fleet
    scanned.unmoved(selector)
    asked = {
        "port": fleet.port,
        "user": "foldback",
        "host_key": fleet.host_key_line,
        "client_key": fleet.client_key_text,
        "program": fleet.last_quick_program(),
        "concurrency": settings.SCAN_CONCURRENCY,
    }
    addresses = [row["address"] for row in fleet.inventory()[:hosts]]
    ratios, bare_runs, quick_runs = [], [], []
    for _ in range(bench.repeats):
        bare, said = bare_loop(asked, addresses, processes=PROCESSES)
        if said["hosts"] != hosts:
            raise RuntimeError(f"the bare loop looked at {said['hosts']} of {hosts} hosts")
        quick = scanned.unmoved(selector)
        bench.say(f"bare {hosts / bare:.0f} hosts/s, quick {hosts / quick:.0f} hosts/s")
        bare_runs.append(hosts / bare)
        quick_runs.append(hosts / quick)
        ratios.append(bare / quick)
    bench.record(
        "quick_over_bare",
        ratios,
        least=0.8,
        hosts=hosts,
        processes=PROCESSES,
        concurrency=settings.SCAN_CONCURRENCY,
        bare_hosts_per_s=bare_runs,
        quick_hosts_per_s=quick_runs,
    )


def whole_fleet(bench: Bench, scanned: Scanned) -> None:
    """All hosts, and half of them, one after the other; and what the workers take of memory meanwhile."""
    whole, halves, sums, shares = [], [], [], []
    each: dict[int, float] = {}
    cpu_before, fleet_before = scanned.programs.cpu_seconds("worker"), scanned.fleet.counts()["cpu_seconds"]
    for _ in range(bench.repeats):
        halves.append(scanned.unmoved(scanned.first(scanned.count // 2)))
        with Watched(lambda: scanned.programs.rss_mb("worker")) as memory:
            whole.append(scanned.unmoved())
        shares.append(scanned.programs.pss_mb("worker"))
        sums.append(memory.most)
        each = memory.each
    looks = bench.repeats * (scanned.count + scanned.count // 2)
    cpu = scanned.programs.cpu_seconds("worker") - cpu_before
    fleet_cpu = scanned.fleet.counts()["cpu_seconds"] - fleet_before
    bench.record(
        "ten_thousand_s",
        whole,
        most=90,
        unit="s",
        hosts=scanned.count,
        worker_cpu_ms_per_host=cpu * 1000 / looks,
        fleet_cpu_ms_per_host=fleet_cpu * 1000 / looks,
    )
    bench.record(
        "worker_rss_mb",
        sums,
        most=400,
        unit="MB",
        each=[round(size, 1) for size in sorted(each.values(), reverse=True)],
        proportional_mb=shares,
    )
    ratios = [all_of_them / half for all_of_them, half in zip(whole, halves, strict=True)]
    bench.record(
        "twice_hosts",
        ratios,
        most=2.1,
        hosts=[scanned.count // 2, scanned.count],
        half_s=halves,
        whole_s=whole,
    )


def edits_found(bench: Bench, scanned: Scanned, edits: int) -> None:
    """Edits by hand while one scan follows the other: how many are findings within two scan periods.

    The period is the median time from the beginning of one scan to that of the next, measured in the same run. Edits are
    spread evenly over two periods, on hosts and at moments chosen by the seed.
    """
    stop, periods = threading.Event(), list[float]()
    broken: list[Exception] = []

    def scan_on_and_on() -> None:
        try:
            while not stop.is_set():
                periods.append(scanned.scan()[0])
        except Exception as error:  # told by the thread that waits
            broken.append(error)
        finally:
            connection.close()

    chosen = bench.random.sample(range(scanned.count), edits)
    scanning = threading.Thread(target=scan_on_and_on, name="scanning")
    scanning.start()
    try:
        _wait(lambda: periods or broken)
        span = 2 * (periods[0] if periods else 0.0)
        moments = sorted(bench.random.uniform(0, span) for _ in chosen)
        made: dict[str, float] = {}
        seen: dict[str, float] = {}
        began = time.monotonic()
        patience = began + span + 6 * (periods[0] if periods else 0.0) + 30
        pending = list(zip(moments, chosen, strict=True))
        while (len(seen) < edits and time.monotonic() < patience) and not broken:
            while pending and time.monotonic() - began >= pending[0][0]:
                host = pending.pop(0)[1]
                scanned.fleet.append(host, EDITED_FILE, b"by hand\n")
                made[scanned.hosts[host].name] = time.monotonic()
            now = time.monotonic()
            seen |= {name: now for name in _found() if name in made and name not in seen}
            time.sleep(0.25)
    finally:
        stop.set()
        scanning.join()
    if broken:
        raise broken[0]
    period = statistics.median(periods)
    delays = sorted(seen[name] - made[name] for name in seen)
    in_time = sum(delay <= 2 * period for delay in delays)
    bench.record(
        "edits_found",
        [in_time],
        least=edits,
        edits=edits,
        found_at_all=len(seen),
        scan_period_s=period,
        scans=len(periods),
        delay_median_s=statistics.median(delays) if delays else None,
        delay_most_s=delays[-1] if delays else None,
    )


def record_database(bench: Bench) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        size = cursor.fetchone()[0]
        cursor.execute(
            "SELECT relname, pg_total_relation_size(oid) FROM pg_class WHERE relkind IN ('r', 'm') "
            "ORDER BY 2 DESC LIMIT 8"
        )
        largest = {name: round(bytes_ / 1e6, 1) for name, bytes_ in cursor.fetchall()}
    bench.record("fleet_database_mb", [size / 1e6], unit="MB", largest_mb=largest)


class Watched:
    """Looks at sizes twice a second while the block runs: `most` is the largest sum, `each` the sizes then."""

    def __init__(self, sizes: Callable[[], dict[int, float]]) -> None:
        self._sizes, self._stop = sizes, threading.Event()
        self.most, self.each = 0.0, dict[int, float]()
        self._thread = threading.Thread(target=self._watch, name="watch", daemon=True)

    def __enter__(self) -> "Watched":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.5):
            sizes = self._sizes()
            if sum(sizes.values()) > self.most:
                self.most, self.each = sum(sizes.values()), sizes


def _found() -> list[str]:
    """Names of hosts of which a finding says that the edited file drifted."""
    from drift.models import Occurrence

    rows = Occurrence.objects.filter(finding__resource=f"file:{EDITED_FILE}", ended_at=None)
    return list(rows.values_list("host__name", flat=True))


def _wait(check: Callable[[], object]) -> None:
    while not check():
        time.sleep(_POLL_SECONDS)
