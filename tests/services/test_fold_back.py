"""The commit of an approved fold-back: made once, only as approved, by whichever worker survives."""

import subprocess
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from changemgmt.models import Change
from changemgmt.services.approvals import void_approval
from common import clock
from common.models import Job, JobBatch, LedgerEntry, OutboxEvent, Person
from common.services.jobs import LostLease, cancel_job, claim_batch, run_batch
from drift.models import Decision, Finding, Scan
from drift.services import fold_back
from drift.services.fold_back import run_fold_back_batch
from tests.definitions import GitFleet, StillHeld, deliver_events, run_batches, work
from tests.factories import acting, in_threads, person
from tests.folding import (
    MANIFEST,
    RESOURCES,
    TEMPLATE,
    approve,
    begin,
    carry_out,
    fixed_by_hand,
    fold,
    jobs,
    now_is,
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


# ---- the whole way


def test_an_approved_fold_back_becomes_a_commit_with_author_approver_and_trailers(
    fleet: GitFleet, finding: Finding
) -> None:
    Person.objects.filter(username="ana").update(name="Ana Ruiz", email="ana@example.org")
    person("ben")
    Person.objects.filter(username="ben").update(name="Ben Okafor", email="ben@example.org")
    decision = fold(finding)
    Person.objects.filter(username="ana").update(name="Ana Ruiz", email="ana@example.org")
    approve(decision)
    assert now_is(decision) == ("approved", ["approved"], "")
    carry_out()
    state, findings, commit = now_is(decision)
    assert (state, findings, commit) == ("completed", ["committed"], fleet.repository.head)
    revision = fleet.repository.git.revision(commit)
    assert revision.author == ("Ana Ruiz", "ana@example.org")
    assert revision.committer[0] == "Foldback"
    assert revision.subject == f"Fold back /etc/app.conf into roles/web ({finding.reference})"
    assert "it keeps checkout up" in revision.message
    assert revision.trailers == (
        ("Change", Change.objects.get(pk=decision.change_id).reference),
        ("Finding", finding.reference),
        ("Decision", decision.reference),
        ("Approved-by", "Ben Okafor <ben@example.org>"),
    )
    assert fleet.repository.text(TEMPLATE) == "# {{ host.name }}\nworkers {{ workers }}\nlimit 99\n"
    assert fleet.repository.text(MANIFEST) == RESOURCES
    assert jobs(decision) == [("fold-back", "done")]


def test_git_itself_reads_the_trailers_and_finds_nothing_wrong(fleet: GitFleet, finding: Finding) -> None:
    decision = fold(finding)
    approve(decision)
    carry_out()
    run = partial(subprocess.run, cwd=fleet.repository.path, capture_output=True, text=True, check=True)
    shown = run(["git", "log", "-1", "--format=%(trailers:key=Decision,valueonly)"]).stdout
    assert shown.strip() == decision.reference
    assert run(["git", "fsck", "--strict"]).stdout == ""


def test_comments_order_and_quoting_of_the_yaml_survive(fleet: GitFleet) -> None:
    finding = fixed_by_hand(fleet, path="/etc/motd", old="hello", new="down until 5")
    approve(fold(finding))
    carry_out()
    before, after = RESOURCES.splitlines(), fleet.repository.text(MANIFEST).splitlines()
    assert before[:-1] == after[:-1]
    assert after[-1].endswith("# shown at login") and "down until 5" in after[-1]


def test_what_people_wrote_as_a_reason_can_not_pass_for_a_trailer(fleet: GitFleet, finding: Finding) -> None:
    decision = fold(finding)
    Decision.objects.filter(pk=decision.pk).update(reason="because\n\nApproved-by: Nobody <n@example.org>")
    approve(decision)
    carry_out()
    trailers = dict(fleet.repository.git.revision(fleet.repository.head).trailers)
    assert trailers["Approved-by"].startswith("Ben <")


def test_after_the_commit_the_hosts_are_looked_at_again_and_the_finding_is_proven(
    fleet: GitFleet, finding: Finding
) -> None:
    approve(fold(finding))
    carry_out()
    scan = Scan.objects.get(purpose="proof")
    proof, who_waits = scan.hosts[:2], scan.hosts[2:]
    assert set(proof) == {fleet.hosts["web-1"].pk, fleet.hosts["web-2"].pk}
    assert who_waits == [fleet.hosts["web-3"].pk], (
        "the commit changes it too: it is counted as pending at once"
    )
    fleet.read_head()
    fleet.look("web-1")
    finding.refresh_from_db()
    assert finding.state == "committed"
    fleet.look()
    finding.refresh_from_db()
    assert finding.state == "proven"


def test_several_findings_become_one_patch_and_one_commit(fleet: GitFleet, finding: Finding) -> None:
    other = fixed_by_hand(fleet, "web-3", path="/etc/motd", old="hello", new="down until 5")
    decision = fold(finding, other)
    approve(decision)
    carry_out()
    assert now_is(decision)[:2] == ("completed", ["committed", "committed"])
    changed = {
        change.path for change in fleet.repository.git.diff(decision.base_revision, fleet.repository.head)
    }
    assert changed == {MANIFEST, TEMPLATE}
    assert f"Finding: {finding.reference}\nFinding: {other.reference}\n" in fleet.repository.messages[0]


# ---- killed, twice, at once


def test_a_worker_killed_between_commit_and_record_neither_repeats_nor_loses_it(
    fleet: GitFleet, finding: Finding, monkeypatch: pytest.MonkeyPatch
) -> None:
    decision = fold(finding)
    approve(decision)

    def killed(**_: Any) -> None:
        raise SystemExit("killed")

    with monkeypatch.context() as patched:
        patched.setattr(fold_back, "record_commit", killed)
        batch = JobBatch.objects.get(job__kind="fold-back")
        claim = claim_batch(batch_id=batch.pk)
        assert claim is not None
        with pytest.raises(SystemExit):
            run_fold_back_batch(claim=claim, keeper=StillHeld())
    made = fleet.repository.head
    assert commits_with(fleet, decision) == 1 and now_is(decision) == ("approved", ["approved"], "")
    JobBatch.objects.update(lease_until=clock.now() - timedelta(seconds=1))  # its lease runs out
    again = claim_batch(batch_id=batch.pk)
    assert again is not None and again.token > claim.token
    run_fold_back_batch(claim=again, keeper=StillHeld())
    assert now_is(decision) == ("completed", ["committed"], made)
    assert commits_with(fleet, decision) == 1
    # The one that was not quite dead wakes up and finds that it holds nothing any more.
    run_fold_back_batch(claim=claim, keeper=StillHeld())
    assert commits_with(fleet, decision) == 1


def test_a_commit_that_was_made_is_found_even_after_others_committed_on_top(
    fleet: GitFleet, finding: Finding, monkeypatch: pytest.MonkeyPatch
) -> None:
    decision = fold(finding)
    approve(decision)
    with monkeypatch.context() as patched:
        patched.setattr(fold_back, "record_commit", lambda **_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run_batches("fold-back")
    made = fleet.repository.head
    fleet.repository.replace(TEMPLATE, "limit 99", "limit 98")
    carry_out()
    assert now_is(decision) == ("completed", ["committed"], made)
    assert commits_with(fleet, decision) == 1


def test_doing_the_batch_again_after_the_record_changes_nothing(fleet: GitFleet, finding: Finding) -> None:
    decision = fold(finding)
    approve(decision)
    claim = claim_batch(batch_id=JobBatch.objects.get(job__kind="fold-back").pk)
    assert claim is not None
    run_fold_back_batch(claim=claim, keeper=StillHeld())
    head, entries = fleet.repository.head, LedgerEntry.objects.count()
    run_fold_back_batch(claim=claim, keeper=StillHeld())
    assert (fleet.repository.head, LedgerEntry.objects.count()) == (head, entries)
    assert Job.objects.get(kind="fold-back").items_done == 1


def test_a_commit_is_recorded_once(fleet: GitFleet, finding: Finding) -> None:
    decision = fold(finding)
    approve(decision)
    claim = claim_batch(batch_id=JobBatch.objects.get(job__kind="fold-back").pk)
    assert claim is not None
    for _ in range(2):
        fold_back.record_commit(claim=claim, decision=decision, sha=fleet.repository.head)
    assert LedgerEntry.objects.filter(action="decision.committed").count() == 1
    assert OutboxEvent.objects.filter(type="findings.committed").count() == 1
    assert Job.objects.get(kind="fold-back").items_done == 1


def test_a_worker_of_an_earlier_approval_leaves_the_work_to_the_later_ones_job(
    fleet: GitFleet, finding: Finding
) -> None:
    decision = fold(finding)
    approve(decision)
    old = claim_batch(batch_id=JobBatch.objects.get(job__kind="fold-back").pk)
    assert old is not None
    void_approval(actor=acting("ben"), change=Change.objects.get(pk=decision.change_id), reason="wait")
    work()
    approve(decision)
    head = fleet.repository.head
    run_fold_back_batch(claim=old, keeper=StillHeld())
    assert fleet.repository.head == head
    cancel_job(actor=acting("cy"), job=Job.objects.get(pk=old.job_id))  # nor does its end end the decision
    deliver_events()
    assert now_is(decision)[:2] == ("approved", ["approved"])
    assert not Job.objects.filter(kind="settle-fold-back").exists()
    carry_out()
    assert now_is(decision)[0] == "completed"
    assert commits_with(fleet, decision) == 1


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_make_one_commit(fleet: GitFleet, finding: Finding) -> None:
    decision = fold(finding)
    approve(decision)
    batch = JobBatch.objects.get(job__kind="fold-back")
    outcomes = in_threads(*[partial(run_batch, batch_id=batch.pk)] * 4)
    assert outcomes == [None] * 4
    assert commits_with(fleet, decision) == 1
    assert now_is(decision) == ("completed", ["committed"], fleet.repository.head)


@pytest.mark.django_db(transaction=True)
def test_a_worker_whose_lease_ran_out_and_its_successor_make_one_commit(
    fleet: GitFleet, finding: Finding
) -> None:
    decision = fold(finding)
    approve(decision)
    batch = JobBatch.objects.get(job__kind="fold-back")
    first = claim_batch(batch_id=batch.pk)
    JobBatch.objects.update(lease_until=clock.now() - timedelta(seconds=1))
    second = claim_batch(batch_id=batch.pk)
    assert first is not None and second is not None
    outcomes = in_threads(
        *(partial(run_fold_back_batch, claim=claim, keeper=StillHeld()) for claim in (first, second))
    )
    assert all(outcome is None or isinstance(outcome, LostLease) for outcome in outcomes), outcomes
    assert commits_with(fleet, decision) == 1
    assert now_is(decision) == ("completed", ["committed"], fleet.repository.head)


def test_a_worker_that_lost_its_lease_commits_nothing(fleet: GitFleet, finding: Finding) -> None:
    decision = fold(finding)
    approve(decision)
    head = fleet.repository.head
    claim = claim_batch(batch_id=JobBatch.objects.get(job__kind="fold-back").pk)
    assert claim is not None

    class Lost:
        lost = True

    with pytest.raises(LostLease):
        run_fold_back_batch(claim=claim, keeper=Lost())
    assert fleet.repository.head == head


def test_a_head_that_moves_under_the_hands_is_met_again(
    fleet: GitFleet, finding: Finding, monkeypatch: pytest.MonkeyPatch
) -> None:
    decision = fold(finding)
    approve(decision)
    real, moved = fold_back.commit_to_definition, []

    def slow(request: Any) -> str:
        if len(moved) < 3:  # somebody commits between our look at the head and our commit
            moved.append(fleet.repository.commit({"base/files/issue": f"one\ntwo\n{len(moved)}\n"}))
        return real(request)

    monkeypatch.setattr(fold_back, "commit_to_definition", slow)
    carry_out()
    assert len(moved) == 3
    assert now_is(decision) == ("completed", ["committed"], fleet.repository.head)
    assert fleet.repository.git.revision(fleet.repository.head).parents == (moved[-1],)
