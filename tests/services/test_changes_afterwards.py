"""What was done first: somebody else approves or disputes it afterwards, and the clock reminds of that."""

from datetime import timedelta
from typing import Any

import pytest

from changemgmt.models import Approval, Change, Incident
from changemgmt.services.approvals import approve_change, refuse_change
from changemgmt.services.carrying_out import review_change
from changemgmt.services.changes import draft_change
from changemgmt.services.due import remind_of_due_changes
from changemgmt.services.editing import update_change
from changemgmt.services.transfers import claim_change, confirm_change
from common import clock
from common.core.errors import Conflict, NotPermitted
from common.models import LedgerEntry, OutboxEvent
from tests.factories import acting, host, logged, person, program

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nobody_listens(settings: Any) -> None:
    settings.EVENT_CONSUMERS = {}


def fresh(change: Change) -> Change:
    return Change.objects.get(pk=change.pk)


def told(action: str) -> int:
    return OutboxEvent.objects.filter(type=action).count()


def incident(**fields: Any) -> Incident:
    values: dict[str, Any] = {
        "title": "checkout down",
        "commander": person("ben"),
        "opened_by": person("ana"),
        "recorded_via": "ana",
        "client_id": person("ana").pk,
        "hosts": ["web-1", "web-2"],
        "started_at": clock.now() - timedelta(hours=1),
    }
    return Incident.objects.create(**values | fields)


def test_an_emergency_is_due_in_two_days_and_somebody_else_accepts_it() -> None:
    change = logged("ana")
    assert change.due_at is not None
    assert timedelta(hours=47) < change.due_at - clock.now() <= timedelta(hours=48)
    with pytest.raises(NotPermitted, match="you filed"):
        approve_change(actor=acting(person("eve", "admin")), change=logged(person("eve")), digest="a" * 64)
    approve_change(actor=acting("ben"), change=change, digest=change.digest)
    assert fresh(change).state == "accepted"
    assert told("change.accepted") == 1
    assert told("change.approved") == 0
    assert review_change(actor=acting("ana"), change=fresh(change), text="add an alert").state == "reviewed"


def test_a_refusal_disputes_it_and_a_correction_lets_it_be_approved() -> None:
    change = logged("ana")
    refuse_change(actor=acting("ben"), change=change, reason="that is the wrong limit.")
    assert fresh(change).state == "disputed"
    with pytest.raises(Conflict, match="ben refused"):
        approve_change(actor=acting("cy"), change=change, digest=change.digest)
    edited = update_change(actor=acting("ana"), change=change, fields={"description": "put back since"})
    approve_change(actor=acting("cy"), change=edited, digest=edited.digest)
    assert fresh(change).state == "accepted"


def test_whoever_refused_it_may_think_better_of_it() -> None:
    change = logged("ana")
    refuse_change(actor=acting("ben"), change=change, reason="why?")
    approve_change(actor=acting("ben"), change=change, digest=change.digest, comment="I see")
    assert fresh(change).state == "accepted"
    assert Approval.objects.filter(voided_at=None).count() == 1


def test_an_edit_of_what_was_accepted_waits_for_somebody_anew() -> None:
    change = logged("ana")
    approve_change(actor=acting("ben"), change=change, digest=change.digest)
    with clock.shifted(timedelta(days=3)):
        edited = update_change(actor=acting("ana"), change=change, fields={"hosts": ["web-7"]})
        assert edited.state == "logged"
        assert edited.due_at is not None
        assert edited.due_at > clock.now() + timedelta(hours=47)
    assert LedgerEntry.objects.get(action="change.updated").data["state"] == {
        "from": "accepted",
        "to": "logged",
    }


def test_claiming_what_was_accepted_takes_its_approval_away() -> None:
    """Ben said yes to the work of somebody else; he may have said yes to his own."""
    change = logged(program("ana"))
    approve_change(actor=acting("ben"), change=change, digest=change.digest)
    claimed = claim_change(actor=acting("ben"), change=change)
    assert (claimed.state, claimed.owner) == ("logged", person("ben"))
    with pytest.raises(NotPermitted, match="is yours"):
        approve_change(actor=acting("ben"), change=claimed, digest=claimed.digest)


def test_a_record_of_before_there_were_digests_gets_one_when_it_is_needed() -> None:
    change = logged("ana")
    Change.objects.filter(pk=change.pk).update(digest="", requirements=[], due_at=None)
    approve_change(actor=acting("ben"), change=change, digest=change.digest)
    assert (fresh(change).state, fresh(change).digest) == ("accepted", change.digest)


# ---- in time


def test_one_reminder_before_and_one_when_it_is_overdue_however_often_the_clock_ticks() -> None:
    change = logged("ana")
    seen = []
    for hours in (1, 37, 38, 49, 50, 500):
        with clock.shifted(timedelta(hours=hours)):
            remind_of_due_changes()
            assert fresh(change).is_overdue(clock.now()) is (hours > 48)
        seen.append((told("change.due"), told("change.overdue")))
    assert seen == [(0, 0), (1, 0), (1, 0), (1, 1), (1, 1), (1, 1)]
    assert LedgerEntry.objects.filter(action="change.overdue").count() == 1


def test_what_nobody_looked_at_for_days_is_overdue_without_a_reminder_before() -> None:
    logged("ana")
    with clock.shifted(timedelta(days=4)):
        assert remind_of_due_changes() == 1
        assert remind_of_due_changes() == 0
    assert (told("change.due"), told("change.overdue")) == (0, 1)


def test_nobody_is_reminded_of_what_is_settled() -> None:
    change = logged("ana")
    approve_change(actor=acting("ben"), change=change, digest=change.digest)
    with clock.shifted(timedelta(days=4)):
        assert remind_of_due_changes() == 0


# ---- in incidents


def test_a_fix_on_hosts_of_the_one_open_incident_belongs_to_it() -> None:
    one = incident()
    assert logged("ana", hosts=["WEB-1"]).incident_id == one.pk
    assert logged("ana", hosts=["web-1", "db-1"]).incident_id is None
    assert logged("ana").incident_id is None
    assert logged("ana", hosts=["web-1"], happened_at=clock.now() - timedelta(days=9)).incident_id is None
    entry = LedgerEntry.objects.filter(action="change.logged").order_by("created_at").first()
    assert entry is not None
    assert entry.data["incident"] == one.reference
    assert "only" not in entry.data["incident_because"]
    incident(hosts=["web-1"])
    assert logged("ana", hosts=["web-1"]).incident_id is None


def test_the_commander_answers_for_what_a_program_files_in_an_incident() -> None:
    host("web-1")
    incident()
    change = logged(program("ana"), hosts=["web-1"])
    assert (change.owner, change.owner_source) == (person("ben"), "commander")


def test_what_was_drafted_is_logged_by_whoever_claims_or_confirms_it() -> None:
    one = incident()
    drafts = [draft_change(incident=one, title="nginx.conf was edited", hosts=["web-1"]) for _ in range(2)]
    assert (drafts[0].state, drafts[0].owner, drafts[0].owner_source) == (
        "drafted",
        person("ben"),
        "commander",
    )
    with pytest.raises(NotPermitted, match="claim it"):
        confirm_change(actor=acting("ana"), change=drafts[0])
    assert claim_change(actor=acting("ana"), change=drafts[0]).state == "logged"
    assert confirm_change(actor=acting("ben"), change=drafts[1]).state == "logged"
    assert told("change.logged") == 2
    with pytest.raises(Conflict):
        confirm_change(actor=acting("ben"), change=drafts[1])
