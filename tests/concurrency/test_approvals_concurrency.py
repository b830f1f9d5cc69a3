"""Two people act on the same change at once: one wins, the other is told."""

import threading
import time
from collections import Counter
from functools import partial
from typing import Any

import pytest
from django.db import connection, transaction

from changemgmt.models import Approval, Change
from changemgmt.services.approvals import approve_change, refuse_change, void_approval
from changemgmt.services.changes import log_change
from changemgmt.services.editing import update_change
from changemgmt.services.proposals import complete_change, set_digest, withdraw_change
from changemgmt.services.transfers import claim_change
from common.core.errors import Conflict, PreconditionFailed
from common.models import IdempotencyKey, LedgerEntry, OutboxEvent
from tests.api.client import Caller
from tests.factories import DIGEST, OTHER_DIGEST, acting, in_threads, logged, person, program, proposed

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 8


@pytest.fixture(autouse=True)
def nobody_listens(settings: Any) -> None:
    settings.EVENT_CONSUMERS = {}


def kinds(outcomes: list[Any]) -> Counter[str]:
    return Counter(type(outcome).__name__ for outcome in outcomes)


def wait_until_somebody_waits() -> None:
    """Until another connection of this database waits for a lock."""
    for _ in range(200):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            if cursor.fetchone()[0]:
                return
        time.sleep(0.02)
    pytest.fail("nobody came to wait")


def test_of_two_approvers_at_once_one_wins_and_the_other_is_told() -> None:
    ben, cy = acting("ben"), acting("cy")
    for _ in range(ROUNDS):
        change = proposed("ana")
        outcomes = in_threads(
            *(partial(approve_change, actor=who, change=change, digest=DIGEST) for who in (ben, cy))
        )
        assert kinds(outcomes) == {"Approval": 1, "Conflict": 1}
        winner = next(o for o in outcomes if isinstance(o, Approval))
        loser = next(o for o in outcomes if isinstance(o, Conflict))
        assert f"change.approved by {winner.approver.username}" in loser.detail
        assert Approval.objects.filter(change=change).count() == 1
        assert OutboxEvent.objects.filter(subject_id=change.pk, type="change.approved").count() == 1
        assert LedgerEntry.objects.filter(subject_id=change.pk, action="change.approved").count() == 1


def test_an_approver_who_waits_for_another_sees_what_the_other_did() -> None:
    """The same without luck: the second comes while the first one's transaction is still open."""
    ben, cy, change = acting("ben"), acting("cy"), proposed("ana")
    in_doubt = threading.Event()

    def first() -> Any:
        with transaction.atomic():
            approval = approve_change(actor=ben, change=change, digest=DIGEST)
            in_doubt.set()
            wait_until_somebody_waits()
        return approval

    def second() -> Any:
        assert in_doubt.wait(10)
        return approve_change(actor=cy, change=change, digest=DIGEST)

    outcomes = in_threads(first, second)
    assert isinstance(outcomes[0], Approval)
    assert isinstance(outcomes[1], Conflict)
    assert "by ben" in outcomes[1].detail


def test_a_yes_and_a_no_at_once_leave_one_verdict() -> None:
    ben, cy = acting("ben"), acting("cy")
    for _ in range(ROUNDS):
        change = proposed("ana")
        outcomes = in_threads(
            lambda: approve_change(actor=ben, change=change, digest=DIGEST),  # noqa: B023
            lambda: refuse_change(actor=cy, change=change, reason="not like this"),  # noqa: B023
        )
        assert kinds(outcomes) == {"Approval": 1, "Conflict": 1}
        verdict = Approval.objects.get(change=change).verdict
        assert (
            Change.objects.get(pk=change.pk).state == {"approved": "approved", "refused": "rejected"}[verdict]
        )


def test_a_proposal_never_moves_under_an_approval() -> None:
    ana, ben = acting("ana"), acting("ben")
    for _ in range(ROUNDS):
        change = proposed("ana")
        outcomes = in_threads(
            lambda: approve_change(actor=ben, change=change, digest=DIGEST),  # noqa: B023
            lambda: set_digest(actor=ana, change=change, digest=OTHER_DIGEST),  # noqa: B023
        )
        assert kinds(outcomes)["Conflict"] == 1
        after = Change.objects.get(pk=change.pk)
        live = Approval.objects.filter(change=change, voided_at=None)
        if after.state == "approved":
            assert (after.digest, live.get().digest) == (DIGEST, DIGEST)
        else:
            assert (after.state, after.digest, live.count()) == ("proposed", OTHER_DIGEST, 0)


