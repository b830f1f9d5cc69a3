"""Four eyes: services say it kindly, constraints and triggers hold it against everybody."""

from datetime import timedelta
from typing import Any

import pytest

from changemgmt.models import Approval, Change
from changemgmt.queries.approvals import approval_in_force, approvers_for
from changemgmt.services.approvals import approve_change, refuse_change, void_approval
from changemgmt.services.proposals import (
    complete_change,
    fail_change,
    propose_change,
    set_digest,
    withdraw_change,
)
from common import clock
from common.core.actor import SYSTEM
from common.core.errors import Conflict, Invalid, NotPermitted
from common.models import LedgerEntry, OutboxEvent
from common.services.people import actor_for_token
from tests.factories import DIGEST, OTHER_DIGEST, acting, person, program, proposed, token

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nobody_listens(settings: Any) -> None:
    settings.EVENT_CONSUMERS = {}


def approved(**fields: Any) -> Change:
    change = proposed("ana", **fields)
    approve_change(actor=acting("ben"), change=change, digest=DIGEST)
    change.refresh_from_db()
    return change


def state_of(change: Change) -> str:
    return Change.objects.get(pk=change.pk).state


# ---- proposing


def test_a_proposal_is_a_change_with_an_owner_and_a_digest() -> None:
    change = proposed("ana", made_by=[person("cy").pk])
    assert (change.kind, change.state, change.digest) == ("decision", "proposed", DIGEST)
    assert (change.owner, change.requested_by) == (person("ana"), person("ana"))
    entry = LedgerEntry.objects.get(subject_id=change.pk)
    assert entry.data["made_by"] == [str(person("cy").pk)]
    assert OutboxEvent.objects.get(subject_id=change.pk).type == "change.proposed"


def test_a_proposal_needs_a_reason_and_a_digest() -> None:
    with pytest.raises(Invalid, match="reason"):
        proposed("ana", reason=" ")
    with pytest.raises(Invalid, match="digest"):
        proposed("ana", digest="abc")


def test_neither_auditors_nor_programs_nor_foldback_propose() -> None:
    for actor in (acting("dee"), program("ana")):
        with pytest.raises(NotPermitted):
            propose_change(actor=actor, title="x", reason="y", hosts=[], resources=[], digest=DIGEST)
    with pytest.raises(Invalid, match="person"):
        propose_change(actor=SYSTEM, title="x", reason="y", hosts=[], resources=[], digest=DIGEST)


# ---- approving


def test_another_person_approves_exactly_what_they_read() -> None:
    change = proposed("ana")
    approval = approve_change(actor=acting("ben"), change=change, digest=DIGEST, comment="good")
    assert state_of(change) == "approved"
    assert (approval.approver, approval.verdict, approval.digest) == (person("ben"), "approved", DIGEST)
    assert approval.four_eyes is True
    assert timedelta(days=6) < approval.expires_at - clock.now() <= timedelta(days=7)
    entry = LedgerEntry.objects.get(subject_id=change.pk, action="change.approved")
    assert entry.data["digest"] == DIGEST
    assert entry.data["reason"] == "good"
    assert OutboxEvent.objects.get(subject_id=change.pk, type="change.approved").data == {"state": "approved"}


@pytest.mark.parametrize("role", ["release-manager", "admin"])
def test_who_proposes_does_not_approve_whatever_their_role(role: str) -> None:
    eve = person("eve", role)
    person("ben")
    change = proposed(eve)
    with pytest.raises(NotPermitted, match=r"you proposed CHG-\d+. These can: ben"):
        approve_change(actor=acting(eve), change=change, digest=DIGEST)
    assert state_of(change) == "proposed"


def test_who_made_the_fix_does_not_approve_folding_it_back() -> None:
    person("cy")
    change = proposed("ana", made_by=[person("ben").pk])
    with pytest.raises(NotPermitted, match="you made what"):
        approve_change(actor=acting("ben"), change=change, digest=DIGEST)
    approve_change(actor=acting("cy"), change=change, digest=DIGEST)
    assert state_of(change) == "approved"


