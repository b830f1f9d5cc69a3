"""A fold-back takes as many approvals as the policies ask for, and each of them is held to four eyes at the commit."""

from pathlib import Path
from typing import Any

import pytest

from changemgmt.models import Change
from changemgmt.services.policies import create_policy
from drift.models import Decision, Finding
from tests.definitions import GitFleet
from tests.factories import acting, person
from tests.folding import approve, begin, carry_out, fixed_by_hand, fold

pytestmark = pytest.mark.django_db


@pytest.fixture
def fleet(settings: Any, tmp_path: Path) -> GitFleet:
    create_policy(actor=acting("cy"), name="two-for-prod", environments=["prod"], kinds=["decision"], count=2)
    person("ben")
    return begin(settings, tmp_path)


def state_of(decision: Decision) -> str:
    return Change.objects.get(pk=decision.change_id).state


def test_nothing_is_committed_before_the_second_person_has_approved(fleet: GitFleet) -> None:
    decision = fold(fixed_by_hand(fleet))
    before = fleet.repository.head
    approve(decision)
    carry_out()
    assert (state_of(decision), fleet.repository.head) == ("proposed", before)
    approve(decision, "cy")
    carry_out()
    assert state_of(decision) == "completed"
    assert fleet.repository.head != before


def test_whichever_of_the_approvers_says_that_was_me_the_commit_is_not_made(fleet: GitFleet) -> None:
    finding = fixed_by_hand(fleet)
    decision = fold(finding)
    approve(decision)
    approve(decision, "cy")
    Finding.objects.filter(pk=finding.pk).update(claimed_by=person("cy"))
    before = fleet.repository.head
    carry_out()
    assert (state_of(decision), fleet.repository.head) == ("proposed", before)
