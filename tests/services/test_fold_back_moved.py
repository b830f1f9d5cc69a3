"""A fold-back whose ground moved: the head, its approval, its findings, its job."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from changemgmt.models import Change
from changemgmt.services.approvals import void_approval
from changemgmt.services.proposals import withdraw_change
from common import clock
from common.core.actor import SYSTEM
from common.models import Job, LedgerEntry, OutboxEvent
from common.services.jobs import LostLease, cancel_job
from deployments.core.errors import DefinitionUnavailable
from drift.models import Decision, Finding
from drift.services import fold_back
from drift.services.decisions import refresh_decision
from drift.services.proposals import prepare_refresh
from tests.definitions import GitFleet, deliver_events, run_batches, work
from tests.factories import acting, host
from tests.folding import (
    MANIFEST,
    TEMPLATE,
    approve,
    begin,
    carry_out,
    fixed_by_hand,
    fold,
    jobs,
    now_is,
    void_reason,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def fleet(settings: Any, tmp_path: Path) -> GitFleet:
    return begin(settings, tmp_path)


@pytest.fixture
def finding(fleet: GitFleet) -> Finding:
    return fixed_by_hand(fleet)


def commits_with(fleet: GitFleet, decision: Decision) -> int:
    return sum(f"Decision: {decision.reference}\n" in message for message in fleet.repository.messages)


# ---- a moved head


def test_a_clean_rebase_keeps_the_approval(fleet: GitFleet, finding: Finding) -> None:
    decision = fold(finding)
    approve(decision)
    fleet.repository.replace("base/files/issue", "two", "2")
    on_top = fleet.repository.replace(MANIFEST, "# one a core", "# one for each core")
    carry_out()
    state, findings, commit = now_is(decision)
    assert (state, findings) == ("completed", ["committed"])
    assert fleet.repository.git.revision(commit).parents == (on_top,)
    assert fleet.repository.text("base/files/issue") == "one\n2\nthree\n"


def test_another_edit_of_the_same_file_elsewhere_is_a_clean_rebase(fleet: GitFleet) -> None:
    finding = fixed_by_hand(fleet, path="/etc/issue", old="three", new="3")
    decision = fold(finding)
    approve(decision)
    # Another line of the same file moves the rendered content, so that what was approved is not what would be.
    fleet.repository.replace("base/files/issue", "one\n", "1\n")
    carry_out()
    assert now_is(decision) == ("proposed", ["decided"], "")


def test_a_conflicting_edit_voids_the_approval_and_says_where(fleet: GitFleet, finding: Finding) -> None:
    decision = fold(finding)
    approve(decision)
    moved = fleet.repository.replace(TEMPLATE, "limit 10", "limit 20")
    carry_out()
    assert now_is(decision) == ("proposed", ["decided"], "")
    assert fleet.repository.head == moved
    assert TEMPLATE in void_reason(decision)
    assert jobs(decision) == [("fold-back", "done")]


def test_two_that_say_the_next_thing_in_the_same_file_are_both_carried_out(fleet: GitFleet) -> None:
    """Both begin the host's own layer: as text they meet, line by line and host by host each is what was approved."""
    limit = fixed_by_hand(fleet, "web-1")
    motd = fixed_by_hand(fleet, "web-1", path="/etc/motd", old="hello", new="keep out")
    issue = fixed_by_hand(fleet, "web-1", path="/etc/issue", old="two", new="2")
    decisions = [fold(motd, layer="hosts/web-1"), fold(issue, layer="hosts/web-1"), fold(limit)]
    for decision in decisions:
        approve(decision)
    carry_out()
    assert [now_is(decision)[:2] for decision in decisions] == [("completed", ["committed"])] * 3
    said = fleet.repository.text("hosts/web-1/resources.yaml")
    assert "/etc/motd" in said and "/etc/issue" in said


def test_a_rebase_that_is_clean_as_text_but_means_something_else_voids_the_approval(
    fleet: GitFleet, finding: Finding
) -> None:
    decision = fold(finding)
    approve(decision)
    # Git merges this without a conflict; but now the rendered file has 8 workers on every host.
    moved = fleet.repository.replace(MANIFEST, "workers: 4", "workers: 8")
    carry_out()
    assert now_is(decision) == ("proposed", ["decided"], "")
    assert fleet.repository.head == moved
    assert "no longer what was approved" in void_reason(decision)


def test_a_clean_rebase_that_means_something_else_on_any_host_voids_the_approval(
    fleet: GitFleet, finding: Finding
) -> None:
    decision = fold(finding)
    approve(decision)
    fleet.repository.commit({"hosts/web-3/resources.yaml": "variables: {workers: 9}\n"})
    carry_out()
    assert now_is(decision) == ("proposed", ["decided"], "")
    assert "no longer what was approved" in void_reason(decision)


