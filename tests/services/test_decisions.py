"""Deciding on findings: proposed by one person, approved by another, taken back, refused, refreshed."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from changemgmt.models import Change
from changemgmt.queries.approvals import approvers_for
from changemgmt.services.approvals import approve_change
from common import clock
from common.core.errors import Conflict, Invalid, NotPermitted, Unprocessable
from common.models import Job
from common.services.jobs import claim_batch
from drift.models import Decision, Finding
from drift.models.decision import FOLD_BACK, WAIVE
from drift.services.decisions import propose_decision, withdraw_decision
from drift.services.findings import claim_finding
from drift.services.fold_back import record_commit
from drift.services.proposals import placements_for, prepare_fold_back
from tests.definitions import GitFleet, deliver_events, work
from tests.factories import acting, logged, person, program
from tests.folding import (
    FILES,
    TEMPLATE,
    approve,
    begin,
    carry_out,
    change_of,
    fixed_by_hand,
    fold,
    jobs,
    now_is,
    refresh,
    refuse,
    void_reason,
    waive,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def fleet(settings: Any, tmp_path: Path) -> GitFleet:
    return begin(settings, tmp_path)


@pytest.fixture
def finding(fleet: GitFleet) -> Finding:
    return fixed_by_hand(fleet)


# ---- proposing


def test_a_fold_back_is_a_change_that_shows_patch_layer_and_hosts(fleet: GitFleet, finding: Finding) -> None:
    decision = fold(finding)
    change = change_of(decision)
    assert (change.kind, change.state, change.owner.username) == ("decision", "proposed", "ana")
    assert change.title == f"Fold back /etc/app.conf into roles/web ({finding.reference})"
    assert change.resources == ["file:/etc/app.conf"]
    assert change.hosts == ["web-1", "web-2", "web-3"]  # web-3 would be changed by it
    assert change.links == {"findings": [finding.reference]}
    assert decision.base_revision == fleet.repository.head
    assert "-limit 10\n+limit 99\n" in decision.patch
    assert decision.effect["hosts"]["already_right"] == ["web-1", "web-2"]
    assert decision.effect["hosts"]["changed"] == ["web-3"]
    assert decision.effect["missed"] == []
    finding.refresh_from_db()
    assert finding.state == "decided"
    assert not Job.objects.filter(kind="fold-back").exists()


def test_at_a_hosts_own_layer_no_other_host_is_changed(fleet: GitFleet) -> None:
    finding = fixed_by_hand(fleet, "web-1", path="/etc/motd", old="hello", new="only here")
    decision = fold(finding, layer="hosts/web-1")
    assert decision.effect["hosts"]["changed"] == []
    assert change_of(decision).hosts == ["web-1"]


def test_every_layer_is_offered_with_patch_and_hosts(fleet: GitFleet) -> None:
    finding = fixed_by_hand(fleet, "web-1", path="/etc/motd", old="hello", new="bye")
    revision, previews = placements_for(finding)
    assert revision == fleet.repository.head
    by_layer = {preview.placement.layer: preview for preview in previews if preview.placement.safe}
    assert {"roles/web", "hosts/web-1"} <= set(by_layer)
    assert by_layer["roles/web"].effect["hosts"]["changed"] == ["web-2", "web-3"]  # type: ignore[index]
    assert by_layer["hosts/web-1"].effect["hosts"]["changed"] == []  # type: ignore[index]


def test_a_layer_that_is_not_possible_is_refused_with_those_that_are(
    fleet: GitFleet, finding: Finding
) -> None:
    with pytest.raises(Unprocessable, match="roles/web") as caught:
        prepare_fold_back(findings=[finding], layer="roles/db")
    assert caught.value.errors[0].pointer == "/layer"


def test_a_last_resort_has_to_be_named(settings: Any, tmp_path: Path) -> None:
    fleet = begin(settings, tmp_path)
    doubled = FILES[TEMPLATE].replace("limit 10", "limit {{ workers|int * 2 }}")
    fleet.repository.commit({TEMPLATE: doubled})
    fleet.read_head()
    fleet.push()
    fleet.look()
    finding = fixed_by_hand(fleet, "web-1", old="limit 8", new="limit 9")
    with pytest.raises(Unprocessable, match="last resort, at hosts/") as caught:
        prepare_fold_back(findings=[finding])
    assert caught.value.errors[0].pointer == "/layer"
    assert prepare_fold_back(findings=[finding], layer="hosts/web-1").edits


def test_a_finding_is_decided_once(fleet: GitFleet, finding: Finding) -> None:
    first = fold(finding)
    with pytest.raises(Conflict, match=rf"{first.reference}.* by Ana"):
        waive(finding, until=clock.now() + timedelta(days=1), who="ben")
    assert Decision.objects.count() == 1 and Change.objects.filter(kind="decision").count() == 1


def test_a_finding_that_ended_meanwhile_is_not_decided_on(fleet: GitFleet, finding: Finding) -> None:
    proposal = prepare_fold_back(findings=[finding])
    fleet.push()
    fleet.look()
    with pytest.raises(Conflict, match="vanished"):
        propose_decision(
            actor=acting("ana"), kind=FOLD_BACK, findings=[finding], reason="x", proposal=proposal
        )
    with pytest.raises(Conflict, match="on no host any more"):
        prepare_fold_back(findings=[finding])


def test_of_several_findings_one_that_is_not_open_stops_all(fleet: GitFleet, finding: Finding) -> None:
    other = fixed_by_hand(fleet, "web-3", path="/etc/motd", old="hello", new="bye")
    proposal = prepare_fold_back(findings=[finding, other])
    waive(other, until=clock.now() + timedelta(days=1))
    with pytest.raises(Conflict, match=other.reference):
        propose_decision(
            actor=acting("ana"), kind=FOLD_BACK, findings=[finding, other], reason="x", proposal=proposal
        )
    finding.refresh_from_db()
    assert finding.state == "open"


def test_a_decision_needs_a_reason_and_a_known_kind(fleet: GitFleet, finding: Finding) -> None:
    until = clock.now() + timedelta(days=1)
    for reason in ("", "  \n"):
        with pytest.raises(Invalid, match="reason"):
            propose_decision(actor=acting("ana"), kind=WAIVE, findings=[finding], reason=reason, until=until)
    for kind in ("revert", "ignore", "attach", "nonsense"):
        with pytest.raises(Unprocessable, match="fold-back, waive"):
            propose_decision(actor=acting("ana"), kind=kind, findings=[finding], reason="x", until=until)


def test_dee_and_programs_may_not_decide(fleet: GitFleet, finding: Finding) -> None:
    for actor in (acting("dee"), program("ben")):
        with pytest.raises(NotPermitted):
            propose_decision(
                actor=actor, kind=WAIVE, findings=[finding], reason="x", until=clock.now() + timedelta(days=1)
            )


# ---- four eyes


def test_who_proposes_does_not_approve(fleet: GitFleet, finding: Finding) -> None:
    decision = fold(finding, who="ben")
    with pytest.raises(NotPermitted, match="Somebody else"):
        approve(decision, "ben")
    approve(decision, "cy")
    assert now_is(decision)[0] == "approved"


def test_who_claimed_the_finding_or_logged_the_fix_does_not_approve(fleet: GitFleet) -> None:
    now = clock.now()
    with clock.shifted(fleet.now - now + timedelta(minutes=1)):
        logged("ben", hosts=["web-1"], resources=["file:/etc/app.conf"])
    finding = fixed_by_hand(fleet, "web-1")
    claim_finding(actor=acting("cy"), finding=finding)
    assert finding.explanations.count() == 1
    decision = fold(finding)
    for who in ("ben", "cy"):
        with pytest.raises(NotPermitted):
            approve(decision, who)


def test_an_approval_of_what_was_read_before_a_refresh_is_refused(fleet: GitFleet, finding: Finding) -> None:
    decision = fold(finding)
    read = change_of(decision).digest
    fleet.repository.replace(TEMPLATE, "limit 10", "limit 20")
    refresh(decision)
    with pytest.raises(Conflict, match="moved since you read it"):
        approve_change(actor=acting("ben"), change=change_of(decision), digest=read)


# ---- taken back, refused


def test_a_refused_fold_back_opens_its_finding(fleet: GitFleet, finding: Finding) -> None:
    decision = fold(finding)
    refuse(decision)
    assert now_is(decision) == ("rejected", ["open"], "")
    fold(finding)


def test_a_withdrawn_decision_opens_its_finding_at_once(fleet: GitFleet, finding: Finding) -> None:
    decision = fold(finding)
    withdraw_decision(actor=acting("ana"), decision=decision, reason="better idea")
    assert now_is(decision) == ("withdrawn", ["open"], "")
    second = waive(finding, until=clock.now() + timedelta(days=1))
    # The event of the first withdrawal arrives only now; it must not take the second decision's finding.
    work()
    assert now_is(second) == ("proposed", ["decided"], "")


def test_an_approved_decision_is_withdrawn_with_its_job_while_no_worker_has_it(
    fleet: GitFleet, finding: Finding
) -> None:
    decision = fold(finding)
    approve(decision)
    withdraw_decision(actor=acting("ana"), decision=decision)
    assert jobs(decision) == [("fold-back", "cancelled")]
    carry_out()
    assert now_is(decision) == ("withdrawn", ["open"], "")
    assert jobs(decision) == [("fold-back", "cancelled")]


def test_what_a_worker_holds_is_stopped_by_its_job_not_withdrawn(fleet: GitFleet, finding: Finding) -> None:
    decision = fold(finding)
    approve(decision)
    job = Job.objects.get(kind="fold-back")
    assert claim_batch(batch_id=job.batches.get().pk) is not None
    with pytest.raises(Conflict, match=job.reference):
        withdraw_decision(actor=acting("ana"), decision=decision)


def test_only_who_proposed_it_or_an_admin_withdraws(fleet: GitFleet, finding: Finding) -> None:
    decision = fold(finding)
    with pytest.raises(NotPermitted):
        withdraw_decision(actor=acting("ben"), decision=decision)
    withdraw_decision(actor=acting("cy"), decision=decision)


def test_what_was_carried_out_is_not_withdrawn(fleet: GitFleet, finding: Finding) -> None:
    decision = fold(finding)
    approve(decision)
    carry_out()
    with pytest.raises(Conflict):
        withdraw_decision(actor=acting("ana"), decision=decision)
    assert now_is(decision)[:2] == ("completed", ["committed"])


def test_a_finding_that_is_proven_while_it_is_decided_ends_and_withdraws_the_decision(
    fleet: GitFleet, finding: Finding
) -> None:
    decision = fold(finding)
    fleet.repository.replace(TEMPLATE, "limit 10", "limit 99")  # somebody folds it back without us
    fleet.read_head()
    fleet.look()
    assert now_is(decision)[1] == ["proven"]
    work()
    assert now_is(decision)[0] == "withdrawn"


def test_a_commit_that_a_scan_sees_before_it_is_recorded_proves_the_finding_and_completes_the_change(
    fleet: GitFleet, finding: Finding, monkeypatch: pytest.MonkeyPatch
) -> None:
    decision = fold(finding)
    approve(decision)

    def scanned_first(**details: Any) -> None:
        fleet.read_head()
        fleet.look()
        deliver_events()
        record_commit(**details)

    monkeypatch.setattr("drift.services.fold_back.record_commit", scanned_first)
    carry_out()
    state, findings, commit = now_is(decision)
    assert (state, findings, commit) == ("completed", ["proven"], fleet.repository.head)


# ---- whoever made it says so only after it was proposed


def test_who_logs_the_fix_after_it_was_proposed_does_not_approve_it(
    fleet: GitFleet, finding: Finding
) -> None:
    decision = fold(finding)
    logged("ben", hosts=["web-1", "web-2"], resources=[finding.resource], happened_at=fleet.now)
    work()
    with pytest.raises(NotPermitted, match="you made what"):
        approve(decision)
    assert person("ben") not in approvers_for(change_of(decision))
    approve(decision, "cy")
    assert change_of(decision).made_by == [person("ben").pk]


def test_who_claims_the_finding_after_it_was_proposed_does_not_approve_it(
    fleet: GitFleet, finding: Finding
) -> None:
    decision = fold(finding)
    claim_finding(actor=acting("ben"), finding=finding)
    with pytest.raises(NotPermitted, match="you made what"):
        approve(decision)


def test_who_says_that_was_me_after_approving_it_has_not_approved_it(
    fleet: GitFleet, finding: Finding
) -> None:
    decision, head = fold(finding), fleet.repository.head
    approve(decision)
    claim_finding(actor=acting("ben"), finding=finding)
    carry_out()
    assert now_is(decision)[:2] == ("proposed", ["decided"])
    assert void_reason(decision) == "Ben, who approved it, has said since: that was me"
    assert fleet.repository.head == head


def test_alone_one_approves_what_one_made_and_the_approval_says_so(
    fleet: GitFleet, finding: Finding, settings: Any
) -> None:
    settings.FOUR_EYES = False
    decision = fold(finding, who="ben")
    claim_finding(actor=acting("ben"), finding=finding)
    approve(decision)
    carry_out()
    assert now_is(decision)[0] == "completed"
    assert not change_of(decision).approvals.get().four_eyes


def test_in_a_conflict_the_place_has_to_be_named(fleet: GitFleet, finding: Finding) -> None:
    fleet.repository.replace(TEMPLATE, "limit 10", "limit 20")
    fleet.read_head()
    fleet.look("web-1")
    with pytest.raises(Unprocessable, match="is in conflict") as caught:
        prepare_fold_back(findings=[finding])
    assert caught.value.errors[0].pointer == "/layer"
