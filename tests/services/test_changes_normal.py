"""Normal changes: approved before they are done, by as many as it takes; then carried out, and looked back on."""

from datetime import timedelta
from typing import Any

import pytest

from changemgmt.models import Approval, Change
from changemgmt.services.approvals import approve_change, refuse_change
from changemgmt.services.carrying_out import finish_change, review_change, start_change
from changemgmt.services.due import end_expired_approvals
from changemgmt.services.editing import update_change
from changemgmt.services.policies import create_policy, update_policy
from changemgmt.services.proposals import withdraw_change
from changemgmt.services.windows import create_window
from common import clock
from common.core.actor import Actor
from common.core.errors import Conflict, Invalid, NotPermitted, PreconditionFailed
from common.models import LedgerEntry, OutboxEvent, Person
from tests.factories import acting, host, logged, person, program, team

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nobody_listens(settings: Any) -> None:
    settings.EVENT_CONSUMERS = {}


PLAN: dict[str, Any] = {"kind": "normal", "plan": "1. drain\n2. restart", "backout": "start the old one"}


def normal(who: str | Actor = "ana", **fields: Any) -> Change:
    return logged(who, **{"title": "Upgrade nginx", "hosts": ["web-1"], **PLAN, **fields})


def approved(who: str | Actor = "ana", **fields: Any) -> Change:
    change = normal(who, **fields)
    approve_change(actor=acting("ben"), change=change, digest=change.digest)
    return fresh(change)


def fresh(change: Change) -> Change:
    return Change.objects.get(pk=change.pk)


def events(change: Change) -> list[str]:
    return list(
        OutboxEvent.objects.filter(subject_id=change.pk).order_by("created_at").values_list("type", flat=True)
    )


def test_a_normal_change_waits_for_approval_with_its_plan_and_its_way_back() -> None:
    change = normal()
    assert (change.state, change.approvals_needed, change.due_at) == ("proposed", 1, None)
    assert events(change) == ["change.proposed"]
    with pytest.raises(Invalid, match="happened_at"):
        normal(plan="")


def test_a_normal_change_that_was_done_already_is_a_record() -> None:
    change = normal(happened_at=clock.now() - timedelta(hours=1), plan="", backout="")
    assert (change.state, change.due_at is not None) == ("logged", True)


def test_it_is_approved_started_completed_and_reviewed_and_the_ledger_has_each_step() -> None:
    change = approved()
    started = start_change(actor=acting("ana"), change=change)
    assert (started.state, started.started_at, started.happened_at) == (
        "started",
        started.started_at,
        started.started_at,
    )
    done = finish_change(actor=acting("ana"), change=started, succeeded=True, outcome="all green")
    assert (done.state, done.outcome) == ("completed", "all green")
    reviewed = review_change(actor=acting("ben"), change=done, text="drain sooner")
    assert (reviewed.state, reviewed.reviewed_by) == ("reviewed", person("ben"))
    actions = (
        LedgerEntry.objects.filter(subject_id=change.pk)
        .order_by("created_at")
        .values_list("action", flat=True)
    )
    assert list(actions) == [
        "change.proposed", "change.approved", "change.started", "change.completed", "change.reviewed",
    ]  # fmt: skip
    assert fresh(change).digest == change.digest


def test_a_failure_has_to_say_why() -> None:
    started = start_change(actor=acting("ana"), change=approved())
    with pytest.raises(Invalid, match="outcome"):
        finish_change(actor=acting("ana"), change=started, succeeded=False)
    failed = finish_change(actor=acting("ana"), change=started, succeeded=False, outcome="no space left")
    assert (failed.state, failed.outcome) == ("failed", "no space left")


def test_what_was_not_approved_is_not_started_and_it_says_who_can_help() -> None:
    person("ben")
    with pytest.raises(Conflict, match="is proposed"):
        start_change(actor=acting("ana"), change=normal())


def test_what_was_not_started_is_not_completed() -> None:
    with pytest.raises(Conflict, match="start it"):
        finish_change(actor=acting("ana"), change=approved(), succeeded=True)


def test_what_is_not_over_is_not_reviewed() -> None:
    with pytest.raises(Conflict):
        review_change(actor=acting("ana"), change=approved(), text="fine")
    with pytest.raises(Conflict, match="approves it first"):
        review_change(actor=acting("ana"), change=logged("ana"), text="fine")


def test_an_edit_of_what_was_approved_takes_the_approval_away() -> None:
    change = approved()
    edited = update_change(actor=acting("ana"), change=change, fields={"plan": "just restart"})
    assert edited.state == "proposed"
    assert edited.digest != change.digest
    (approval,) = Approval.objects.all()
    assert approval.voided_at is not None
    assert "edited plan" in approval.void_reason
    with pytest.raises(Conflict, match="moved since you read it"):
        approve_change(actor=acting("ben"), change=edited, digest=change.digest)
    approve_change(actor=acting("ben"), change=edited, digest=edited.digest)
    assert fresh(change).state == "approved"
    assert "change.voided" in events(change)


