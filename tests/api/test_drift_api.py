"""Scans, findings and reports over the API."""

import csv
import io
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from common import clock
from common.models import Job
from drift.api.reports import _cell
from drift.models import Finding, ScanSeen
from drift.services.observations import record_look
from tests.factories import host, token
from tests.looks import Fleet
from tests.services.test_findings import DEFINITION, edit

pytestmark = pytest.mark.django_db


def client(who: str = "ana", role: str = "ops") -> APIClient:
    found = APIClient()
    found.credentials(HTTP_AUTHORIZATION=f"Bearer {token(who, name=f'{who}-api', role=role)[1]}")
    return found


@pytest.fixture
def fleet() -> Fleet:
    fleet = Fleet(DEFINITION, [host(f"web-{n}") for n in (1, 2, 3)])
    fleet.look()
    for name in ("web-1", "web-2"):
        edit(fleet, name, "limit 10", "limit 99")
    fleet.look()
    return fleet


def test_a_scan_is_started_over_a_selector_and_followed(fleet: Fleet) -> None:
    started = client().post("/api/v1/scans/", {"hosts": "role=web"}, format="json")
    assert started.status_code == 202
    body = started.json()
    nobody_can_tell = {"elapsed_seconds": 0, "rate": None, "eta": None}
    assert body["progress"] == {"hosts": 3, "done": 0, **nobody_can_tell} and body["state"] == "queued"
    assert client().get(started["Location"]).json()["reference"] == body["reference"]
    assert client().get(body["job"]).json()["items_total"] == 3


def test_hosts_of_a_scan_are_listed_one_by_one_also_those_that_were_written_together(fleet: Fleet) -> None:
    scan, claim = fleet.claim()
    record_look(claim=claim, scan=scan, look=fleet.shown("web-1"), against=fleet.against("web-1"))
    others = [fleet.hosts[name].pk for name in ("web-2", "web-3")]
    ScanSeen.objects.create(
        scan=scan,
        batch=claim.batch_id,
        hosts=others,
        status="ok",
        revision="r",
        counts={"in sync": 3},
        seconds=0.2,
    )
    address: str | None = f"/api/v1/scans/{scan.pk}/hosts/?limit=1&count=true"
    rows = []
    while address is not None:
        page = client().get(address).json()
        assert page["count"] == 3
        rows, address = rows + page["results"], page["next"]
    told = {row["host"]: (row["status"], row["unmoved"], row["counts"].get("in sync")) for row in rows}
    assert len(rows) == 3 and told["web-2"] == told["web-3"] == ("ok", True, 3)
    assert told["web-1"][1] is False
    assert client().get(f"/api/v1/scans/{scan.pk}/hosts/?status=partial").json()["results"] == []


def test_scan_and_job_tell_the_same_progress_rate_and_eta_and_what_came_of_hosts(fleet: Fleet) -> None:
    scan, claim = fleet.claim()
    record_look(claim=claim, scan=scan, look=fleet.shown("web-1"), against=fleet.against("web-1"))
    Job.objects.filter(scan=scan).update(
        started_at=clock.now() - timedelta(seconds=100), items_done=500, items_total=1000
    )
    told = client().get(f"/api/v1/scans/{scan.pk}/").json()
    job = client().get(f"/api/v1/jobs/{scan.job_id}/").json()
    assert told["progress"]["rate"] == pytest.approx(5, rel=0.05) == job["progress"]["rate"]
    assert told["progress"]["done"] == job["progress"]["done"] == 500
    left = datetime.fromisoformat(told["progress"]["eta"]) - clock.now()
    assert timedelta(seconds=90) < left < timedelta(seconds=105) and job["progress"]["eta"]
    outcomes = {"unchanged": 0, "ok": 1, "partial": 0, "overtaken": 0, "unknown": 0, "waiting": 999}
    assert told["outcomes"] == outcomes
    assert (job["hands"]["batches"], job["hands"]["running"], job["hands"]["workers"]) == (1, 1, 1)
    over = clock.now()
    Job.objects.filter(scan=scan).update(state="done", finished_at=over, items_done=1000)
    ended = client().get(f"/api/v1/jobs/{scan.job_id}/").json()["progress"]
    assert ended["eta"] is None and ended["rate"] == pytest.approx(10, rel=0.05)
    assert client().get(f"/api/v1/jobs/{scan.job_id}/").json()["progress"] == ended


def test_a_list_of_scans_does_not_read_the_hosts_that_are_frozen_on_them(fleet: Fleet) -> None:
    ana = client()
    with CaptureQueriesContext(connection) as caught:
        assert ana.get("/api/v1/scans/").json()["results"]
    assert not [query for query in caught if '"drift_scan"."hosts"' in query["sql"]]


@pytest.mark.parametrize("selector", ["", "role=", "colour=red", "web-[1-", "role=nothing"])
def test_a_selector_that_means_nothing_starts_nothing(fleet: Fleet, selector: str) -> None:
    answer = client().post("/api/v1/scans/", {"hosts": selector}, format="json")
    assert answer.status_code in (400, 422), answer.content
    assert answer.json()["errors"][0]["pointer"] == "/hosts"


def test_an_auditor_reads_but_starts_no_scan_and_claims_nothing(fleet: Fleet) -> None:
    dee = client("dee", "auditor")
    assert dee.get("/api/v1/findings/").status_code == 200
    assert dee.post("/api/v1/scans/", {"hosts": "*"}, format="json").status_code == 403
    assert dee.post(f"/api/v1/findings/{Finding.objects.get().reference}/claim/").status_code == 403


