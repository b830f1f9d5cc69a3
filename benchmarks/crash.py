"""TRUST 1 and 2: what is promised when processes are killed, or Redis is emptied, in the middle of a scan.

    python -m benchmarks crash HOSTS=500 KILLS=20 SEED=4711

Hosts are edited by hand before each scan. While it runs, processes are killed one after the other, and a client logs
changes all the time. Afterwards the database must hold what was acknowledged, each finding once, and each host of each
scan once. Every number that must be nought is a measure of its own; one that isn't breaks the run.
"""

import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import redis
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from benchmarks.fleet import FleetOptions, FleetProcess
from benchmarks.harness import Bench
from benchmarks.journal import Journal
from benchmarks.killing import Killer
from benchmarks.known import found_definition, register_hosts
from benchmarks.programs import Programs
from common.core import roles
from common.core.actor import SYSTEM
from common.models import Job, JobBatch, OutboxEvent
from common.services.people import create_person, create_token
from drift.models import Finding, Occurrence, Scan, ScanHost
from drift.services.scans import create_scan

RESOURCES = 40
LEASE_SECONDS = 10  # short, so that much happens; Redis is emptied under the lease of every day
FLUSH_LEASE_SECONDS = 30
ALIKE = 9  # hosts with the same edit: one finding
ALONE = 5  # hosts with an edit each: a finding each
FILE = "/etc/app/conf/00.d/0000.conf"
ENDED = ("done", "failed", "cancelled")
END_SECONDS = 900.0


class Broken(Exception):
    """A promise was not kept; the message has how."""