def test_who_proposed_it_does_not_refuse_it_either() -> None:
    with pytest.raises(NotPermitted):
        refuse_change(actor=acting(person("eve", "admin")), change=proposed(person("eve")), reason="no")


def test_approvers_are_those_who_may_and_are_not_involved() -> None:
    for name in ("ana", "ben", "cy", "dee"):
        person(name)
    gone = person("fay", "admin")
    gone.is_active = False
    gone.save()
    assert [p.username for p in approvers_for(proposed("ana"))] == ["ben", "cy"]
    assert [p.username for p in approvers_for(proposed("ben"))] == ["cy"]
    assert [p.username for p in approvers_for(proposed("ana", made_by=[person("cy").pk]))] == ["ben"]


def test_when_nobody_else_can_approve_it_says_so() -> None:
    eve = person("eve", "admin")
    with pytest.raises(NotPermitted, match="Nobody else has the role"):
        approve_change(actor=acting(eve), change=proposed(eve), digest=DIGEST)


@pytest.mark.parametrize("who", ["ana", "dee"])
def test_without_the_role_nobody_approves(who: str) -> None:
    change = proposed(person("eve", "ops"))
    with pytest.raises(NotPermitted, match="release-manager"):
        approve_change(actor=acting(who), change=change, digest=DIGEST)


def test_a_program_never_approves() -> None:
    change = proposed("ana")
    with pytest.raises(NotPermitted):
        approve_change(actor=program("ben"), change=change, digest=DIGEST)


def test_a_program_never_approves_even_if_its_role_would_let_it() -> None:
    from dataclasses import replace

    with pytest.raises(NotPermitted, match="Only a person"):
        approve_change(actor=replace(program("ben"), role="admin"), change=proposed("ana"), digest=DIGEST)


def test_a_person_approves_with_a_token_of_their_own() -> None:
    change = proposed("ana")
    own = actor_for_token(token("ben", role="release-manager")[0])
    approval = approve_change(actor=own, change=change, digest=DIGEST)
    assert approval.approver == person("ben")


def test_a_token_never_gives_the_right_to_approve_that_its_sponsor_lacks() -> None:
    lent = actor_for_token(token("ana", role="admin")[0])
    with pytest.raises(NotPermitted):
        approve_change(actor=lent, change=proposed(person("eve", "ops")), digest=DIGEST)


def test_an_approval_of_what_one_read_before_it_moved_is_refused() -> None:
    change = proposed("ana")
    set_digest(actor=acting("ana"), change=change, digest=OTHER_DIGEST)
    with pytest.raises(Conflict, match="moved since you read it"):
        approve_change(actor=acting("ben"), change=change, digest=DIGEST)
    with pytest.raises(Conflict, match="moved since you read it"):
        refuse_change(actor=acting("ben"), change=change, reason="no", digest=DIGEST)
    assert state_of(change) == "proposed"
    assert not Approval.objects.exists()


def test_the_second_approver_is_told_who_was_first() -> None:
    change = approved()
    with pytest.raises(Conflict, match=r"is approved, .*change.approved by ben"):
        approve_change(actor=acting("cy"), change=change, digest=DIGEST)


def test_four_eyes_can_be_switched_off_and_the_approval_says_so(settings: Any) -> None:
    settings.FOUR_EYES = False
    eve = person("eve", "admin")
    change = proposed(eve, made_by=[eve.pk])
    assert approve_change(actor=acting(eve), change=change, digest=DIGEST).four_eyes is False
    entry = LedgerEntry.objects.get(subject_id=change.pk, action="change.approved")
    assert entry.data["four_eyes"] is False


# ---- refusing, voiding, withdrawing, ending


