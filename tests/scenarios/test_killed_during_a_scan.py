"""Worker, relay and Valkey are killed while hosts are scanned: nothing is lost, nothing is there twice."""

import random
import time
from pathlib import Path

import pytest

from common.models import JobBatch
from drift.models import Finding, HostScan, Occurrence, Scan
from tests.scenarios.shop import Shop
from tests.scenarios.stack import ADDRESS, LEASE_SECONDS, Stack, wait_until

pytestmark = pytest.mark.slow

HOSTS = 48
EDITED = 9
KILLS = 5
PROGRAMS = ("worker", "worker", "relay", "valkey")


def test_killing_worker_relay_and_valkey_during_a_scan_loses_and_repeats_nothing(
    stack: Stack, tmp_path: Path
) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)
    with Shop(tmp_path, hosts=HOSTS).served() as shop:
        shop.edit("/etc/motd", "Authorised", "Unauthorised", on=shop.names[:EDITED])
        stack.start()
        with stack.client(shop.tokens["ana"]) as ana:
            answer = ana.post("/scans/", json={"hosts": "role=web"})
            assert answer.status_code == 202, answer.text
        scan = Scan.objects.get(pk=answer.json()["id"])
        killed_in_the_middle = 0
        for name in ("worker", "valkey", "relay", *(chance.choice(PROGRAMS) for _ in range(KILLS))):
            time.sleep(chance.uniform(0.2, 0.8))
            killed_in_the_middle += not ended(scan)
            stack.restart(name)
        wait_until(lambda: ended(scan), seconds=30 + 6 * LEASE_SECONDS, what="the end of the scan")
        wait_until(lambda: Scan.objects.get(pk=scan.pk).finished_at, what="the scan's counts")
    assert killed_in_the_middle >= 3, "the scan was over before anything was killed: it tried nothing"
    assert HostScan.objects.filter(scan=scan, status="ok").count() == HOSTS
    scan.refresh_from_db()
    assert (scan.job.state, scan.job.items_done) == ("done", HOSTS)
    assert {name: count for name, count in scan.counts["hosts"].items() if count} == {
        "ok": HOSTS,
        "total": HOSTS,
    }
    finding = Finding.objects.get()
    assert Occurrence.objects.filter(finding=finding).count() == EDITED
    assert not JobBatch.objects.exclude(state="done").exists()


def ended(scan: Scan) -> bool:
    scan.job.refresh_from_db()
    return scan.job.state in ("done", "failed", "cancelled")


def test_flushing_redis_in_the_middle_of_a_scan_still_completes(stack: Stack, tmp_path: Path) -> None:
    import redis

    with Shop(tmp_path, hosts=16).served() as shop:
        stack.start("valkey", "web", "relay")
        with stack.client(shop.tokens["ana"]) as ana:
            scan = Scan.objects.get(pk=ana.post("/scans/", json={"hosts": "*"}).json()["id"])
        wait_until(lambda: not JobBatch.objects.filter(announced_at=None).exists(), what="the announcement")
        redis.Redis(ADDRESS, stack.redis_port).flushall()
        stack.start("worker")
        wait_until(lambda: ended(scan), seconds=20 + 2 * LEASE_SECONDS, what="the end of the scan")
    assert HostScan.objects.filter(scan=scan).count() == 16
