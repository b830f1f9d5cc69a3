"""Whose a change is when somebody hands it over, or leaves."""

from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction

from changemgmt.models import Approval, Change
from changemgmt.services.approvals import approve_change
from changemgmt.services.carrying_out import finish_change, start_change
from changemgmt.services.transfers import hand_over_work, transfer_change
from common.core.actor import SYSTEM
from common.core.errors import Conflict, Invalid, NotPermitted
from common.models import LedgerEntry, OutboxEvent
from common.services.people import deactivate_person
from tests.factories import DIGEST, acting, host, logged, person, proposed, team

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nobody_listens(settings: Any) -> None:
    settings.EVENT_CONSUMERS = {}


def fresh(change: Change) -> Change:
    return Change.objects.get(pk=change.pk)


def test_its_owner_hands_it_over_and_the_ledger_says_why() -> None:
    change = transfer_change(actor=acting("ana"), change=logged("ana"), to=person("cy"), reason="on leave")
    assert (change.owner, change.owner_source) == (person("cy"), "successor")
    entry = LedgerEntry.objects.get(action="change.transferred")
    assert (entry.data["reason"], entry.data["from"]["owner"]) == ("on leave", str(person("ana").pk))
    assert transfer_change(actor=acting("cy"), change=change, to=person("cy")).version == change.version


def test_only_its_owner_or_a_release_manager_hands_it_over_and_only_to_who_is_there() -> None:
    change = logged("ana")
    with pytest.raises(NotPermitted):
        transfer_change(actor=acting(person("eve", "ops")), change=change, to=person("eve"))
    transfer_change(actor=acting("ben"), change=change, to=person("eve"))
    gone = person("fay", "ops")
    gone.is_active = False
    gone.save()
    with pytest.raises(Invalid, match="fay is not active"):
        transfer_change(actor=acting("eve"), change=change, to=gone)


def test_an_approval_does_not_go_with_it_to_another_owner() -> None:
    """Else a change could be handed to whoever approved it."""
    change = logged("ana", kind="normal", plan="x", backout="y")
    approve_change(actor=acting("ben"), change=change, digest=change.digest)
    handed = transfer_change(actor=acting("ana"), change=fresh(change), to=person("ben"))
    assert handed.state == "proposed"
    assert not Approval.objects.filter(voided_at=None).exists()


def test_a_decision_changes_hands_only_while_it_is_proposed() -> None:
    change = proposed("ana")
    transfer_change(actor=acting("ana"), change=change, to=person("cy"))
    approve_change(actor=acting("ben"), change=change, digest=DIGEST)
    with pytest.raises(Conflict, match="while it is proposed"):
        transfer_change(actor=acting("cy"), change=fresh(change), to=person("ana"))


# ---- who leaves


def leave(name: str, successor: str = "", by: str = "cy") -> None:
    heir = person(successor) if successor else None
    deactivate_person(actor=acting(by), person=person(name), successor=heir)
    event = OutboxEvent.objects.get(type="person.deactivated")
    for _ in range(2):  # it may come twice
        hand_over_work(event_id=uuid4(), type=event.type, subject_id=event.subject_id, data=event.data)


def test_open_work_goes_to_the_successor_and_history_stays() -> None:
    work = logged("ana")
    accepted = logged("ana")
    approve_change(actor=acting("ben"), change=accepted, digest=accepted.digest)
    leave("ana", successor="ben")
    assert (fresh(work).owner, fresh(work).owner_source) == (person("ben"), "successor")
    assert (fresh(accepted).owner, fresh(accepted).state) == (person("ana"), "accepted")
    assert LedgerEntry.objects.filter(action="change.transferred").count() == 1


def test_without_a_successor_the_lead_of_the_hosts_team_takes_over_and_else_who_let_them_go() -> None:
    host("pay-1", owned_by=team("payments", lead="ben"))
    on_hosts, anywhere = logged("ana", hosts=["pay-1"]), logged("ana")
    leave("ana")
    assert fresh(on_hosts).owner == person("ben")
    assert fresh(anywhere).owner == person("cy")


def test_the_lead_of_a_team_they_were_in_takes_over_what_names_no_hosts() -> None:
    team("payments", lead="ben").members.add(person("ana"))
    change = logged("ana")
    leave("ana")
    assert fresh(change).owner == person("ben")


def test_a_successor_is_somebody_else_who_is_there() -> None:
    with pytest.raises(Invalid, match="successor"):
        deactivate_person(actor=acting("cy"), person=person("ana"), successor=person("ana"))


def test_work_that_several_approve_is_handed_over_without_those_approvals() -> None:
    change = logged("ana", kind="normal", plan="x", backout="y")
    approve_change(actor=acting("ben"), change=change, digest=change.digest)
    leave("ana", successor="ben")
    assert (fresh(change).state, fresh(change).owner) == ("proposed", person("ben"))


# ---- what goes on, or is over


def started(who: str = "ana") -> Change:
    change = logged(who, kind="normal", plan="x", backout="y")
    approve_change(actor=acting("ben"), change=change, digest=change.digest)
    return start_change(actor=acting(who), change=fresh(change))


def test_what_goes_on_keeps_its_approval_when_it_changes_hands() -> None:
    handed = transfer_change(actor=acting("ana"), change=started(), to=person("cy"))
    assert (handed.state, handed.owner) == ("started", person("cy"))
    assert Approval.objects.get(change=handed).voided_at is None


def test_what_goes_on_is_not_handed_to_whoever_approved_it() -> None:
    change = started()
    with pytest.raises(Conflict, match="ben approved"):
        transfer_change(actor=acting("ana"), change=change, to=person("ben"))
    with pytest.raises(IntegrityError, match="void it first"), transaction.atomic():
        Change.objects.filter(pk=change.pk).update(owner=person("ben"))


def test_what_goes_on_goes_to_somebody_who_did_not_approve_it_when_its_owner_leaves() -> None:
    change = started()
    leave("ana", successor="ben")
    assert (fresh(change).owner, fresh(change).state) == (person("cy"), "started")


def test_what_is_over_is_history_and_stays_whose_it_was() -> None:
    change = finish_change(actor=acting("ana"), change=started(), succeeded=True)
    with pytest.raises(Conflict, match="nothing left to hand over"):
        transfer_change(actor=acting("ana"), change=change, to=person("cy"))


def test_work_of_somebody_who_leaves_goes_to_an_admin_where_nobody_else_is_found() -> None:
    change = logged("ana")
    person("cy")
    deactivate_person(actor=SYSTEM, person=person("ana"))
    event = OutboxEvent.objects.get(type="person.deactivated")
    hand_over_work(event_id=uuid4(), type=event.type, subject_id=event.subject_id, data=event.data)
    assert fresh(change).owner == person("cy")