def crash(bench: Bench) -> None:
    hosts, kills = bench.option("HOSTS", 2_000), bench.option("KILLS", 200)
    lease = bench.option("LEASE_SECONDS", LEASE_SECONDS)
    with Crashing(bench, hosts=hosts, lease=lease) as crashing:
        bench.say(f"{hosts} hosts are known, seed {bench.seed}")
        with Journal(crashing.url, crashing.token) as journal:
            crashing.scan_and_kill("deep", kills - kills // 2)
            crashing.scan_and_kill("quick", kills // 2)
            crashing.flush(bench.option("FLUSH_LEASE_SECONDS", FLUSH_LEASE_SECONDS))
        crashing.settle()
        crashing.record(journal)


class Crashing:
    """A service with a simulated fleet, all of whose processes may be killed."""

    def __init__(self, bench: Bench, *, hosts: int, lease: int) -> None:
        self.bench, self.count, self.lease = bench, hosts, lease
        self.scans: list[Scan] = []
        self.edits = 0
        self.in_the_middle = 0
        self._stack = ExitStack()

    def __enter__(self) -> "Crashing":
        options = FleetOptions(hosts=self.count, resources=RESOURCES, seed=self.bench.seed)
        self.fleet = self._stack.enter_context(FleetProcess(options))
        found_definition(self.fleet)
        register_hosts(self.fleet)
        person = create_person(actor=SYSTEM, username="ana", name="Ana", role=roles.OPS)
        self.token = create_token(actor=SYSTEM, name="journal", role=roles.OPS, sponsor=person)[1]
        # Twenty batches or so, of which the workers hold two: there is always one to be lost.
        settings.SCAN_BATCH_HOSTS = max(10, self.count // 20)
        environment = {
            "FOLDBACK_LEASE_SECONDS": str(self.lease),
            "FOLDBACK_RELAY_POLL_SECONDS": "1",
            "FOLDBACK_ALLOWED_HOSTS": "127.0.0.1",
        }
        self.programs = self._stack.enter_context(Programs(self.bench.folder, environment))
        self.programs.start("web", "worker", "relay", "beat")
        self.url = self.programs.url
        self.killer = Killer(self.programs, self.bench.random)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    # ---- what is done to it

    def scan_and_kill(self, mode: str, kills: int) -> None:
        """Scans, one after the other for as long as there is something to kill."""
        done = 0
        while done < kills or not self.scans or self.scans[-1].mode != mode:
            self._edit()
            scan = patiently(lambda: create_scan(actor=SYSTEM, selector="*", mode=mode))
            self.scans.append(scan)
            while done < kills:
                time.sleep(self.bench.random.uniform(0.1, 0.7))
                self.killer.revive()
                if self._ended(scan):
                    break
                if what := self.killer.kill():
                    done += 1
                    self.bench.say(f"{scan}: killed {what}, {done} of {kills}")
            self._await(scan)
        self.bench.say(f"{mode}: {done} kills in {sum(one.mode == mode for one in self.scans)} scans")

    def flush(self, lease: int) -> None:
        """FLUSHALL once some of a scan is done; recorded in lease periods from then to its end.

        Beside it stands how long such a scan takes when nothing happens to it.
        """
        self.programs.environment["FOLDBACK_LEASE_SECONDS"] = str(lease)
        for name in ("worker", "relay"):
            self.programs.stop(name)
            self.programs.start(name)
        took = self._timed(patiently(lambda: create_scan(actor=SYSTEM, selector="*", mode="quick")))
        scan = patiently(lambda: create_scan(actor=SYSTEM, selector="*", mode="quick"))
        while not (progress := self._job(scan))["items_done"] and progress["state"] not in ENDED:
            time.sleep(0.02)
        redis.Redis.from_url(settings.REDIS_URL).flushall()
        seconds, left = self._timed(scan), self.count - progress["items_done"]
        if not left:
            raise Broken("the scan was over before Redis was emptied: it tried nothing")
        self.bench.record(
            "flushed_leases",
            [seconds / lease],
            most=2,
            left=left,
            lease_s=lease,
            without_flush_s=took,
        )

    def _timed(self, scan: Scan) -> float:
        """Seconds until the scan has ended."""
        self.scans.append(scan)
        began = time.monotonic()
        self._await(scan)
        return time.monotonic() - began

    def _edit(self) -> None:
        """By hand, on hosts that nobody edited yet: the same on some, and something else on each of others."""
        first = self.edits * (ALIKE + ALONE)
        if first + ALIKE + ALONE > self.count:
            return
        for host in range(first, first + ALIKE):
            self.fleet.append(host, FILE, b"by hand %d\n" % self.edits)
        for host in range(first + ALIKE, first + ALIKE + ALONE):
            self.fleet.append(host, FILE, b"by hand on %d\n" % host)
        self.edits += 1

    # ---- what comes of it

    def _job(self, scan: Scan) -> dict[str, Any]:
        return patiently(lambda: Job.objects.values("state", "items_done").get(scan=scan))

    def _ended(self, scan: Scan) -> bool:
        return self._job(scan)["state"] in ENDED

    def _await(self, scan: Scan) -> None:
        """Until the scan has ended and its counts are there."""
        self._until(
            lambda: patiently(lambda: Scan.objects.filter(pk=scan.pk).exclude(finished_at=None).exists()),
            lambda: f"the end of {scan}: {self._job(scan)}",
        )

    def settle(self) -> None:
        """Until whatever follows from the scans is done."""
        self._until(
            lambda: (
                not JobBatch.objects.filter(state__in=("pending", "running")).exists()
                and not OutboxEvent.objects.filter(deliveries__done_at=None, deliveries__set_aside_at=None)
                .exclude(deliveries=None)
                .exists()
            ),
            lambda: "an end of all work",
        )

    def _until(self, come: Callable[[], bool], what: Callable[[], str]) -> None:
        deadline = time.monotonic() + END_SECONDS
        while not come():
            if time.monotonic() > deadline:
                raise Broken(
                    f"{what} did not come within {END_SECONDS:.0f} s\n{self.programs.tail('worker')}"
                )
            self.killer.revive()
            time.sleep(0.1)

    def record(self, journal: Journal) -> None:
        """Every promise as a number that must be nought; raises Broken where one is not."""
        changes = journal.problems()
        findings = self._findings()
        hosts = [problem for scan in self.scans for problem in self._hosts_of(scan)]
        self.bench.record(
            "changes_wrong",
            [len(changes)],
            most=0,
            acknowledged=len(journal.acknowledged),
            sent=len(journal.sent),
        )
        self.bench.record("findings_wrong", [len(findings)], most=0, edits=self.edits * (ALIKE + ALONE))
        self.bench.record("scans_wrong", [len(hosts)], most=0, scans=len(self.scans), hosts=self.count)
        self.bench.record(
            "kills",
            [sum(self.killer.killed.values())],
            each=dict(self.killer.killed),
            by_itself=dict(self.killer.revived),
        )
        if problems := changes + findings + hosts:
            raise Broken("\n".join(problems[:40]))

    def _findings(self) -> list[str]:
        """The findings that are there against those that must be: each once, on its hosts."""
        found = Counter(
            Occurrence.objects.filter(ended_at=None, finding__resource=f"file:{FILE}").values_list(
                "finding", flat=True
            )
        )
        wanted = self.edits * [ALIKE] + self.edits * ALONE * [1]
        others = Finding.objects.exclude(resource=f"file:{FILE}").values_list("resource", flat=True)
        problems = [f"nobody did this: {resource}" for resource in others]
        if sorted(found.values()) != sorted(wanted):
            problems.append(f"findings on {sorted(found.values())} hosts, not on {sorted(wanted)}")
        if Finding.objects.count() != len(wanted):
            problems.append(f"{Finding.objects.count()} findings, not {len(wanted)}")
        return problems

    def _hosts_of(self, scan: Scan) -> list[str]:
        """A scan that has ended well: every host looked at, and counted once."""
        scan = Scan.objects.select_related("job").get(pk=scan.pk)
        rows = list(ScanHost.objects.filter(scan=scan).values_list("host_id", "status", "reason"))
        assert scan.job is not None
        told = {
            "state": scan.job.state,
            "items_done": scan.job.items_done,
            "rows": len(rows),
            "hosts": len({host for host, *_ in rows}),
            "ok": sum(status == "ok" for _, status, _ in rows),
            "counted": {name: count for name, count in scan.counts["hosts"].items() if count},
        }
        n = self.count
        wanted = {
            "state": "done",
            "items_done": n,
            "rows": n,
            "hosts": n,
            "ok": n,
            "counted": {"ok": n, "total": n},
        }
        if told == wanted:
            return []
        reasons = Counter(f"{status} {reason}" for _, status, reason in rows if status != "ok")
        errors = set(JobBatch.objects.filter(job=scan.job).exclude(error="").values_list("error", flat=True))
        return [f"{scan}: {told}, {dict(reasons)}, {errors}"]


def patiently(ask: Callable[[], Any]) -> Any:
    """What the database says, once it answers again."""
    deadline = time.monotonic() + END_SECONDS
    while True:
        try:
            return ask()
        except (OperationalError, InterfaceError):
            connection.close()
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
