"""People are told of drift that nobody explained: after the claim period, and once."""

from datetime import timedelta
from typing import Any

import pytest

from changemgmt.services.incidents import close_incident
from common import clock
from common.models import LedgerEntry, OutboxEvent
from common.services.people import deactivate_person
from drift.models import Finding
from drift.services.alerts import CAUGHT_UP, alert_unexplained
from drift.services.findings import claim_finding
from tests.definitions import deliver_events
from tests.factories import acting, host, logged, person
from tests.looks import Fleet, only_finding
from tests.services.incident_fleet import begun, carry_out_all, fleet_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def fleet(settings: Any) -> Fleet:
    settings.CLAIM_MINUTES = 15
    return fleet_of(host("web-1"), host("web-2"))


def found(fleet: Fleet, *, ago: timedelta = timedelta(minutes=1)) -> Finding:
    fleet.now = clock.now() - ago - timedelta(minutes=1)
    fleet.live["web-1"]["/etc/motd"] = "by hand\n"
    fleet.look("web-1")
    deliver_events()
    return only_finding()


def told() -> list[str]:
    events = OutboxEvent.objects.filter(type="finding.unexplained").order_by("created_at")
    return [str(Finding.objects.get(pk=event.subject_id)) for event in events]


def after(minutes: int = 20) -> int:
    return alert_unexplained(now=clock.now() + timedelta(minutes=minutes))


def test_nobody_is_told_before_the_claim_period_is_over_and_then_once(fleet: Fleet) -> None:
    finding = found(fleet)
    assert after(10) == 0
    assert after(15) == 1
    assert after(30) == 0
    assert told() == [str(finding)]
    finding.refresh_from_db()
    assert finding.alerted_at is not None


def test_a_fix_logged_ten_minutes_late_alarms_nobody(fleet: Fleet) -> None:
    found(fleet)
    with clock.shifted(timedelta(minutes=10)):
        logged("ana", hosts=["web-1"], resources=["file:/etc/motd"])
    deliver_events()
    assert after(60) == 0


def test_what_somebody_has_claimed_alarms_nobody(fleet: Fleet) -> None:
    claim_finding(actor=acting("ana"), finding=found(fleet))
    assert after() == 0


def test_one_that_comes_back_is_told_again(fleet: Fleet) -> None:
    finding = found(fleet, ago=timedelta(minutes=60))
    assert after(0) == 1
    fleet.push("web-1")
    fleet.look("web-1")
    fleet.live["web-1"]["/etc/motd"] = "by hand\n"
    fleet.look("web-1")
    finding.refresh_from_db()
    assert (finding.state, finding.alerted_at) == ("open", None)
    assert after(0) == 1


def test_what_is_gone_again_alarms_nobody(fleet: Fleet) -> None:
    found(fleet)
    fleet.push("web-1")
    fleet.look("web-1")
    assert after(60) == 0


def test_inside_an_incident_nobody_is_told_while_it_goes_on_nor_of_what_was_drafted_then(
    fleet: Fleet,
) -> None:
    incident = begun(fleet)
    fleet.live["web-1"]["/etc/motd"] = "by hand\n"
    carry_out_all(fleet, incident)
    assert after(60) == 0
    close_incident(actor=acting("ana"), incident=incident)
    carry_out_all(fleet, incident)
    assert after(60) == 0


def test_what_was_found_long_ago_is_no_news_and_not_looked_at_each_minute(fleet: Fleet) -> None:
    finding = found(fleet)
    assert alert_unexplained(now=clock.now() + CAUGHT_UP + timedelta(hours=1)) == 0
    finding.refresh_from_db()
    assert finding.alerted_at is not None
    assert told() == []


def test_two_at_once_tell_it_once(fleet: Fleet) -> None:
    found(fleet)
    assert [after(), after()] == [1, 0]


def test_what_somebody_who_left_had_claimed_is_nobodys_and_stands_out(fleet: Fleet) -> None:
    finding = found(fleet)
    claim_finding(actor=acting("ana"), finding=finding)
    deactivate_person(actor=acting("cy"), person=person("ana"))
    deliver_events()
    finding.refresh_from_db()
    assert finding.claimed_by is None
    entry = LedgerEntry.objects.get(action="finding.unclaimed")
    assert entry.data["reason"] == "ana has left"
