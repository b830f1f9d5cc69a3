"""A site's limit over several workers: never more connections open at once than it allows, and every host looked at."""

import queue
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from benchmarks.fleet import FleetOptions, serving
from benchmarks.known import found_definition, register_hosts
from common.models import Job, JobBatch
from common.services.jobs import run_batch
from common.services.relay import announce_pending
from deployments.transport.choose import Ways
from drift.models import ScanHost
from drift.services.scans import create_scan
from inventory.models import Host
from inventory.services.sites import create_site
from tests.definitions import path_settings
from tests.factories import acting

pytestmark = pytest.mark.django_db(transaction=True)

WORKERS = 4


class Gauge:
    """How many connections are open, and how many ever were at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.open = self.most = 0

    def move(self, by: int) -> None:
        with self._lock:
            self.open += by
            self.most = max(self.most, self.open)


class Counted:
    def __init__(self, way: Any, gauge: Gauge) -> None:
        self._way, self._gauge = way, gauge

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Any]:
        self._gauge.move(1)
        try:
            async with self._way.session() as session:
                yield session
        finally:
            self._gauge.move(-1)


def worked_off(job: Job) -> None:
    """Relay and workers, as threads, until the job has ended."""
    batches: queue.Queue[UUID | None] = queue.Queue()

    def worker() -> None:
        try:
            while (batch := batches.get()) is not None:
                run_batch(batch_id=batch)
        finally:
            connection.close()

    threads = [threading.Thread(target=worker) for _ in range(WORKERS)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 60
    while Job.objects.get(pk=job.pk).finished_at is None and time.monotonic() < deadline:
        announce_pending(publish=lambda task, pk: batches.put(pk) if task == "common.run_batch" else None)
        time.sleep(0.05)
    for _ in threads:
        batches.put(None)
    for thread in threads:
        thread.join(timeout=20)


@pytest.mark.parametrize(("limit", "most"), [(None, None), (5, 4)])
def test_no_more_connections_are_open_than_the_site_allows(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int | None, most: int | None
) -> None:
    small = {"SCAN_CONCURRENCY": 4, "SCAN_BATCH_HOSTS": 4, "EVENT_CONSUMERS": {}}
    for name, value in path_settings(tmp_path, **small).items():
        setattr(settings, name, value)
    gauge = Gauge()
    real = Ways.to
    monkeypatch.setattr(Ways, "to", lambda self, way: Counted(real(self, way), gauge))
    with serving(FleetOptions(hosts=24, resources=40, latency=0.15)) as fleet:
        found_definition(fleet)
        register_hosts(fleet)
        Host.objects.update(site="berlin")
        create_site(actor=acting("cy"), name="berlin", connections=limit)
        scan = create_scan(actor=acting("cy"), selector="site=berlin")
        assert scan.job is not None
        worked_off(scan.job)
    assert ScanHost.objects.filter(scan=scan, status="ok").count() == 24
    assert set(JobBatch.objects.filter(job=scan.job).values_list("state", "held")) == {("done", 0)}
    if most is None:
        assert gauge.most > 5, "or this test proves nothing"
    else:
        # Five are two batches of two each: equal parts.
        assert gauge.most == most
