"""What is seen: the chart of coverage with its table, who is missed, what a scan's page says while it runs."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from common import clock
from common.models import Job, JobBatch
from common.services.heartbeats import BEAT, RELAY, WORKER, Heart
from common.services.jobs import claim_batch, fail_batch, finish_batch
from deployments.collector import reasons
from drift.models import CoverageSample, HostScan, Scan, ScanSeen
from drift.services.observations import record_look
from drift.services.scans import create_scan
from inventory.models import Host
from tests.api.client import Caller
from tests.definitions import GitFleet, deliver_events
from tests.factories import acting
from tests.folding import begin
from tests.web.site import fragment, further, page, queries, read, window
from web.core.remedies import REMEDIES

pytestmark = pytest.mark.django_db


@pytest.fixture
def fleet(settings: Any, tmp_path: Path) -> GitFleet:
    fleet = begin(settings, tmp_path)
    fleet.now = clock.now() - timedelta(minutes=20)
    return fleet


def everybody_is_alive() -> None:
    for process in (WORKER, RELAY, BEAT):
        Heart(process).beat()


# ---- home


def test_home_says_that_nobody_takes_work_and_is_calm_when_somebody_does(fleet: GitFleet) -> None:
    text = page(window("dee"), "/")
    assert "No worker takes work: scans, fold-backs and deliveries of events wait until one runs." in text
    assert "No relay runs" in text and "No beat runs" in text
    everybody_is_alive()
    assert "doctor" not in page(window("dee"), "/")


def samples(*ago_and_counts: tuple[float, tuple[int, int, int, int, int]]) -> None:
    for days, (fresh, partial, stale, not_reached, never) in ago_and_counts:
        CoverageSample.objects.create(
            slot=clock.now() - timedelta(days=days),
            hosts=fresh + partial + stale + not_reached + never,
            fresh=fresh, partial=partial, stale=stale, not_reached=not_reached, never=never,
        )  # fmt: skip


def test_coverage_over_days_is_a_chart_and_a_table_that_says_the_same(fleet: GitFleet) -> None:
    fleet.look()
    samples((5, (0, 0, 0, 0, 3)), (3, (1000, 20, 3, 40, 5)), (9, (7, 7, 7, 7, 7)))
    response = window("dee").get("/")
    text = read(response)
    assert "1,000 20 3 40 5 1,068" in text and "0 0 0 0 3 3" in text
    assert "3 0 0 0 0 3" in text  # now
    assert " 7 7 7 7 7 35" not in text  # older than the chart
    chart = response.content.decode().partition('class="coverage"')[2].partition("</figure>")[0]
    assert "1,020 of 1,068 hosts looked at; 3 stale; 40 unreachable; 5 never" in chart
    assert chart.count("<g>") == 3 and 'style="' not in chart


def test_a_chart_of_one_moment_is_none(fleet: GitFleet) -> None:
    fleet.look()
    assert b'class="coverage"' not in window("dee").get("/").content


# ---- a scan that runs


def running(hosts: int = 0) -> tuple[Scan, Any]:
    Host.objects.bulk_create(Host(name=f"h-{n:05}", environment="prod", roles=["db"]) for n in range(hosts))
    scan = create_scan(actor=acting("ana"), selector="*")
    assert scan.job is not None
    claim = claim_batch(batch_id=scan.job.batches.order_by("position")[0].pk)
    scan.refresh_from_db()
    return scan, claim


def came(scan: Scan, hosts: list[Host], status: str = "ok", reason: str = "", **more: Any) -> None:
    HostScan.objects.bulk_create(
        HostScan(scan=scan, host=one, status=status, reason=reason, counts={"in sync": 2}, **more)
        for one in hosts
    )


def test_each_host_of_a_scan_is_counted_once_by_what_came_of_it(fleet: GitFleet) -> None:
    scan, claim = running(17)
    hosts = list(Host.objects.order_by("name"))
    came(scan, hosts[:3])
    came(scan, hosts[3:4], unmoved=True)
    came(scan, hosts[4:6], "partial", "denied")
    came(scan, hosts[6:9], "unknown", "timed out")
    came(scan, hosts[9:10], "overtaken", "outdated")
    ScanSeen.objects.create(
        scan=scan,
        batch=claim.batch_id,
        hosts=[one.pk for one in hosts[10:15]],
        status="ok",
        counts={"in sync": 4},
    )
    text = page(window("ana"), f"/scans/{scan.reference}/")
    assert "running 15 of 20 hosts" in text
    assert "not looked at 3" in text.replace("Not", "not") and "looked at 3 overtaken 1 in part 2" in text, (
        text
    )
    assert "unchanged 6" in text and "still to come 5" in text
    assert "in sync 40" in text  # ten rows with two each, five hosts with four each
    assert "1 of 1" not in text and "0 of 1 done, 1 held by 1 worker process" in text


def test_reasons_come_with_their_number_the_first_hosts_and_what_to_do(fleet: GitFleet) -> None:
    scan, _ = running(12)
    hosts = list(Host.objects.order_by("name"))
    came(scan, hosts[:7], "unknown", "authentication failed", detail="publickey refused")
    came(scan, hosts[7:8], "partial", "tool missing: sha256sum")
    came(scan, hosts[8:9], "partial", "tool missing: getfacl")
    text = page(window("ana"), f"/scans/{scan.reference}/")
    assert "authentication failed 7 hosts" in text and "Is its public half in authorized_keys" in text
    assert "h-00000: publickey refused" in text and "and 4 more" in text
    assert "tool missing 2 hosts" in text and "h-00008: getfacl" in text
    listed = page(window("ana"), f"/scans/{scan.reference}/?reason=tool+missing")
    assert "h-00007 unknown in part: tool missing: sha256sum" in listed
    assert "h-00001 unknown authentication failed" not in listed


def test_every_reason_of_ours_says_what_to_do() -> None:
    codes = {value for name, value in vars(reasons).items() if name.isupper() and isinstance(value, str)}
    assert codes - set(REMEDIES) == set()
    assert all(text.endswith((".", "?")) for text in REMEDIES.values())


def test_there_is_no_eta_before_a_basis_and_then_one_and_it_ends_frozen(fleet: GitFleet) -> None:
    scan, _ = running(97)
    client, url = window("ana"), f"/scans/{scan.reference}/"
    assert "too early to tell how long" in page(client, url)
    began = clock.now() - timedelta(seconds=20)
    Job.objects.filter(scan=scan).update(started_at=began, items_done=50)
    text = page(client, url)
    assert "about 20 s left" in text and "Rate 2.5 hosts a second" in text
    Job.objects.filter(scan=scan).update(
        state="done", finished_at=began + timedelta(seconds=20), items_done=100
    )
    Scan.objects.filter(pk=scan.pk).update(finished_at=clock.now())
    text = page(client, url)
    assert "not tried 100" in text and "still to come" not in text
    assert "Took 20 s" in text and "Rate 5.0 hosts a second" in text and "left" not in text


def test_a_scan_that_nobody_works_on_says_so_and_so_does_a_batch_that_failed(fleet: GitFleet) -> None:
    scan, claim = running()
    text = page(window("ana"), f"/scans/{scan.reference}/")
    assert "No worker takes work" in text
    everybody_is_alive()
    fail_batch(claim=claim, error="the definition's remote is away")
    text = page(window("ana"), f"/scans/{scan.reference}/")
    assert "No worker takes work" not in text
    assert "1 resting after a failure" in text and "the definition's remote is away" in text


def test_without_a_script_there_is_a_link_to_refresh(fleet: GitFleet) -> None:
    scan, _ = running()
    content = window("ana").get(f"/scans/{scan.reference}/").content.decode()
    assert f'<noscript><a class="button" href="/scans/{scan.reference}/">Refresh</a></noscript>' in content


def test_unchanged_hosts_are_listed_too_page_by_page_and_those_to_come(fleet: GitFleet) -> None:
    scan, claim = running(150)
    hosts = list(Host.objects.filter(name__startswith="h-").order_by("name"))
    ScanSeen.objects.create(
        scan=scan,
        batch=claim.batch_id,
        hosts=[one.pk for one in hosts[:120]],
        status="ok",
        counts={"in sync": 4},
    )
    client, url = window("ana"), f"/scans/{scan.reference}/"
    response = client.get(f"{url}?status=unchanged")
    assert "h-00000 unchanged in sync 4" in read(response) and "h-00100" not in read(response)
    assert "h-00119 unchanged" in page(client, further(response))
    waiting = page(client, f"{url}?status=waiting")
    assert "h-00120 not yet" in waiting and "web-1 not yet" in waiting and "h-00000" not in waiting


def test_an_old_scan_keeps_its_counts_and_reasons_when_its_hosts_rows_are_gone(fleet: GitFleet) -> None:
    scan, claim = fleet.claim()
    for name, how in (("web-1", {}), ("web-2", {"status": "unknown", "reason": "timed out"}), ("web-3", {})):
        record_look(claim=claim, scan=scan, look=fleet.shown(name, **how), against=fleet.against(name))
    finish_batch(claim=claim)
    deliver_events()
    scan.refresh_from_db()
    client, url = window("ana"), f"/scans/{scan.reference}/"
    whole, told = page(client, url), Caller.person("ana").get(f"scans/{scan.pk}/").json()["outcomes"]
    HostScan.objects.filter(scan=scan).delete()
    text = page(client, url)
    for said in ("2 of 3 hosts looked at", "looked at 2 not looked at 1", "timed out 1 host", "Took"):
        assert said in whole and said in text, said
    assert "What came of each host is not kept any more" in text
    assert Caller.person("ana").get(f"scans/{scan.pk}/").json()["outcomes"] == told


def test_the_list_is_fetched_by_itself_and_less_often_than_what_moves(fleet: GitFleet) -> None:
    scan, _ = running()
    came(scan, [fleet.hosts["web-1"]])
    client, url = window("ana"), f"/scans/{scan.reference}/"
    whole = client.get(url).content
    assert b'hx-trigger="every 2s"' in whole and b'hx-trigger="every 10s"' in whole
    assert "web-1" not in read(fragment(client, url))
    listed = client.get(url, headers={"HX-Request": "true", "HX-Target": "hosts"})
    assert "web-1 wholly" in read(listed) and "Rate" not in read(listed)


@pytest.mark.parametrize("what", ["live", "hosts", ""])
def test_a_look_at_a_running_scan_costs_the_same_for_any_number_of_hosts(fleet: GitFleet, what: str) -> None:
    def cost(hosts: int) -> int:
        Scan.objects.all().update(finished_at=clock.now())
        JobBatch.objects.all().delete()
        Host.objects.filter(name__startswith="h-").delete()
        scan, _ = running(hosts)
        came(scan, list(Host.objects.all())[: hosts // 2 + 1], "unknown", "timed out")
        headers = {"HTTP_HX_REQUEST": "true", "HTTP_HX_TARGET": what} if what else {}
        return queries(window("ana", **headers), f"/scans/{scan.reference}/")

    assert cost(60) == cost(2) <= 13


def test_the_pages_of_scans_do_not_read_the_hosts_that_are_frozen_on_them(fleet: GitFleet) -> None:
    scan, _ = running(5)
    client = window("ana")
    for path in ("/", "/scans/", f"/scans/{scan.reference}/"):
        with CaptureQueriesContext(connection) as caught:
            assert client.get(path).status_code == 200
        reads = [query["sql"] for query in caught if '"drift_scan"."hosts"' in query["sql"]]
        assert reads == [], path