def test_a_host_that_came_under_the_layer_since_voids_the_approval(fleet: GitFleet, finding: Finding) -> None:
    decision = fold(finding)
    approve(decision)
    host("web-9")
    carry_out()
    assert now_is(decision) == ("proposed", ["decided"], "")


def test_the_same_commit_by_somebody_else_voids_the_approval(fleet: GitFleet, finding: Finding) -> None:
    decision = fold(finding)
    approve(decision)
    fleet.repository.replace(TEMPLATE, "limit 10", "limit 99")
    carry_out()
    assert now_is(decision) == ("proposed", ["decided"], "")
    assert "says this already" in void_reason(decision)


def test_a_head_that_is_broken_by_now_voids_the_approval(fleet: GitFleet, finding: Finding) -> None:
    decision = fold(finding)
    approve(decision)
    fleet.repository.commit({"base/resources.yaml": "files: [1]\n"})
    carry_out()
    assert now_is(decision) == ("proposed", ["decided"], "")
    assert "base/resources.yaml:1" in void_reason(decision)


def test_a_voided_decision_is_refreshed_on_the_new_head_and_needs_approval_anew(
    fleet: GitFleet, finding: Finding
) -> None:
    decision = fold(finding)
    approve(decision)
    moved = fleet.repository.replace(TEMPLATE, "limit 10", "limit 20")
    carry_out()
    findings, proposal = prepare_refresh(Decision.objects.get(pk=decision.pk))
    before = Change.objects.get(pk=decision.change_id).digest
    refreshed = refresh_decision(
        actor=acting("ana"),
        decision=Decision.objects.get(pk=decision.pk),
        findings=findings,
        proposal=proposal,
    )
    assert refreshed.base_revision == moved
    assert Change.objects.get(pk=decision.change_id).digest != before
    work("fold-back")
    assert now_is(decision) == ("proposed", ["decided"], "")  # nothing happens without an approval
    approve(decision)
    carry_out()
    assert now_is(decision) == ("completed", ["committed"], fleet.repository.head)
    assert jobs(decision) == [("fold-back", "done"), ("fold-back", "done")]


def test_the_same_content_can_be_approved_again_after_a_void(fleet: GitFleet, finding: Finding) -> None:
    decision = fold(finding)
    approve(decision)
    void_approval(actor=acting("ben"), change=Change.objects.get(pk=decision.change_id), reason="wait")
    work("fold-back")
    assert now_is(decision) == ("proposed", ["decided"], "")
    approve(decision)
    carry_out()
    assert now_is(decision)[0] == "completed"


# ---- approval and findings


def test_an_approval_that_ran_out_is_void(fleet: GitFleet, finding: Finding) -> None:
    decision = fold(finding)
    approve(decision)
    with clock.shifted(timedelta(days=8)):
        carry_out()
    assert now_is(decision) == ("proposed", ["decided"], "")
    assert "ran out" in void_reason(decision)


def test_a_further_edit_of_one_of_its_findings_voids_the_approval(fleet: GitFleet, finding: Finding) -> None:
    other = fixed_by_hand(fleet, "web-3", path="/etc/motd", old="hello", new="bye")
    decision = fold(finding, other)
    approve(decision)
    fleet.edit("web-3", "/etc/motd", "bye", "good night")
    fleet.look("web-3")
    head = fleet.repository.head
    carry_out()
    assert now_is(decision) == ("proposed", ["decided", "superseded"], "")
    assert fleet.repository.head == head
    assert f"{other.reference} is superseded" in void_reason(decision)


def test_a_change_withdrawn_before_a_worker_came_is_not_carried_out(
    fleet: GitFleet, finding: Finding
) -> None:
    decision = fold(finding)
    approve(decision)
    head = fleet.repository.head
    withdraw_change(actor=acting("ana"), change=Change.objects.get(pk=decision.change_id))
    work("fold-back", "settle-fold-back")
    assert now_is(decision) == ("withdrawn", ["open"], "")
    assert fleet.repository.head == head


def test_a_commit_that_was_made_while_its_change_was_withdrawn_is_still_recorded(
    fleet: GitFleet, finding: Finding, monkeypatch: pytest.MonkeyPatch
) -> None:
    decision = fold(finding)
    approve(decision)
    real = fold_back.commit_to_definition

    def and_withdrawn(request: Any) -> str:
        sha = real(request)
        withdraw_change(actor=acting("ana"), change=Change.objects.get(pk=decision.change_id))
        return sha

    monkeypatch.setattr(fold_back, "commit_to_definition", and_withdrawn)
    carry_out()
    state, _, commit = now_is(decision)
    assert (state, commit) == ("withdrawn", fleet.repository.head)
    assert LedgerEntry.objects.get(action="decision.committed").data["change_was"] == "withdrawn"
    assert OutboxEvent.objects.filter(type="findings.committed").count() == 1


