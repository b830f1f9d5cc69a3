"""A change explains a finding better where the hosts tell that it was the same person."""

import pytest

from changemgmt.models import Change
from changemgmt.services.transfers import claim_change
from drift.models import Explanation, Finding, Occurrence
from tests.definitions import deliver_events
from tests.factories import acting, host, logged, program
from tests.looks import Fleet, only_finding
from tests.services.incident_fleet import fleet_of

pytestmark = pytest.mark.django_db

SAME = "who probably did it by what the host tells"


@pytest.fixture
def fleet() -> Fleet:
    fleet = fleet_of(*(host(f"web-{n}") for n in range(1, 6)))
    fleet.live["web-1"]["/etc/motd"] = "by hand\n"
    fleet.look("web-1")
    return fleet


def probably(login: str, confidence: str = "high") -> Finding:
    candidates = [{"login": login, "confidence": confidence, "at": None, "evidence": ["sudo: vi"]}]
    Occurrence.objects.update(attribution={"candidates": candidates, "sources": {}, "at": None})
    return only_finding()


def reasons() -> list[str]:
    deliver_events()
    return [reason for explanation in Explanation.objects.all() for reason in explanation.reasons]


def test_the_owner_who_was_probably_at_work_is_a_reason_that_is_said(fleet: Fleet) -> None:
    probably("ana")
    logged("ana", hosts=["web-1"], resources=["file:/etc/motd"], happened_at=fleet.now)
    assert any(SAME in reason for reason in reasons())


def test_a_wide_change_without_files_explains_it_only_for_the_same_person(fleet: Fleet) -> None:
    probably("ana", "medium")
    everywhere = {"hosts": [f"web-{n}" for n in range(1, 6)], "happened_at": fleet.now}
    logged("ben", **everywhere)
    assert reasons() == []
    change = logged("ana", **everywhere)
    assert any(SAME in reason for reason in reasons())
    assert Explanation.objects.get().change_id == change.pk


def test_who_only_stands_in_for_it_is_not_taken_for_who_did_it(fleet: Fleet) -> None:
    probably("ana")
    change = logged(program("ana"), hosts=["web-1"], resources=["file:/etc/motd"], happened_at=fleet.now)
    assert not any(SAME in reason for reason in reasons())
    claim_change(actor=acting("ana"), change=Change.objects.get(pk=change.pk))
    assert any(SAME in reason for reason in reasons())