def test_an_edit_of_what_no_approval_binds_leaves_it() -> None:
    change = approved()
    edited = update_change(actor=acting("ana"), change=change, fields={"links": {"ticket": "OPS-1"}})
    assert (edited.state, edited.digest) == ("approved", change.digest)


def test_what_is_being_carried_out_stays_as_it_was_approved() -> None:
    started = start_change(actor=acting("ana"), change=approved())
    with pytest.raises(Conflict, match="stays"):
        update_change(actor=acting("ana"), change=started, fields={"plan": "other"})


def test_what_was_rejected_is_corrected_and_thereby_proposed_again() -> None:
    change = normal()
    refuse_change(actor=acting("ben"), change=change, reason="no way back")
    assert fresh(change).state == "rejected"
    edited = update_change(actor=acting("ana"), change=change, fields={"backout": "restore the snapshot"})
    assert edited.state == "proposed"
    approve_change(actor=acting("ben"), change=edited, digest=edited.digest)


def test_an_approval_that_ran_out_starts_nothing_and_can_be_given_anew() -> None:
    change = approved()
    with clock.shifted(timedelta(days=8)):
        with pytest.raises(Conflict, match=r"ran out.*ben"):
            start_change(actor=acting("ana"), change=change)
        approve_change(actor=acting("ben"), change=change, digest=change.digest)
        assert start_change(actor=acting("ana"), change=fresh(change)).state == "started"


def test_what_is_not_started_in_time_is_proposed_again_by_the_clock() -> None:
    change = approved()
    assert end_expired_approvals() == 0
    with clock.shifted(timedelta(days=8)):
        assert end_expired_approvals() == 1
        assert end_expired_approvals() == 0
    assert fresh(change).state == "proposed"
    assert LedgerEntry.objects.get(action="change.voided").data["reason"].startswith("its approval ran out")


def test_what_an_approver_with_another_role_said_yes_to_is_told_as_that() -> None:
    create_policy(actor=acting("cy"), name="managers", role="release-manager")
    change = approved()
    Person.objects.filter(username="ben").update(role="ops")
    with pytest.raises(Conflict, match=r"Who approved it \(ben\) no longer has the role") as refused:
        start_change(actor=acting("ana"), change=change)
    assert "ran out" not in refused.value.detail
    with clock.shifted(timedelta(days=8)), pytest.raises(Conflict, match=r"ran out; who approved it \(ben\)"):
        start_change(actor=acting("ana"), change=change)
    with pytest.raises(NotPermitted):
        approve_change(actor=acting("cy"), change=change, digest=change.digest)
    Person.objects.filter(username="cy").update(role="release-manager")
    approve_change(actor=acting("cy"), change=change, digest=change.digest)
    voided = LedgerEntry.objects.get(action="change.voided").data["reason"]
    assert voided.startswith("who approved it (ben) no longer has") and "ran out" not in voided


def test_it_is_carried_out_at_its_planned_time_only() -> None:
    start = clock.now() + timedelta(hours=2)
    change = approved(planned_start=start, planned_end=start + timedelta(hours=1))
    with pytest.raises(Conflict, match="planned for"):
        start_change(actor=acting("ana"), change=change)
    with clock.shifted(timedelta(hours=4)), pytest.raises(Conflict, match="plan it anew"):
        start_change(actor=acting("ana"), change=change)
    with clock.shifted(timedelta(hours=2, minutes=5)):
        start_change(actor=acting("ana"), change=change)


def test_a_plan_into_a_freeze_is_riskier_and_is_not_started_in_it() -> None:
    host("web-1")
    now = clock.now()
    create_window(
        actor=acting("ben"),
        kind="freeze",
        title="year end",
        selector="env=prod",
        starts_at=now + timedelta(hours=1),
        ends_at=now + timedelta(hours=9),
    )
    change = approved(planned_start=now + timedelta(hours=2))
    assert any("year end" in reason for reason in change.risk_reasons)
    with clock.shifted(timedelta(hours=3)), pytest.raises(Conflict, match="year end"):
        start_change(actor=acting("ana"), change=change)


# ---- who


def test_a_program_carries_out_what_it_filed_and_nothing_else() -> None:
    ci = program("ana")
    change = approved(ci)
    other = program("ana", name="other")
    with pytest.raises(NotPermitted, match="the program that filed it"):
        start_change(actor=other, change=change)
    assert start_change(actor=ci, change=change).state == "started"


@pytest.mark.parametrize(("who", "may"), [("eve", False), ("dee", False), ("cy", True)])
def test_somebody_elses_change_is_carried_out_by_release_managers_only(who: str, may: bool) -> None:
    change = approved()
    actor = acting(person("eve", "ops") if who == "eve" else who)
    if may:
        start_change(actor=actor, change=change)
    else:
        with pytest.raises(NotPermitted):
            start_change(actor=actor, change=change)