def test_what_was_accepted_as_missed_may_become_less_but_not_more(fleet: GitFleet, finding: Finding) -> None:
    text = fleet.repository.text(TEMPLATE).replace("limit 10", "limit 50")
    decision = fold(finding, edits={TEMPLATE: text})
    assert len(decision.effect["missed"]) == 2
    approve(decision)
    fleet.push("web-2")
    fleet.look("web-2")
    carry_out()
    assert now_is(decision)[0] == "completed"


def test_one_more_host_that_it_would_not_make_right_voids_the_approval(
    fleet: GitFleet, finding: Finding
) -> None:
    text = fleet.repository.text(TEMPLATE).replace("limit 10", "limit 50")
    decision = fold(finding, edits={TEMPLATE: text})
    approve(decision)
    fleet.edit("web-3", "/etc/app.conf", "limit 10", "limit 99")
    fleet.look("web-3")
    carry_out()
    assert now_is(decision) == ("proposed", ["decided"], "")
    assert f"{finding.reference} on web-3" in void_reason(decision)


def test_one_more_host_that_it_makes_right_keeps_the_approval(fleet: GitFleet, finding: Finding) -> None:
    decision = fold(finding)
    approve(decision)
    fleet.edit("web-3", "/etc/app.conf", "limit 10", "limit 99")
    fleet.look("web-3")
    carry_out()
    assert now_is(decision)[0] == "completed"


# ---- jobs that fail or are stopped


def fail_five_times(monkeypatch: pytest.MonkeyPatch, name: str, error: Exception) -> None:
    def fails(*_: Any, **__: Any) -> Any:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(fold_back, name, fails)
        for _ in range(5):
            with pytest.raises(type(error)):
                run_batches("fold-back")


def test_a_fold_back_that_fails_five_times_opens_its_findings_with_the_error_said(
    fleet: GitFleet, finding: Finding, monkeypatch: pytest.MonkeyPatch
) -> None:
    decision = fold(finding)
    approve(decision)
    fail_five_times(monkeypatch, "fetch_definition", DefinitionUnavailable("the remote is away"))
    carry_out()
    assert now_is(decision) == ("failed", ["open"], "")
    entry = LedgerEntry.objects.get(action="change.failed")
    assert "the remote is away" in entry.data["reason"]
    assert jobs(decision) == [("fold-back", "failed"), ("settle-fold-back", "done")]


def test_a_job_that_failed_after_its_commit_is_settled_by_recording_it(
    fleet: GitFleet, finding: Finding, monkeypatch: pytest.MonkeyPatch
) -> None:
    decision = fold(finding)
    approve(decision)
    fail_five_times(monkeypatch, "record_commit", RuntimeError("the database went away"))
    carry_out()
    assert now_is(decision) == ("completed", ["committed"], fleet.repository.head)
    assert commits_with(fleet, decision) == 1


def test_a_stopped_job_opens_its_findings(fleet: GitFleet, finding: Finding) -> None:
    decision = fold(finding)
    approve(decision)
    head = fleet.repository.head
    cancel_job(actor=acting("cy"), job=Job.objects.get(kind="fold-back"))
    carry_out()
    assert now_is(decision) == ("failed", ["open"], "")
    assert fleet.repository.head == head


def test_a_job_stopped_between_commit_and_record_is_settled_by_recording_it(
    fleet: GitFleet, finding: Finding, monkeypatch: pytest.MonkeyPatch
) -> None:
    decision = fold(finding)
    approve(decision)
    real = fold_back.commit_to_definition

    def and_stopped(request: Any) -> str:
        sha = real(request)
        cancel_job(actor=acting("cy"), job=Job.objects.get(kind="fold-back"))
        return sha

    with monkeypatch.context() as patched:
        patched.setattr(fold_back, "commit_to_definition", and_stopped)
        with pytest.raises(LostLease):
            run_batches("fold-back")
    assert now_is(decision) == ("approved", ["approved"], "")
    carry_out()
    assert now_is(decision) == ("completed", ["committed"], fleet.repository.head)


def test_when_even_the_settling_fails_the_decision_is_given_up(
    fleet: GitFleet, finding: Finding, monkeypatch: pytest.MonkeyPatch
) -> None:
    decision = fold(finding)
    approve(decision)
    fail_five_times(monkeypatch, "fetch_definition", DefinitionUnavailable("the remote is away"))
    deliver_events()
    cancel_job(actor=SYSTEM, job=Job.objects.get(kind="settle-fold-back"))
    carry_out()
    assert now_is(decision) == ("failed", ["open"], "")