def test_findings_are_listed_with_honest_counts_and_filtered(fleet: Fleet) -> None:
    ana = client()
    [found] = ana.get("/api/v1/findings/?state=open&host=web-1&resource__contains=app").json()["results"]
    assert found["hosts"] == {"total": 2, "open": 2, "conflict": 0, "waiting": 0, "proven": 0}
    assert found["summary"] == "edited: 1 line removed, 1 line added"
    assert found["is_explained"] is False
    assert ana.get("/api/v1/findings/?host=web-3").json()["results"] == []
    assert ana.get("/api/v1/findings/?is_explained=true").json()["results"] == []
    assert ana.get("/api/v1/findings/?hots=web-3").status_code == 400
    assert "one of these: open, decided" in ana.get("/api/v1/findings/?state=opne").json()["detail"]
    assert ana.get("/api/v1/findings/?state__in=open,opne").status_code == 400


def test_the_list_of_findings_takes_the_same_number_of_queries_however_long(
    fleet: Fleet, django_assert_max_num_queries: Any
) -> None:
    for name in fleet.hosts:
        edit(fleet, name, "hello", f"bye from {name}!", "/etc/motd")
    fleet.look()
    ana = client()
    with django_assert_max_num_queries(8):
        assert ana.get("/api/v1/findings/").status_code == 200


def test_a_finding_is_claimed_by_one_and_released_by_that_one(fleet: Fleet) -> None:
    url = f"/api/v1/findings/{Finding.objects.get().reference}/claim/"
    assert client().post(url).json()["claimed_by"]["username"] == "ana"
    second = client("ben", "release-manager").post(url)
    assert second.status_code == 409 and "Ana claimed" in second.json()["detail"]
    assert client().delete(url).json()["claimed_by"] is None


def test_occurrences_tell_base_head_and_live(fleet: Fleet) -> None:
    rows = client().get(f"/api/v1/findings/{Finding.objects.get().pk}/occurrences/").json()["results"]
    assert {row["host"] for row in rows} == {"web-1", "web-2"}
    base, head, live = (rows[0][side]["data"]["sha256"] for side in ("base", "head", "live"))
    assert base == head != live


def test_the_drift_report_has_each_finding_on_each_host_and_what_was_not_seen(fleet: Fleet) -> None:
    scan, claim = fleet.claim("web-1", "web-3")
    record_look(claim=claim, scan=scan, look=fleet.shown("web-1"), against=fleet.against("web-1"))
    missed = fleet.shown("web-3", status="unknown", reason="connection refused")
    record_look(claim=claim, scan=scan, look=missed, against=fleet.against("web-3"))
    url = f"/api/v1/reports/scans/{scan.reference}/"
    told = client().get(url).json()
    assert [row["host"] for row in told["rows"]] == ["web-1"]
    assert [row["reason"] for row in told["not_seen"]] == ["connection refused"]
    table = list(csv.DictReader(io.StringIO(client().get(f"{url}?format=csv").content.decode())))
    assert [(row["host"], row["verdict"]) for row in table] == [("web-1", "drifted"), ("web-3", "unknown")]
    assert client().get(f"{url}?format=xml").status_code == 400


def test_a_file_name_from_a_host_is_no_formula_in_the_table(fleet: Fleet) -> None:
    assert _cell("=cmd|' /C calc'!A0") == "'=cmd|' /C calc'!A0"


@pytest.mark.parametrize(
    "moment", ["2026-01-01T00:00:00-21:56", "0001-01-01T00:00:00%2B14:00", "9999-12-31T23:59:59-14:00"]
)
def test_a_moment_no_calendar_has_is_no_fault_of_ours(moment: str) -> None:
    assert client().get(f"/api/v1/findings/?created_at__gte={moment}").status_code in (200, 400)


@pytest.mark.parametrize(
    "path", ["findings/DRF-9999/", "scans/SCN-x/", "findings/%00/", "jobs/JOB-0/", "reports/scans/nope/"]
)
def test_what_is_not_there_is_a_404_problem(path: str) -> None:
    answer = client().get(f"/api/v1/{path}")
    assert answer.status_code == 404
    assert answer["Content-Type"] == "application/problem+json"


def test_a_list_shows_the_first_lines_of_a_long_change_and_the_finding_all_of_them(fleet: Fleet) -> None:
    fleet.live["web-3"]["/etc/app.conf"] = "".join(f"{'x' * 1000} {number}\n" for number in range(500))
    fleet.look("web-3")
    [listed] = client().get("/api/v1/findings/?host=web-3").json()["results"]
    assert listed["summary"].startswith("edited: 3 lines removed, 500 lines added")
    assert listed["change"]["lines_left_out"] == 3 + 500 - 40
    assert max(len(line) for hunk in listed["change"]["hunks"] for line in hunk["added"]) == 300
    whole = client().get(listed["url"]).json()["change"]
    assert len(whole["hunks"][0]["added"]) == 500


def test_a_report_says_what_the_scan_saw_whatever_came_of_it_later(fleet: Fleet) -> None:
    scan = fleet.look()
    before = client().get(f"/api/v1/reports/scans/{scan.reference}/").json()["rows"]
    fleet.push()
    fleet.look()
    assert Finding.objects.get().state == "vanished"
    after = client().get(f"/api/v1/reports/scans/{scan.reference}/").json()["rows"]
    told = ("finding", "host", "verdict", "first_seen", "last_seen")
    assert [[row[name] for name in told] for row in after] == [[row[name] for name in told] for row in before]
    assert {row["state"] for row in after} == {"vanished"}