def test_who_filed_it_does_not_approve_it() -> None:
    change = normal("ben")
    with pytest.raises(NotPermitted, match="you proposed"):
        approve_change(actor=acting("ben"), change=change, digest=change.digest)


def test_whoever_proposed_it_takes_it_back() -> None:
    assert withdraw_change(actor=acting("ana"), change=approved()).state == "withdrawn"


# ---- policies


def two_in_prod(**more: Any) -> None:
    create_policy(actor=acting("cy"), name="prod", environments=["prod"], count=2, **more)


def test_two_people_approve_where_a_policy_asks_for_two() -> None:
    two_in_prod()
    host("web-1")
    person("cy")
    change = normal()
    assert (change.environments, change.approvals_needed) == (["prod"], 2)
    approve_change(actor=acting("ben"), change=change, digest=change.digest)
    assert fresh(change).state == "proposed"
    with pytest.raises(Conflict, match=r"already\. It still takes: one approval"):
        approve_change(actor=acting("ben"), change=change, digest=change.digest)
    approve_change(actor=acting("cy"), change=change, digest=change.digest)
    assert fresh(change).state == "approved"
    assert "change.approval_given" in events(change)


def test_one_of_two_approvals_that_ran_out_does_not_count() -> None:
    two_in_prod()
    host("web-1")
    change = normal()
    approve_change(actor=acting("ben"), change=change, digest=change.digest, valid_for=timedelta(hours=1))
    with clock.shifted(timedelta(hours=2)):
        approve_change(actor=acting("cy"), change=change, digest=change.digest)
        assert fresh(change).state == "proposed"
        approve_change(actor=acting("ben"), change=change, digest=change.digest)
    assert fresh(change).state == "approved"


def test_a_policy_asks_for_people_of_a_team_and_a_role() -> None:
    data = team("data", lead="cy")
    create_policy(actor=acting("cy"), name="dba", kinds=["normal"], role="release-manager", team=data)
    change = normal()
    with pytest.raises(NotPermitted, match=r"would not count.*team data"):
        approve_change(actor=acting("ben"), change=change, digest=change.digest)
    data.members.add(person("ben"))
    approve_change(actor=acting("ben"), change=change, digest=change.digest)
    assert fresh(change).state == "approved"


def test_a_change_keeps_the_policies_of_when_it_was_filed_until_it_is_edited() -> None:
    host("web-1")
    change = normal()
    two_in_prod()
    assert fresh(change).approvals_needed == 1
    edited = update_change(actor=acting("ana"), change=change, fields={"plan": "3. wait"})
    assert edited.approvals_needed == 2


def test_a_policy_is_ended_and_edited_by_admins_and_the_ledger_keeps_what_it_asked() -> None:
    with pytest.raises(NotPermitted):
        create_policy(actor=acting("ben"), name="mine", count=3)
    two_in_prod()
    from changemgmt.models import ApprovalPolicy

    policy = ApprovalPolicy.objects.get()
    update_policy(actor=acting("cy"), policy=policy, fields={"is_active": False}, expected_version=1)
    with pytest.raises(PreconditionFailed):
        update_policy(actor=acting("cy"), policy=policy, fields={"count": 5}, expected_version=1)
    host("web-1")
    assert normal().approvals_needed == 1
    assert LedgerEntry.objects.get(action="approval-policy.updated").data["from"]["is_active"] is True


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "a b"},
        {"count": 0},
        {"count": 11},
        {"kinds": ["urgent"]},
        {"role": "ops"},
        {"environments": ["a b"]},
    ],
)
def test_a_policy_that_can_not_be_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        create_policy(actor=acting("cy"), **({"name": "x"} | fields))


def test_whoever_wrote_a_part_of_it_does_not_approve_it() -> None:
    change = update_change(actor=acting("ben"), change=normal(), fields={"plan": "1. something else"})
    with pytest.raises(NotPermitted, match="wrote a part"):
        approve_change(actor=acting("ben"), change=change, digest=change.digest)
    assert approve_change(actor=acting("cy"), change=change, digest=change.digest).approver == person("cy")


def test_an_approval_of_what_is_planned_later_is_in_force_until_its_end() -> None:
    start = clock.now() + timedelta(days=20)
    change = approved(planned_start=start, planned_end=start + timedelta(hours=2))
    assert Approval.objects.get(change=change).expires_at == change.planned_end
    assert end_expired_approvals() == 0
    open_ended = approved(planned_start=start)
    assert Approval.objects.get(change=open_ended).expires_at == start + timedelta(days=7)


def test_a_change_without_a_selector_keeps_its_hosts() -> None:
    change = update_change(actor=acting("ana"), change=normal(), fields={"selector": ""})
    assert change.hosts == ["web-1"]
