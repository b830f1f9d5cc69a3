"""A whole scan with hostile hosts in it: it ends in time, each of them is unknown with the reason, the others are recorded.

The hosts are in a process of their own, so that what is measured here is ours.
"""

import gc
import resource
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from benchmarks.fleet import FleetOptions, FleetProcess
from benchmarks.known import found_definition, register_hosts
from common.models import Job, JobBatch
from common.services.jobs import cancel_job, run_batch
from drift.core.retries import Retries
from drift.models import Finding, HostState, Occurrence, Scan, ScanHost
from drift.services import looking
from drift.services.scans import create_scan
from tests.definitions import path_settings
from tests.factories import acting

pytestmark = pytest.mark.django_db(transaction=True)

HOSTS = 30
CONNECT, SESSION = 2, 3
# What each may be called. A flood is over the limit, or out of time on a machine that is slow.
HOSTILE = {
    "silent": {"timed out"},
    "stall": {"timed out"},
    "trickle": {"timed out"},
    "mute": {"timed out"},
    "noise": {"connection lost", "protocol error"},
    "lengths": {"protocol error"},
    "reset": {"connection lost"},
    "hang": {"timed out"},
    "drip": {"timed out"},
    "half": {"timed out"},
    "flood": {"over limit", "timed out"},
    "errors": {"over limit", "timed out"},
    "ignore": {"over limit", "timed out"},
    "binary": {"garbled"},
    "exit": {"command refused"},
    "cut": {"connection lost"},
    "short": {"truncated"},
    "lie": {"garbled"},
}
CUT_SHORT = {"short", "cut", "half"}


@pytest.fixture(scope="module")
def served() -> Iterator[FleetProcess]:
    with FleetProcess(FleetOptions(hosts=HOSTS, resources=60)) as fleet:
        yield fleet


@pytest.fixture
def fleet(
    served: FleetProcess, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FleetProcess]:
    """Thirty hosts that a service knows, with short limits; they behave."""
    monkeypatch.setattr(looking, "Retries", partial(Retries, total=2.0))
    limits = {"SCAN_CONNECT_SECONDS": CONNECT, "SCAN_HOST_SECONDS": SESSION}
    for name, value in path_settings(tmp_path, **limits).items():
        setattr(settings, name, value)
    found_definition(served)
    register_hosts(served)
    yield served
    served.behave(list(range(HOSTS)))
    served.restore()


def scanned(mode: str) -> tuple[Scan, float]:
    scan = create_scan(actor=acting("cy"), selector="*", mode=mode)
    started = time.monotonic()
    for batch in JobBatch.objects.filter(job=scan.job):
        run_batch(batch_id=batch.pk)
    return scan, time.monotonic() - started


def told(scan: Scan) -> dict[str, tuple[str, str]]:
    rows = ScanHost.objects.filter(scan=scan).values_list("host__name", "status", "reason")
    return {name: (status, reason) for name, status, reason in rows}


@pytest.mark.parametrize("mode", ["quick", "deep"])
def test_hostile_hosts_are_unknown_with_the_reason_in_bounded_time_and_memory(
    fleet: FleetProcess, mode: str
) -> None:
    scanned("deep")
    last: dict[str, Any] = dict(HostState.objects.values_list("host__name", "observed_at"))
    assert len(last) == HOSTS
    names = [host["name"] for host in fleet.inventory()]
    kinds = list(HOSTILE)
    for number, kind in enumerate(kinds):
        fleet.misbehave([number], kind)
    if mode == "quick":  # digests that are none prove nothing: it is looked at in full
        fleet.misbehave([len(kinds)], "sums")
    edited = HOSTS - 1
    fleet.append(edited, "/etc/app/conf/00.d/0001.conf", b"by hand\n")
    gc.collect()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    scan, seconds = scanned(mode)

    assert seconds < 3 * (CONNECT + SESSION)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(f"{mode}: {seconds:.1f} s, {grown:.0f} MiB more")
    assert grown < 300, f"{grown:.0f} MiB"
    seen = told(scan)
    assert len(seen) == HOSTS
    for number, kind in enumerate(kinds):
        status, reason = seen[names[number]]
        assert reason in HOSTILE[kind], (kind, status, reason)
        # Of an answer that is cut short, what had come whole still counts.
        assert status == "unknown" or (kind in CUT_SHORT and status == "partial"), (kind, status)
    others = [names[number] for number in range(len(kinds), HOSTS)]
    assert {seen[name] for name in others} == {("ok", "")}
    now: dict[str, Any] = dict(HostState.objects.values_list("host__name", "observed_at"))
    assert all(now[name] > last[name] for name in others)
    unseen = [name for name in names if seen[name][0] == "unknown"]
    assert all(now[name] == last[name] for name in unseen)
    assert Finding.objects.get().resource == "file:/etc/app/conf/00.d/0001.conf"
    assert set(Occurrence.objects.values_list("host__name", flat=True)) == {names[edited]}


def test_a_cancel_stops_a_scan_of_hosts_that_hang_within_five_seconds(
    fleet: FleetProcess, settings: Any
) -> None:
    settings.SCAN_CONNECT_SECONDS = settings.SCAN_HOST_SECONDS = 60
    fleet.misbehave(list(range(0, HOSTS, 2)), "hang")
    fleet.misbehave(list(range(1, HOSTS, 2)), "silent")
    scan = create_scan(actor=acting("cy"), selector="*", mode="quick")
    batch = JobBatch.objects.get(job=scan.job)

    def work() -> None:
        try:
            run_batch(batch_id=batch.pk)
        finally:
            connection.close()

    worker = threading.Thread(target=work)
    worker.start()
    time.sleep(1.5)
    asked = time.monotonic()
    cancel_job(actor=acting("cy"), job=Job.objects.get(pk=batch.job_id))
    worker.join(timeout=20)
    assert time.monotonic() - asked < 5
    assert not [thread for thread in threading.enumerate() if thread.name == "look"]
    batch.refresh_from_db()
    assert batch.state == "cancelled"
    assert told(scan) == {}
