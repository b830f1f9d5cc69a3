"""An incident's scope is looked at when it opens and when it closes, and its timeline says what was seen."""

from typing import Any

import pytest

from changemgmt.models import Incident
from changemgmt.services.incidents import close_incident, reopen_incident, update_incident
from common.models import EventDelivery, OutboxEvent
from common.models.base import new_id
from drift.models import IncidentScan, Scan
from drift.services.incident_scans import follow_scan, scan_scope
from inventory.services.host_life import rename_host
from tests.definitions import deliver_events
from tests.factories import acting, host
from tests.looks import Fleet
from tests.services.incident_fleet import begun, carry_out, carry_out_all, fleet_of, scans_of, seen, told

pytestmark = pytest.mark.django_db


@pytest.fixture
def fleet() -> Fleet:
    return fleet_of(host("web-1"), host("web-2"), host("db-1"))


def names(scan: Scan) -> list[str]:
    return scan.selector.replace("name=", "").split()


def event(incident: Incident, type: str) -> dict[str, Any]:
    found = OutboxEvent.objects.filter(subject_id=incident.pk, type=type).latest("created_at")
    return {"event_id": found.pk, "type": type, "subject_id": incident.pk, "data": found.data}


def test_opening_looks_at_the_scope_at_once_and_quickly(fleet: Fleet) -> None:
    incident = begun(fleet)
    deliver_events()
    [scan] = scans_of(incident, "opening")
    assert (names(scan), scan.mode, scan.purpose) == (["web-1", "web-2"], "quick", "incident")
    assert told(incident, "scan") == [f"{scan.reference} looks at 2 hosts"]


def test_an_event_that_comes_twice_starts_one_scan(fleet: Fleet) -> None:
    incident = begun(fleet)
    deliver_events()
    scan_scope(**event(incident, "incident.opened"))
    assert len(scans_of(incident)) == 1


def test_one_that_was_closed_before_anybody_heard_of_it_is_looked_at_once_at_its_end(fleet: Fleet) -> None:
    incident = begun(fleet)
    close_incident(actor=acting("ana"), incident=incident)
    deliver_events()
    assert [one.phase for one in IncidentScan.objects.all()] == ["closing"]


def test_hosts_that_join_the_scope_are_looked_at_and_the_others_not_again(fleet: Fleet) -> None:
    incident = begun(fleet, hosts=["web-1"])
    deliver_events()
    incident = update_incident(actor=acting("ana"), incident=incident, fields={"hosts": ["web-1", "db-1"]})
    update_incident(actor=acting("ana"), incident=incident, fields={"severity": "critical"})
    deliver_events()
    assert [names(scan) for scan in scans_of(incident)] == [["web-1"], ["db-1"]]


def test_a_scope_of_hosts_that_inventory_does_not_know_is_no_error(fleet: Fleet) -> None:
    incident = begun(fleet, hosts=["lb-9"])
    close_incident(actor=acting("ana"), incident=incident)
    deliver_events()
    assert not scans_of(incident)
    assert not EventDelivery.objects.exclude(error="").exists()


def test_a_host_that_was_renamed_since_is_looked_at_under_its_new_name(fleet: Fleet) -> None:
    incident = begun(fleet)
    rename_host(actor=acting("cy"), host=fleet.hosts["web-1"], name="front-1")
    deliver_events()
    assert names(scans_of(incident)[0]) == ["front-1", "web-2"]


def test_closing_looks_at_all_of_it_thoroughly(fleet: Fleet) -> None:
    incident = begun(fleet)
    carry_out_all(fleet, incident)
    close_incident(actor=acting("ana"), incident=incident)
    deliver_events()
    [scan] = scans_of(incident, "closing")
    assert (names(scan), scan.mode) == (["web-1", "web-2"], "deep")
    assert told(incident, "scan")[-1] == f"{scan.reference} looks at 2 hosts once more"


def test_reopening_looks_again(fleet: Fleet) -> None:
    incident = close_incident(actor=acting("ana"), incident=begun(fleet))
    deliver_events()
    reopen_incident(actor=acting("ana"), incident=incident, reason="it is back")
    deliver_events()
    assert [one.phase for one in IncidentScan.objects.order_by("created_at")] == ["closing", "opening"]


def test_the_end_of_a_scan_says_what_could_not_be_looked_at(fleet: Fleet) -> None:
    incident = begun(fleet)
    deliver_events()
    [scan] = scans_of(incident)
    carry_out(fleet, scan, unreachable=("web-2",))
    assert told(incident, "scan")[-1] == (
        f"{scan.reference} looked at 1 of 2 hosts; 1 could not be looked at"
    )


def test_what_any_scan_finds_inside_is_on_the_timeline_once(fleet: Fleet) -> None:
    incident = begun(fleet)
    carry_out_all(fleet, incident)
    fleet.live["web-1"]["/etc/motd"] = "by hand\n"
    fleet.live["web-2"]["/etc/motd"] = "by hand\n"
    seen(fleet)
    seen(fleet)
    assert [text.partition(": ")[2] for text in told(incident, "finding")] == [
        "file:/etc/motd is not as agreed on 2 hosts"
    ]


def test_what_was_there_before_it_began_is_not_told(fleet: Fleet) -> None:
    fleet.live["web-1"]["/etc/motd"] = "by hand\n"
    fleet.look()
    incident = begun(fleet)
    carry_out_all(fleet, incident)
    assert told(incident, "finding") == []


def test_a_scan_elsewhere_is_none_of_its_business(fleet: Fleet) -> None:
    incident = begun(fleet)
    carry_out_all(fleet, incident)
    before = incident.timeline.count()
    fleet.live["db-1"]["/etc/motd"] = "by hand\n"
    seen(fleet, "db-1")
    assert incident.timeline.count() == before


def test_the_end_of_another_kind_of_job_costs_nothing(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        follow_scan(event_id=new_id(), type="job.finished", subject_id=new_id(), data={"kind": "fold-back"})
