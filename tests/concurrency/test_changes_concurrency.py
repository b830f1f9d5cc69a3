"""Two people act on the same change of whatever kind at once: nothing is approved that nobody read, nothing is done twice."""

from collections import Counter
from functools import partial
from typing import Any

import pytest

from changemgmt.models import Approval, Change
from changemgmt.services.approvals import approve_change
from changemgmt.services.carrying_out import finish_change, start_change
from changemgmt.services.due import remind_of_due_changes
from changemgmt.services.editing import update_change
from changemgmt.services.policies import create_policy
from changemgmt.services.proposals import withdraw_change
from changemgmt.services.templates import approve_template, propose_template, revise_template
from changemgmt.services.transfers import confirm_change, transfer_change
from common import clock
from common.models import LedgerEntry, OutboxEvent
from tests.factories import acting, host, in_threads, logged, person

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 6
PLAN: dict[str, Any] = {"kind": "normal", "plan": "restart", "backout": "the old one", "hosts": ["web-1"]}


@pytest.fixture(autouse=True)
def nobody_listens(settings: Any) -> None:
    settings.EVENT_CONSUMERS = {}


def fresh(change: Change) -> Change:
    return Change.objects.get(pk=change.pk)


def kinds(outcomes: list[Any]) -> Counter[str]:
    return Counter(type(outcome).__name__ for outcome in outcomes)


def approved(**fields: Any) -> Change:
    change = logged("ana", **PLAN | fields)
    approve_change(actor=acting("ben"), change=change, digest=change.digest)
    return fresh(change)


def test_two_of_two_approvals_at_once_both_count_and_the_change_is_approved_once() -> None:
    create_policy(actor=acting("cy"), name="two", count=2)
    ben, cy = acting("ben"), acting("cy")
    for _ in range(ROUNDS):
        change = logged("ana", **PLAN)
        give = (partial(approve_change, actor=who, change=change, digest=change.digest) for who in (ben, cy))
        assert kinds(in_threads(*give)) == {"Approval": 2}
        assert fresh(change).state == "approved"
        assert OutboxEvent.objects.filter(subject_id=change.pk, type="change.approved").count() == 1
        assert LedgerEntry.objects.filter(subject_id=change.pk, action="change.approval_given").count() == 1


def test_an_approval_and_an_edit_at_once_never_leave_something_approved_that_nobody_read() -> None:
    ben, ana = acting("ben"), acting("ana")
    for _ in range(ROUNDS):
        change = logged("ana", **PLAN)
        outcomes = in_threads(
            partial(approve_change, actor=ben, change=change, digest=change.digest),
            partial(update_change, actor=ana, change=change, fields={"plan": "something else"}),
        )
        now = fresh(change)
        assert now.state == "proposed", kinds(outcomes)
        assert not Approval.objects.filter(change=change, voided_at=None).exists()


def test_a_start_and_a_withdrawal_at_once_one_wins() -> None:
    ana = acting("ana")
    for _ in range(ROUNDS):
        change = approved()
        outcomes = in_threads(
            partial(start_change, actor=ana, change=change),
            partial(withdraw_change, actor=ana, change=change),
        )
        assert kinds(outcomes) == {"Change": 1, "Conflict": 1}
        assert fresh(change).state in ("started", "withdrawn")


def test_a_change_is_completed_or_fails_and_never_both() -> None:
    ana = acting("ana")
    for _ in range(ROUNDS):
        change = start_change(actor=ana, change=approved())
        outcomes = in_threads(
            partial(finish_change, actor=ana, change=change, succeeded=True),
            partial(finish_change, actor=ana, change=change, succeeded=False, outcome="no space"),
        )
        assert kinds(outcomes) == {"Change": 1, "Conflict": 1}
        ends = LedgerEntry.objects.filter(
            subject_id=change.pk, action__in=("change.completed", "change.failed")
        )
        assert ends.count() == 1


def test_an_approval_and_a_hand_over_to_its_approver_at_once_break_no_four_eyes() -> None:
    person("cy")
    ben, ana = acting("ben"), acting("ana")
    for _ in range(ROUNDS):
        change = logged("ana", **PLAN)
        in_threads(
            partial(approve_change, actor=ben, change=change, digest=change.digest),
            partial(transfer_change, actor=ana, change=change, to=person("ben")),
        )
        now = fresh(change)
        assert (now.owner, now.state) == (person("ben"), "proposed")
        assert not Approval.objects.filter(change=change, voided_at=None).exists()


def test_two_clocks_remind_once() -> None:
    for _ in range(3):
        logged("ana")
    Change.objects.update(due_at=clock.now())
    told = in_threads(remind_of_due_changes, remind_of_due_changes, remind_of_due_changes)
    assert sum(told) == 3
    assert OutboxEvent.objects.filter(type="change.overdue").count() == 3


def test_a_draft_is_confirmed_once() -> None:
    for _ in range(ROUNDS):
        change = logged("ana")
        Change.objects.filter(pk=change.pk).update(state="drafted")
        change = fresh(change)
        confirm = partial(confirm_change, actor=acting("ana"), change=change)
        assert kinds(in_threads(confirm, confirm)) == {"Change": 1, "Conflict": 1}


def test_a_template_is_not_approved_after_a_new_version_took_its_place() -> None:
    host("web-1")
    for number in range(ROUNDS):
        template = propose_template(
            actor=acting("ana"), name=f"t-{number}", title="x", plan="x", backout="x", selector="role=web"
        )
        in_threads(
            partial(approve_template, actor=acting("ben"), template=template),
            partial(revise_template, actor=acting("ana"), template=template, fields={"plan": "other"}),
        )
        template.refresh_from_db()
        assert template.retired_at is not None
        (newest,) = type(template).objects.filter(name=template.name, retired_at=None)
        assert (newest.plan, newest.approved_at) == ("other", None)
