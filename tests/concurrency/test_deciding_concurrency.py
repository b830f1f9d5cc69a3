"""Two people decide on a change or an incident at once: one wins, the other is told, and nothing is half done."""

from collections import Counter
from typing import Any

import pytest

from changemgmt.models import Approval, Change, Incident
from changemgmt.services.approvals import approve_change
from changemgmt.services.carrying_out import finish_change, review_change, start_change
from changemgmt.services.changes import draft_change, log_change
from changemgmt.services.editing import update_change
from changemgmt.services.incidents import (
    close_incident,
    hand_over_incident,
    open_incident,
    reopen_incident,
    review_incident,
)
from changemgmt.services.policies import create_policy
from changemgmt.services.transfers import claim_change, confirm_change, transfer_change
from common.core.errors import Conflict
from common.models import OutboxEvent
from tests.concurrency.deciding import at_once, happened, won_and_told
from tests.factories import acting, person

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 4
PLAN = {"plan": "edit", "backout": "undo"}


@pytest.fixture(autouse=True)
def nobody_listens(settings: Any) -> None:
    settings.EVENT_CONSUMERS = {}
    for who in ("ana", "ben", "cy", "dee"):
        person(who)


def normal(**more: Any) -> Change:
    change, _ = log_change(
        actor=acting("ana"), title="more workers", kind="normal", hosts=["web-1"], **(PLAN | more)
    )
    return change


def approved(**more: Any) -> Change:
    change = normal(**more)
    approve_change(actor=acting("ben"), change=change, digest=change.digest)
    return Change.objects.get(pk=change.pk)


# ---- changes


def test_two_yeses_that_are_both_asked_for_are_both_counted_and_approve_it_once() -> None:
    create_policy(actor=acting("cy"), name="two", count=2)
    for _ in range(ROUNDS):
        change = normal()
        outcomes = at_once(
            change,
            *(
                lambda read, who=who: approve_change(actor=acting(who), change=read, digest=read.digest)
                for who in ("ben", "cy")
            ),
        )
        assert [type(one) for one in outcomes] == [Approval, Approval], outcomes
        assert Change.objects.get(pk=change.pk).state == "approved"
        assert Counter(happened(change))["change.approved"] == 1
        assert OutboxEvent.objects.filter(subject_id=change.pk, type="change.approved").count() == 1


def test_what_is_edited_while_it_is_approved_is_never_approved_as_something_else() -> None:
    for _ in range(ROUNDS):
        change = normal()
        at_once(
            change,
            lambda read: approve_change(actor=acting("ben"), change=read, digest=read.digest),
            lambda read: update_change(actor=acting("ana"), change=read, fields={"plan": "something else"}),
        )
        after = Change.objects.get(pk=change.pk)
        assert (after.state, after.plan) == ("proposed", "something else")
        assert not Approval.objects.filter(change=change, voided_at=None).exists()


def test_of_two_who_start_it_at_once_one_does_and_the_other_is_told() -> None:
    for _ in range(ROUNDS):
        change = approved()
        _, told = won_and_told(
            at_once(
                change,
                *(
                    lambda read, who=who: start_change(actor=acting(who), change=read)
                    for who in ("ana", "ben")
                ),
            )
        )
        assert "change.started by" in told
        assert happened(change).count("change.started") == 1


def test_a_change_is_not_completed_and_failed_at_once() -> None:
    for _ in range(ROUNDS):
        change = start_change(actor=acting("ana"), change=approved())
        won, told = won_and_told(
            at_once(
                change,
                lambda read: finish_change(actor=acting("ana"), change=read, succeeded=True),
                lambda read: finish_change(
                    actor=acting("ben"), change=read, succeeded=False, outcome="it broke"
                ),
            )
        )
        after = Change.objects.get(pk=change.pk)
        assert after.state == won.state and f"change.{after.state} by" in told
        assert after.outcome == ("it broke" if after.state == "failed" else "")


