"""Home: what needs you, what is under way, how the fleet stands, and what to do first."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from common import clock
from common.models import Job
from common.services.jobs import cancel_job
from drift.models import Finding, Scan
from drift.services.scans import create_scan
from inventory.models import Host
from tests.definitions import GitFleet, deliver_events
from tests.factories import acting, host, logged, person
from tests.folding import approve, begin, fixed_by_hand, fold
from tests.web.site import fragment, page, queries, read, window

pytestmark = pytest.mark.django_db


@pytest.fixture
def fleet(settings: Any, tmp_path: Path) -> GitFleet:
    fleet = begin(settings, tmp_path)
    fleet.now = clock.now() - timedelta(minutes=30)  # looks count as fresh
    fleet.look()
    deliver_events()
    return fleet


def test_an_empty_installation_teaches_the_first_steps(settings: Any, tmp_path: Path) -> None:
    settings.DEFINITION_PATH = tmp_path / "none.git"
    text = page(window("cy"), "/")
    assert "Nothing to look at yet" in text
    for command in ("init_definition", "import_hosts", "/api/v1/credentials/", "enrol", "/api/v1/scans/"):
        assert command in text


def test_a_first_step_that_is_done_is_ticked_and_no_longer_explained(settings: Any, tmp_path: Path) -> None:
    settings.DEFINITION_PATH = tmp_path / "none.git"
    host("web-1")
    text = page(window("cy"), "/")
    assert "Bring your inventory done" in text and "import_hosts" not in text
    assert "manage.py init_definition" in text


def test_home_says_how_things_stand_with_denominators(fleet: GitFleet) -> None:
    fixed_by_hand(fleet)
    host("web-9")  # never looked at
    text = page(window("ana"), "/")
    assert "1 finding on 2 of 4 hosts; 1 host could not be looked at." in text
    assert "drifted 2" in text and "in sync 1" in text and "unknown 1" in text and "of 4 hosts" in text
    assert "1 never looked at." in text


def test_a_host_that_can_not_be_reached_counts_as_unknown_whatever_it_was(fleet: GitFleet) -> None:
    from drift.services.observations import record_look

    scan, claim = fleet.claim("web-1")
    look = fleet.shown("web-1", status="unknown", reason="connection refused")
    record_look(claim=claim, scan=scan, look=look, against=fleet.against("web-1"))
    text = page(window("ana"), "/")
    assert "in sync 2" in text and "unknown 1" in text
    assert "1 could not be reached (connection refused: 1)" in text


def test_a_decision_waits_on_the_home_of_those_who_can_approve_it_only(fleet: GitFleet) -> None:
    logged("ben", hosts=["web-1"], resources=["file:/etc/motd"], happened_at=fleet.now)
    change = fold(fixed_by_hand(fleet)).change
    change.refresh_from_db()
    title = "Fold back /etc/app.conf into roles/web"
    for who, waits in (("ben", True), ("cy", True), ("ana", False), ("dee", False)):
        text = page(window(who), "/")
        assert ("Waits for your approval" in text) is waits, who
        assert (title in text) is (waits or who == "ana"), who
    assert "You wait for others" in page(window("ana"), "/")
    assert "1 change waits for you" in page(window("ben"), "/")


def test_who_made_the_change_by_hand_is_not_asked_to_approve_it(fleet: GitFleet) -> None:
    finding = fixed_by_hand(fleet)
    Finding.objects.filter(pk=finding.pk).update(claimed_by=person("ben"))
    finding.refresh_from_db()
    fold(finding)
    assert "Waits for your approval" not in page(window("ben"), "/")
    assert "Waits for your approval" in page(window("cy"), "/")


def test_what_one_has_claimed_is_ones_own(fleet: GitFleet) -> None:
    finding = fixed_by_hand(fleet)
    Finding.objects.filter(pk=finding.pk).update(claimed_by=person("ana"))
    assert "Yours, and open" in page(window("ana"), "/")
    assert "Nothing waits for you." in page(window("cy"), "/")


def test_work_under_way_has_a_bar_and_is_asked_for_again_until_it_is_over(fleet: GitFleet) -> None:
    scan = create_scan(actor=acting("ana"), selector="web-1")
    scan.refresh_from_db()
    response = window("dee").get("/")
    assert f"Scan {scan.reference}: name=web-1" in read(response) or f"Scan {scan.reference}: web-1" in read(
        response
    )
    assert b'hx-trigger="every 3s"' in response.content
    assert scan.job is not None
    cancel_job(actor=acting("ana"), job=scan.job)
    over = fragment(window("dee"), "/")
    assert scan.reference not in read(over)
    assert b"<html" not in over.content
    for job in Job.objects.filter(state="running"):  # of the looks before
        cancel_job(actor=acting("ana"), job=job)
    over = fragment(window("dee"), "/")
    assert "Nothing any more." in read(over) and b"hx-trigger" not in over.content


def test_a_broken_definition_is_told_on_home(fleet: GitFleet) -> None:
    fleet.repository.commit({"roles/web/resources.yaml": "files: [\n"})
    for started in ({}, {"finished_at": clock.now()}):
        Scan.objects.update(**started or {"finished_at": None})
        text = page(window("ana"), "/")
        assert "Nothing can be compared or folded back now." in text and "roles/web/resources.yaml" in text


def test_what_is_decided_leaves_the_list_of_what_needs_you(fleet: GitFleet) -> None:
    approve(fold(fixed_by_hand(fleet)))
    text = page(window("dee"), "/")
    assert "Nothing waits for you." in text and "Being decided 1" in text


def test_home_takes_the_same_number_of_queries_however_much_there_is(fleet: GitFleet) -> None:
    fixed_by_hand(fleet)
    few = queries(window("ben"), "/")
    for number in range(4):
        fixed_by_hand(fleet, "web-1", path="/etc/motd", old="h", new=f"{number}h")
    Host.objects.bulk_create(Host(name=f"db-{n}", environment="prod", roles=["db"]) for n in range(50))
    assert queries(window("ben"), "/") == few
