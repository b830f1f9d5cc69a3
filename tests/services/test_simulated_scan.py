"""A service scans a simulated fleet: in sync as it is made, and each edit by hand is one finding."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks.fleet import FleetOptions, serving
from benchmarks.known import found_definition, register_hosts
from common.models import JobBatch
from common.services.jobs import run_batch
from drift.models import Finding, Occurrence, ScanHost
from drift.services.scans import create_scan
from tests.definitions import path_settings
from tests.factories import acting

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_simulated_fleet_is_in_sync_until_somebody_edits_it(settings: Any, tmp_path: Path) -> None:
    for name, value in path_settings(tmp_path).items():
        setattr(settings, name, value)
    with serving(FleetOptions(hosts=6, resources=60)) as fleet:
        found_definition(fleet)
        hosts = register_hosts(fleet)
        assert [host.name for host in hosts] == [fleet.name(number) for number in range(6)]
        for edited in (None, 2, 4):
            if edited is not None:
                fleet.append(edited, "/etc/app/conf/00.d/0001.conf", b"by hand\n")
            scan = create_scan(actor=acting("cy"), selector="*")
            for batch in JobBatch.objects.filter(job=scan.job):
                run_batch(batch_id=batch.pk)
            assert ScanHost.objects.filter(scan=scan, status="ok").count() == 6
            if edited is None:
                assert not Finding.objects.exists()
        assert Finding.objects.get().resource == "file:/etc/app/conf/00.d/0001.conf"
        assert set(Occurrence.objects.values_list("host__name", flat=True)) == {fleet.name(2), fleet.name(4)}
