"""Two scans of the same hosts at once: none waits in a circle, and the latest look stands."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from common import clock
from drift.models import HostScan, HostState, Occurrence, Scan, ScanHost
from drift.services.memories import known_of
from drift.services.scan_batches import _tried
from drift.services.seen import Seen, record_seen
from inventory.models import Host
from tests.definitions import Repository, path_settings
from tests.factories import host, in_threads
from tests.quick_fleet import QuickFleet

pytestmark = pytest.mark.django_db(transaction=True)

HOSTS = 30


@pytest.fixture
def fleet(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> QuickFleet:
    """As defined, but for every third, which has the same edit by hand."""
    for name, value in path_settings(tmp_path).items():
        setattr(settings, name, value)
    Repository({"base/resources.yaml": 'files:\n  /etc/motd: {content: "hello\\n"}\n'})
    fleet = QuickFleet(monkeypatch, [host(f"web-{n}") for n in range(HOSTS)])
    for number, name in enumerate(fleet.hosts):
        fleet.write(name, "/etc/motd", "hello\n" if number % 3 else "by hand\n")
    fleet.scan()
    return fleet


def told(*, later: float, backwards: bool = False) -> list[Seen]:
    hosts = {each.pk: each for each in Host.objects.order_by("-name" if backwards else "name")}
    known = known_of(list(hosts))
    return [Seen(each, known[pk], clock.now() + timedelta(seconds=later), 0.1) for pk, each in hosts.items()]


def test_two_scans_that_see_the_same_hosts_at_once_both_write_and_the_later_look_stands(
    fleet: QuickFleet,
) -> None:
    held = [fleet.claim(), fleet.claim()]
    looks = [told(later=0), told(later=1, backwards=True)]

    def record(number: int) -> list[Seen]:
        scan, claim = held[number]
        return _tried(lambda: record_seen(claim=claim, scan=scan, seen=looks[number], revision="r"))

    left = in_threads(*[lambda number=number: record(number) for number in range(2)])
    assert all(isinstance(one, list) for one in left), left
    assert left[1] == []  # the later one is never too late
    assert len(left[0]) in (0, HOSTS)  # the earlier one is, where the later was written first
    for number, (scan, _) in enumerate(held):
        assert ScanHost.objects.filter(scan=scan).count() == HOSTS - len(left[number])
    latest = {one.host.pk: one.started_at for one in looks[1]}
    assert dict(HostState.objects.values_list("host_id", "observed_at")) == latest
    found = Occurrence.objects.filter(ended_at=None).select_related("finding")
    assert {(row.host_id, row.last_seen_at) for row in found} == {
        (row.host_id, latest[row.host_id]) for row in found
    }
    assert len({row.finding_id for row in found}) == 1 and len(found) == HOSTS / 3
    assert found[0].finding.last_seen_at == max(latest[row.host_id] for row in found)


def test_a_look_in_full_and_many_that_were_only_seen_do_not_wait_in_a_circle(fleet: QuickFleet) -> None:
    looks = told(later=0)
    seen = fleet.claim()
    for name in ("web-0", "web-1"):  # behind forged times: a deep look finds it, and looks in full
        fleet.fakes[name].nodes[b"/etc/motd"].content += b"!"

    def record() -> list[Seen]:
        scan, claim = seen
        return _tried(lambda: record_seen(claim=claim, scan=scan, seen=looks, revision="r"))

    def in_full() -> Scan:
        return fleet.scan("name=web-0 name=web-1", mode="deep")

    left, deep = in_threads(record, in_full)
    assert isinstance(left, list) and isinstance(deep, Scan), (left, deep)
    assert {one.host.name for one in left} <= {"web-0", "web-1"}
    assert HostScan.objects.filter(scan=deep, status__in=("ok", "overtaken")).count() == 2
    # Of web-1, where nothing had been found before, the look in full may have come too late.
    assert Occurrence.objects.filter(ended_at=None).count() - HOSTS // 3 in (0, 1)
