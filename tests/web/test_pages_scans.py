"""Scans: started with a look at what the selector means, watched to their end, read with honest counts."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db.models import F

from common import clock
from common.services.jobs import finish_batch
from drift.models import Scan
from drift.services.observations import record_look
from drift.services.scans import PRESSED_TWICE, create_scan
from inventory.models import Host
from tests.definitions import GitFleet, deliver_events
from tests.factories import acting, host, logged
from tests.folding import begin, fixed_by_hand
from tests.web.site import field, fragment, page, queries, read, window

pytestmark = pytest.mark.django_db


@pytest.fixture
def fleet(settings: Any, tmp_path: Path) -> GitFleet:
    fleet = begin(settings, tmp_path)
    fleet.now = clock.now() - timedelta(minutes=20)
    return fleet


def scanned(fleet: GitFleet, *unreached: str) -> Scan:
    """A finished scan of all hosts, of which some did not answer."""
    scan, claim = fleet.claim()
    for name in fleet.hosts:
        fleet.now = clock.now()
        how = {"status": "unknown", "reason": "connection refused"} if name in unreached else {}
        record_look(claim=claim, scan=scan, look=fleet.shown(name, **how), against=fleet.against(name))
    finish_batch(claim=claim)
    deliver_events()
    return Scan.objects.get(pk=scan.pk)


def url(scan: Scan, more: str = "") -> str:
    scan.refresh_from_db()
    return f"/scans/{scan.reference}/{more}"


def test_a_scan_is_started_with_one_field_and_leads_to_its_page(fleet: GitFleet) -> None:
    mine = window("ana")
    response = mine.post("/scans/", {"selector": "role=web -web-3"})
    scan = Scan.objects.latest("created_at")
    assert response.headers["Location"] == url(scan)
    assert len(scan.hosts) == 2 and scan.requested_by == "ana" and scan.mode == "deep"


def test_who_starts_a_scan_says_how_closely_it_looks(fleet: GitFleet) -> None:
    mine = window("ana")
    assert "looks only at what moved" in mine.get("/scans/").content.decode()
    mine.post("/scans/", {"selector": "role=web", "mode": "quick"})
    assert Scan.objects.latest("created_at").mode == "quick"
    before = Scan.objects.count()
    assert mine.post("/scans/", {"selector": "role=web", "mode": "glance"}).status_code == 422
    assert Scan.objects.count() == before


@pytest.mark.parametrize(
    ("selector", "told"), [("", "Say which hosts"), ("role=[", "whole word"), ("nobody", "no host")]
)
def test_a_selector_that_can_not_be_used_is_told_and_stays(fleet: GitFleet, selector: str, told: str) -> None:
    before = Scan.objects.count()
    response = window("ana").post("/scans/", {"selector": selector})
    assert response.status_code in (400, 422) and told in read(response)
    assert field(response, "selector") == selector and Scan.objects.count() == before


def test_what_a_selector_means_is_counted_while_it_is_typed(fleet: GitFleet) -> None:
    Host.objects.bulk_create(Host(name=f"db-{n}", environment="prod") for n in range(9))
    mine = window("ana")
    seen = fragment(mine, "/scans/preview/?selector=db-*")
    assert "9 of 12 hosts" in read(seen) and "db-0, db-1, db-2 and 6 more" in read(seen)
    assert "1 of 12 hosts" in read(fragment(mine, "/scans/preview/?where=web-1"))
    assert "nothing matches" in read(fragment(mine, "/scans/preview/?selector=role%3Dnope"))
    assert "can't be read" in read(fragment(mine, "/scans/preview/?selector=%5B"))
    assert read(fragment(mine, "/scans/preview/")) == ""


def test_those_who_may_not_scan_see_the_scans_and_no_form(fleet: GitFleet) -> None:
    scanned(fleet)
    response = window("dee").get("/scans/")
    assert "3 of 3" in read(response) and 'name="selector"' not in response.content.decode()


def test_a_running_scan_shows_its_bar_and_is_asked_for_again(fleet: GitFleet) -> None:
    scan, claim = fleet.claim()
    record_look(claim=claim, scan=scan, look=fleet.shown("web-1"), against=fleet.against("web-1"))
    response = window("ana").get(url(scan))
    text = read(response)
    assert "running 1 of 3 hosts" in text and "Stop" in text and "web-1 wholly" in text
    assert b'hx-trigger="every 2s"' in response.content and b'http-equiv="refresh"' in response.content
    live = fragment(window("ana"), url(scan))
    assert "1 of 3 hosts" in read(live) and b"<html" not in live.content
    assert "Stop" not in page(window("dee"), url(scan))


def test_when_a_scan_is_over_its_page_is_loaded_a_last_time(fleet: GitFleet) -> None:
    scan = scanned(fleet)
    assert fragment(window("ana"), url(scan), 204).headers["HX-Refresh"] == "true"
    response = window("ana").get(url(scan))
    assert b"hx-trigger" not in response.content.split(b"<main")[1]


def test_the_end_of_a_scan_tells_what_was_seen_and_what_was_not(fleet: GitFleet) -> None:
    fleet.edit("web-1", "/etc/motd", "hello", "bye")
    text = page(window("dee"), url(scanned(fleet, "web-2", "web-3")))
    assert "1 of 3 hosts looked at; 1 resource out of band; 2 hosts could not be looked at." in text
    assert "connection refused 2 hosts" in text
    assert "Not looked at 2" in text and "Looked at 1" in text


def test_hosts_of_a_scan_are_narrowed_by_how_the_look_went(fleet: GitFleet) -> None:
    scan = scanned(fleet, "web-2")
    text = page(window("dee"), url(scan, "?status=unknown"))
    assert "web-2 unknown connection refused" in text and "web-1 wholly" not in text
    assert "web-1 wholly" in page(window("dee"), url(scan, "?status=zzz"))


def test_a_scan_is_stopped_and_says_what_was_not_tried(fleet: GitFleet) -> None:
    scan = create_scan(actor=acting("ana"), selector="*")
    mine = window("ana")
    mine.post(url(scan, "cancel/"))
    deliver_events()
    text = page(mine, url(scan))
    assert "stops. What has been looked at stays." in text
    assert "0 of 3 hosts looked at; 3 not tried." in text
    mine.post(url(scan, "cancel/"))
    assert "is already cancelled" in page(mine, url(scan))


def test_a_scan_takes_the_same_number_of_queries_for_any_number_of_hosts(fleet: GitFleet) -> None:
    few = queries(window("ana"), url(scanned(fleet)))
    for number in range(10, 30):
        fleet.hosts[f"web-{number}"] = host(f"web-{number}")
        fleet.live[f"web-{number}"] = fleet.as_defined(f"web-{number}")
    assert queries(window("ana"), url(scanned(fleet))) == few


def test_the_drift_report_is_dated_and_tells_what_where_whose_and_what_was_not_seen(fleet: GitFleet) -> None:
    logged("ana", hosts=["web-1"], resources=["file:/etc/app.conf"], happened_at=clock.now())
    fleet.edit("web-1", "/etc/app.conf", "limit 10", "limit <99>")
    scan = scanned(fleet, "web-3")
    response = window("dee").get(url(scan, "report/"))
    text = read(response)
    assert f"Drift report {scan.reference}" in text
    assert "1 finding on 1 of 3 hosts; 1 host could not be looked at" in text
    assert "edited: 1 line removed, 1 added" in text.replace("1 line added", "1 added")
    assert "Answers for it Ana" in text and "web-3 prod unknown connection refused" in text
    assert b"<99>" not in response.content
    same = window("dee").get(f"/api/v1/reports/scans/{scan.reference}/?format=html")
    assert same.status_code == 200 and f"Drift report {scan.reference}" in read(same)


def test_a_report_without_drift_says_so_of_what_could_be_looked_at(fleet: GitFleet) -> None:
    scan = scanned(fleet, "web-3")
    assert "No drift on the 2 of 3 hosts that could be looked at" in page(window("dee"), url(scan, "report/"))


def test_the_report_as_csv_is_one_click_for_whoever_is_signed_in(fleet: GitFleet) -> None:
    fixed_by_hand(fleet)
    scan = scanned(fleet)
    assert (
        f"/api/v1/reports/scans/{scan.reference}/?format=csv" in window("dee").get(url(scan)).content.decode()
    )
    answer = window("dee").get(f"/api/v1/reports/scans/{scan.reference}/?format=csv")
    assert answer.headers["Content-Type"].startswith("text/csv") and b"/etc/app.conf" in answer.content


def test_the_button_pressed_twice_is_one_scan(fleet: GitFleet) -> None:
    before = Scan.objects.count()
    ana = window("ana")
    first, second = (ana.post("/scans/", {"selector": "role=web"}) for _ in range(2))
    assert first["Location"] == second["Location"] and Scan.objects.count() == before + 1
    assert window("ben").post("/scans/", {"selector": "role=web"})["Location"] != first["Location"]
    assert ana.post("/scans/", {"selector": "web-1"})["Location"] != first["Location"]


def test_the_same_hosts_are_looked_at_anew_a_moment_later(fleet: GitFleet) -> None:
    ana = window("ana")
    first = ana.post("/scans/", {"selector": "role=web"})
    Scan.objects.update(created_at=F("created_at") - PRESSED_TWICE)
    assert ana.post("/scans/", {"selector": "role=web"})["Location"] != first["Location"]


def test_a_host_that_a_later_scan_looked_at_first_is_not_counted_as_missed(fleet: GitFleet) -> None:
    scan, claim = fleet.claim("web-1")
    fleet.now += timedelta(minutes=1)
    early, against = fleet.shown("web-1"), fleet.against("web-1")
    fleet.look("web-1")
    record_look(claim=claim, scan=scan, look=early, against=against)
    text = page(window("dee"), f"/scans/{scan.reference}/")
    assert "by a later scan too, which counts" in text and "Not looked at 0" in text