def test_of_two_who_look_back_at_once_one_is_kept() -> None:
    for _ in range(ROUNDS):
        change = start_change(actor=acting("ana"), change=approved())
        done = finish_change(actor=acting("ana"), change=change, succeeded=True)
        won, told = won_and_told(
            at_once(
                done,
                *(
                    lambda read, who=who: review_change(actor=acting(who), change=read, text=who)
                    for who in ("ana", "ben")
                ),
            )
        )
        assert Change.objects.get(pk=change.pk).review == won.review
        assert f"change.reviewed by {won.review}" in told


def test_of_two_who_hand_it_to_different_people_at_once_one_does_and_the_other_is_told() -> None:
    for _ in range(ROUNDS):
        won, told = won_and_told(
            at_once(
                normal(),
                lambda read: transfer_change(actor=acting("ana"), change=read, to=person("cy")),
                lambda read: transfer_change(actor=acting("ben"), change=read, to=person("ben")),
            )
        )
        assert Change.objects.get(pk=won.pk).owner_id == won.owner_id
        assert f"is {won.owner.username}'s by now" in told


def test_a_draft_that_is_claimed_and_confirmed_at_once_is_logged_once() -> None:
    incident, _ = open_incident(actor=acting("ana"), title="checkout is down")
    for number in range(ROUNDS):
        draft = draft_change(incident=incident, title=f"by hand {number}", hosts=["web-1"])
        outcomes = at_once(
            draft,
            lambda read: claim_change(actor=acting("cy"), change=read),
            lambda read: confirm_change(actor=acting("ana"), change=read),
        )
        # Who claims what is confirmed already gets it still: it was only stood in for.
        assert isinstance(outcomes[0], Change) and isinstance(outcomes[1], Change | Conflict), outcomes
        after = Change.objects.get(pk=draft.pk)
        assert (after.state, after.owner.username, happened(draft).count("change.confirmed")) == (
            "logged",
            "cy",
            1,
        )


# ---- incidents


def closed() -> Incident:
    incident, _ = open_incident(actor=acting("ana"), title="checkout is down")
    return close_incident(actor=acting("ana"), incident=incident)


def test_of_two_who_review_an_incident_at_once_one_does_and_the_other_is_told() -> None:
    for _ in range(ROUNDS):
        incident = closed()
        won, told = won_and_told(
            at_once(
                incident,
                *(
                    lambda read, who=who: review_incident(actor=acting(who), incident=read, text=who)
                    for who in ("ana", "ben")
                ),
            )
        )
        assert f"incident.reviewed by {won.review}" in told
        assert Incident.objects.get(pk=incident.pk).review == won.review
        assert incident.timeline.filter(kind="reviewed").count() == 1


def test_an_incident_is_not_reopened_and_reviewed_at_once() -> None:
    for _ in range(ROUNDS):
        incident = closed()
        won, told = won_and_told(
            at_once(
                incident,
                lambda read: reopen_incident(actor=acting("ana"), incident=read, reason="it is back"),
                lambda read: review_incident(actor=acting("ben"), incident=read, text="learnt"),
            )
        )
        after = Incident.objects.get(pk=incident.pk)
        assert (after.state, bool(after.review)) == (won.state, won.state == "reviewed")
        assert "incident.re" in told


def test_of_two_handovers_at_once_one_counts_and_the_other_is_told_who_leads() -> None:
    for _ in range(ROUNDS):
        incident, _ = open_incident(actor=acting("ana"), title="checkout is down")
        won, told = won_and_told(
            at_once(
                incident,
                *(
                    lambda read, who=who: hand_over_incident(
                        actor=acting("ana"), incident=read, commander=person(who)
                    )
                    for who in ("ben", "cy")
                ),
            )
        )
        assert Incident.objects.get(pk=incident.pk).commander_id == won.commander_id
        assert f"{won.commander.name} leads" in told
        assert incident.timeline.filter(kind="commander").count() == 1
