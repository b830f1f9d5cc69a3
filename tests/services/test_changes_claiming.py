"""Claiming and correcting what was recorded."""

from datetime import timedelta
from typing import Any

import pytest

from changemgmt.models import Change
from changemgmt.services.approvals import approve_change
from changemgmt.services.editing import update_change
from changemgmt.services.proposals import complete_change
from changemgmt.services.transfers import claim_change
from common import clock
from common.core.errors import Conflict, Invalid, NotPermitted, PreconditionFailed
from common.models import LedgerEntry, OutboxEvent
from tests.factories import DIGEST, acting, logged, person, program, proposed

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nobody_listens(settings: Any) -> None:
    settings.EVENT_CONSUMERS = {}


def test_a_change_that_a_sponsor_stands_in_for_is_claimed_in_one_call() -> None:
    change = logged(program("ben"))
    claimed = claim_change(actor=acting("ana"), change=change)
    assert (claimed.owner, claimed.owner_source) == (person("ana"), "claimant")
    assert claimed.requested_by == person("ben")
    assert claimed.version == change.version + 1
    entry = LedgerEntry.objects.get(subject_id=change.pk, action="change.claimed")
    assert entry.data["from"] == {"owner": str(person("ben").pk), "owner_source": "sponsor"}
    assert entry.data["to"] == {"owner": str(person("ana").pk), "owner_source": "claimant"}
    assert OutboxEvent.objects.filter(subject_id=change.pk, type="change.claimed").exists()


def test_the_sponsor_can_say_it_was_really_them() -> None:
    claimed = claim_change(actor=acting("ben"), change=logged(program("ben")))
    assert (claimed.owner, claimed.owner_source) == (person("ben"), "claimant")


def test_claiming_twice_changes_nothing() -> None:
    change = claim_change(actor=acting("ana"), change=logged(program("ben")))
    assert claim_change(actor=acting("ana"), change=change).version == change.version
    assert LedgerEntry.objects.filter(subject_id=change.pk, action="change.claimed").count() == 1


def test_the_second_to_claim_is_told_who_was_first() -> None:
    change = logged(program("ben"))
    claim_change(actor=acting("ana"), change=change)
    with pytest.raises(Conflict, match="claimed by ana"):
        claim_change(actor=acting("cy"), change=change)


def test_a_change_that_somebody_recorded_is_theirs() -> None:
    with pytest.raises(Conflict, match="ana's own"):
        claim_change(actor=acting("ben"), change=logged("ana"))


def test_a_program_claims_nothing() -> None:
    with pytest.raises(NotPermitted):
        claim_change(actor=program("ana"), change=logged(program("ben", name="cd")))


def test_an_auditor_claims_nothing() -> None:
    with pytest.raises(NotPermitted):
        claim_change(actor=acting("dee"), change=logged(program("ben")))


# ---- correcting


def test_the_owner_corrects_a_record_and_the_ledger_keeps_both_versions() -> None:
    change = logged("ana", hosts=["web-1"])
    told = clock.now() - timedelta(hours=1)
    fields = {"title": "lowered it again", "hosts": ["web-2"], "happened_at": told, "description": ""}
    updated = update_change(actor=acting("ana"), change=change, fields=fields)
    updated.refresh_from_db()
    assert (updated.title, updated.hosts, updated.happened_at) == ("lowered it again", ["web-2"], told)
    entry = LedgerEntry.objects.get(subject_id=change.pk, action="change.updated")
    assert entry.data["from"]["hosts"] == ["web-1"]
    assert entry.data["to"]["hosts"] == ["web-2"]
    assert "description" not in entry.data["to"]


def test_an_update_that_changes_nothing_leaves_no_trace() -> None:
    change = logged("ana")
    assert update_change(actor=acting("ana"), change=change, fields={"title": change.title}).version == 1
    assert not LedgerEntry.objects.filter(action="change.updated").exists()


def test_an_update_of_a_version_that_is_gone_is_refused() -> None:
    change = logged("ana")
    update_change(actor=acting("ana"), change=change, fields={"title": "second"}, expected_version=1)
    with pytest.raises(PreconditionFailed):
        update_change(actor=acting("ana"), change=change, fields={"title": "third"}, expected_version=1)
    assert Change.objects.get().title == "second"


def test_somebody_elses_record_is_not_an_ops_engineers_to_correct() -> None:
    with pytest.raises(NotPermitted, match="ana's"):
        update_change(actor=acting(person("eve", "ops")), change=logged("ana"), fields={"title": "x"})


@pytest.mark.parametrize("who", ["ana", "ben", "cy"])
def test_owner_and_release_managers_may_correct_it(who: str) -> None:
    assert update_change(actor=acting(who), change=logged("ana"), fields={"title": "right"}).title == "right"


def test_what_is_not_editable_is_refused() -> None:
    with pytest.raises(Invalid, match="owner"):
        update_change(actor=acting("ana"), change=logged("ana"), fields={"owner": person("ben")})


@pytest.mark.parametrize(
    "field", [{"title": "x"}, {"hosts": []}, {"resources": []}, {"happened_at": clock.now()}]
)
def test_what_an_approval_binds_can_not_be_edited(field: dict[str, Any]) -> None:
    with pytest.raises(Conflict, match="binds"):
        update_change(actor=acting("ana"), change=proposed("ana"), fields=field)


def test_a_proposals_description_can_be_edited_and_its_approval_stands() -> None:
    change = proposed("ana")
    approve_change(actor=acting("ben"), change=change, digest=DIGEST)
    updated = update_change(actor=acting("ana"), change=change, fields={"description": "more words"})
    assert (updated.state, updated.description) == ("approved", "more words")


def test_a_decision_that_has_ended_stays_as_it_was() -> None:
    change = proposed("ana")
    approve_change(actor=acting("ben"), change=change, digest=DIGEST)
    complete_change(actor=acting("ana"), change=change)
    with pytest.raises(Conflict, match="stays as it was"):
        update_change(actor=acting("ana"), change=change, fields={"description": "x"})