def test_a_refusal_needs_a_reason_and_ends_the_proposal() -> None:
    change = proposed("ana")
    with pytest.raises(Invalid, match="reason"):
        refuse_change(actor=acting("ben"), change=change, reason=" ")
    refusal = refuse_change(actor=acting("ben"), change=change, reason="fix the template instead")
    assert (refusal.verdict, state_of(change)) == ("refused", "rejected")
    assert OutboxEvent.objects.filter(subject_id=change.pk, type="change.rejected").exists()
    with pytest.raises(Conflict):
        approve_change(actor=acting("cy"), change=change, digest=DIGEST)


def test_voiding_returns_the_change_to_whoever_approves_and_keeps_the_old_approval() -> None:
    change = approved()
    void_approval(actor=SYSTEM, change=change, reason="the definition moved under it")
    assert state_of(change) == "proposed"
    first = Approval.objects.get()
    assert first.voided_at is not None
    assert first.void_reason == "the definition moved under it"
    change.refresh_from_db()
    approve_change(actor=acting("ben"), change=change, digest=DIGEST)
    assert state_of(change) == "approved"
    assert Approval.objects.filter(voided_at=None).count() == 1


def test_replacing_the_content_needs_the_approval_voided_first() -> None:
    change = approved()
    with pytest.raises(Conflict, match="only while it is proposed"):
        set_digest(actor=acting("ana"), change=change, digest=OTHER_DIGEST)
    void_approval(actor=SYSTEM, change=change, reason="rebased with conflicts")
    set_digest(actor=acting("ana"), change=change, digest=OTHER_DIGEST)
    change.refresh_from_db()
    with pytest.raises(Conflict, match="moved"):
        approve_change(actor=acting("ben"), change=change, digest=DIGEST)


def test_the_same_digest_again_changes_nothing() -> None:
    change = proposed("ana")
    assert set_digest(actor=acting("ana"), change=change, digest=DIGEST).version == change.version


def test_an_approval_is_in_force_for_its_digest_until_it_expires_or_is_voided() -> None:
    change = approved()
    now = clock.now()
    assert approval_in_force(change, digest=DIGEST, now=now) is not None
    assert approval_in_force(change, digest=OTHER_DIGEST, now=now) is None
    assert approval_in_force(change, digest=DIGEST, now=now + timedelta(days=8)) is None
    void_approval(actor=acting("ben"), change=change, reason="second thoughts")
    assert approval_in_force(change, digest=DIGEST, now=now) is None


def test_a_refusal_is_never_in_force() -> None:
    change = proposed("ana")
    refuse_change(actor=acting("ben"), change=change, reason="no")
    assert approval_in_force(change, digest=DIGEST, now=clock.now()) is None


@pytest.mark.parametrize("make", [proposed, approved])
def test_who_proposed_it_withdraws_it_until_it_is_carried_out(make: Any) -> None:
    change = make()
    withdraw_change(actor=acting("ana"), change=change)
    assert state_of(change) == "withdrawn"
    assert not Approval.objects.filter(voided_at=None).exists()


def test_somebody_elses_proposal_is_refused_not_withdrawn() -> None:
    with pytest.raises(NotPermitted, match="refuse it"):
        withdraw_change(actor=acting("ben"), change=proposed("ana"))


def test_what_was_carried_out_can_not_be_withdrawn() -> None:
    change = approved()
    complete_change(actor=SYSTEM, change=change, data={"commit": "c0ffee"})
    assert state_of(change) == "completed"
    assert LedgerEntry.objects.get(action="change.completed").data["commit"] == "c0ffee"
    change.refresh_from_db()
    with pytest.raises(Conflict, match="completed"):
        withdraw_change(actor=acting("ana"), change=change)


def test_what_was_not_approved_can_not_be_carried_out() -> None:
    change = proposed("ana")
    for move in (complete_change, lambda **given: fail_change(reason="x", **given)):
        with pytest.raises(Conflict):
            move(actor=SYSTEM, change=change)
    assert state_of(change) == "proposed"


def test_a_failure_says_why() -> None:
    change = approved()
    fail_change(actor=SYSTEM, change=change, reason="the template no longer exists")
    assert state_of(change) == "failed"
    assert LedgerEntry.objects.get(action="change.failed").data["reason"] == "the template no longer exists"