def test_what_is_withdrawn_while_being_approved_is_never_both() -> None:
    ana, ben = acting("ana"), acting("ben")
    for _ in range(ROUNDS):
        change = proposed("ana")
        outcomes = in_threads(
            lambda: approve_change(actor=ben, change=change, digest=DIGEST),  # noqa: B023
            lambda: withdraw_change(actor=ana, change=change),  # noqa: B023
        )
        assert kinds(outcomes)["Conflict"] == 1
        after = Change.objects.get(pk=change.pk)
        approved = Approval.objects.filter(change=change, voided_at=None).exists()
        assert (after.state, approved) in (("approved", True), ("withdrawn", False))


def test_of_carrying_out_and_voiding_at_once_one_happens() -> None:
    ben = acting("ben")
    for _ in range(ROUNDS):
        change = proposed("ana")
        approve_change(actor=ben, change=change, digest=DIGEST)
        outcomes = in_threads(
            lambda: complete_change(actor=ben, change=change),  # noqa: B023
            lambda: void_approval(actor=ben, change=change, reason="second thoughts"),  # noqa: B023
        )
        assert kinds(outcomes) == {"Change": 1, "IllegalTransition": 1}
        live = Approval.objects.filter(change=change, voided_at=None).exists()
        assert (Change.objects.get(pk=change.pk).state, live) in (("completed", True), ("proposed", False))


def test_of_two_who_claim_at_once_one_gets_it_and_the_other_is_told() -> None:
    ana, cy, ci = acting("ana"), acting("cy"), program("ben")
    for _ in range(ROUNDS):
        change = logged(ci)
        outcomes = in_threads(*(partial(claim_change, actor=who, change=change) for who in (ana, cy)))
        assert kinds(outcomes) == {"Change": 1, "Conflict": 1}
        owner = Change.objects.get(pk=change.pk).owner.username
        assert owner in ("ana", "cy")
        assert f"claimed by {owner}" in next(o for o in outcomes if isinstance(o, Conflict)).detail


def test_of_two_corrections_of_one_version_one_is_written() -> None:
    ana = acting("ana")
    for _ in range(ROUNDS):
        change = logged("ana")
        outcomes = in_threads(
            *(
                partial(update_change, actor=ana, change=change, fields={"title": title}, expected_version=1)
                for title in ("left", "right")
            )
        )
        assert kinds(outcomes) == {"Change": 1, "PreconditionFailed": 1}
        assert isinstance(next(o for o in outcomes if not isinstance(o, Change)), PreconditionFailed)
        after = Change.objects.get(pk=change.pk)
        assert after.version == 2
        assert after.title == next(o for o in outcomes if isinstance(o, Change)).title


def test_an_external_id_sent_five_times_at_once_makes_one_record() -> None:
    ana = acting("ana")
    for number in range(ROUNDS):
        outcomes = in_threads(
            *[lambda: log_change(actor=ana, title="x", external_id=f"job-{number}")] * 5  # noqa: B023
        )
        assert all(isinstance(outcome, tuple) for outcome in outcomes), outcomes
        assert len({change.pk for change, _ in outcomes}) == 1
        assert sum(created for _, created in outcomes) == 1
    assert Change.objects.count() == ROUNDS
    assert LedgerEntry.objects.filter(action="change.logged").count() == ROUNDS


def test_a_key_sent_five_times_at_once_acts_once() -> None:
    person("ana")
    caller = Caller.person("ana")
    for number in range(ROUNDS):
        answers = in_threads(
            *[lambda: caller.post("changes/", {"title": "x"}, Idempotency_Key=f"k-{number}")] * 5  # noqa: B023
        )
        statuses = {answer.status_code for answer in answers}
        assert 201 in statuses
        assert statuses <= {201, 409}
        assert len({answer.json()["id"] for answer in answers if answer.status_code == 201}) == 1
        again = caller.post("changes/", {"title": "x"}, Idempotency_Key=f"k-{number}")
        assert again.headers["Idempotent-Replay"] == "true"
    assert Change.objects.count() == IdempotencyKey.objects.count() == ROUNDS


def test_a_key_whose_request_is_still_running_is_409() -> None:
    person("ana")
    caller = Caller.person("ana")
    ana, running, told = acting("ana"), threading.Event(), threading.Event()

    def first() -> Any:
        from common.services.idempotency import answer_once

        def act() -> tuple[int, Any, dict[str, str]]:
            running.set()
            assert told.wait(10)
            return 201, {}, {}

        client = str(caller_token)
        return answer_once(client=client, key="k", request_digest="d", act=act)

    def second() -> Any:
        assert running.wait(10)
        try:
            return caller.post("changes/", {"title": "x"}, Idempotency_Key="k")
        finally:
            told.set()

    from common.models import Token

    caller_token = Token.objects.get(sponsor_id=ana.person_id).pk
    outcomes = in_threads(first, second)
    assert outcomes[1].status_code == 409
    assert "still running" in outcomes[1].json()["detail"]
    assert not Change.objects.exists()
