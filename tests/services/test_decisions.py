"""Deciding on findings: proposed by one person, approved by another, taken back, refused, refreshed."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from changemgmt.models import Change
from changemgmt.queries.approvals import approvers_for
from changemgmt.services.approvals import approve_change, void_approval
from common import clock
from common.core.errors import Conflict, Invalid, NotPermitted, Unprocessable
from common.models import Job, LedgerEntry, OutboxEvent
from common.services.jobs import claim_batch
from deployments.core.states import Unknown
from drift.models import Blob, Decision, Finding
from drift.models.decision import FOLD_BACK, WAIVE
from drift.services.decision_events import (
    begin_approved_decision,
    reopen_rejected_decision,
    return_voided_decision,
)
from drift.services.decisions import propose_decision, refresh_decision, withdraw_decision
from drift.services.findings import claim_finding
from drift.services.fold_back import record_commit
from drift.services.proposals import placements_for, prepare_fold_back, prepare_refresh
from tests.definitions import GitFleet, deliver_events, work
from tests.factories import acting, host, logged, person, program
from tests.folding import (
    FILES,
    MANIFEST,
    TEMPLATE,
    approve,
    begin,
    carry_out,
    fixed_by_hand,
    fold,
    jobs,
    now_is,
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


def change_of(decision: Decision) -> Change:
    return Change.objects.get(pk=decision.change_id)


def event_of(type: str) -> dict[str, Any]:
    event = OutboxEvent.objects.filter(type=type).latest("created_at")
    return {"event_id": event.pk, "type": type, "subject_id": event.subject_id, "data": event.data}


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
    with pytest.raises(NotPermitted, match="you made the change"):
        approve(decision)
    assert person("ben") not in approvers_for(change_of(decision))
    approve(decision, "cy")
    assert change_of(decision).made_by == [person("ben").pk]


def test_who_claims_the_finding_after_it_was_proposed_does_not_approve_it(
    fleet: GitFleet, finding: Finding
) -> None:
    decision = fold(finding)
    claim_finding(actor=acting("ben"), finding=finding)
    with pytest.raises(NotPermitted, match="you made the change"):
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


# ---- events late, twice, out of order


def test_an_approval_told_twice_makes_one_job(fleet: GitFleet, finding: Finding) -> None:
    decision = fold(finding)
    approve(decision)
    begin_approved_decision(**event_of("change.approved"))
    assert jobs(decision) == [("fold-back", "queued")]


def test_late_news_about_a_decision_that_moved_on_changes_nothing(fleet: GitFleet, finding: Finding) -> None:
    decision = fold(finding)
    approve(decision)
    carry_out()
    before = now_is(decision)
    for consume in (begin_approved_decision, reopen_rejected_decision, return_voided_decision):
        consume(**event_of("change.approved"))
    assert now_is(decision) == before
    assert jobs(decision) == [("fold-back", "done")]


def test_news_of_something_else_leaves_a_proposal_as_it_is(fleet: GitFleet, finding: Finding) -> None:
    decision = fold(finding)
    for consume in (begin_approved_decision, reopen_rejected_decision, return_voided_decision):
        consume(**event_of("change.proposed"))
    assert now_is(decision) == ("proposed", ["decided"], "")
    assert jobs(decision) == []


def test_news_of_a_void_that_comes_after_the_next_approval_undoes_nothing(
    fleet: GitFleet, finding: Finding
) -> None:
    decision = fold(finding)
    approve(decision)
    change = change_of(decision)
    void_approval(actor=acting("ben"), change=change, reason="wait")
    approve_change(actor=acting("ben"), change=change_of(decision), digest=change.digest)
    carry_out()
    assert now_is(decision)[:2] == ("completed", ["committed"])


def test_changes_that_are_no_decisions_about_findings_are_left_alone(fleet: GitFleet) -> None:
    logged("ana")
    deliver_events()
    assert not Decision.objects.exists()


# ---- refresh


def refresh(decision: Decision, who: str = "ana") -> Decision:
    fresh = Decision.objects.select_related("change").get(pk=decision.pk)
    findings, proposal = prepare_refresh(fresh)
    return refresh_decision(actor=acting(who), decision=fresh, findings=findings, proposal=proposal)


def test_refreshing_on_a_head_that_has_not_moved_changes_nothing(fleet: GitFleet, finding: Finding) -> None:
    decision = fold(finding)
    digest = change_of(decision).digest
    refresh(decision)
    assert change_of(decision).digest == digest


def test_a_finding_that_moved_on_is_left_out_of_a_refresh(fleet: GitFleet, finding: Finding) -> None:
    other = fixed_by_hand(fleet, "web-3", path="/etc/motd", old="hello", new="bye")
    decision = fold(finding, other)
    fleet.edit("web-3", "/etc/motd", "bye", "good night")
    fleet.look()
    refreshed = refresh(decision)
    assert [f.reference for f in refreshed.findings.all()] == [finding.reference]
    assert MANIFEST not in refreshed.edits
    assert LedgerEntry.objects.get(action="decision.refreshed").data["left_out"] == [other.reference]
    approve(decision)
    carry_out()
    assert now_is(decision)[:2] == ("completed", ["committed"])


def test_a_host_that_no_longer_shows_the_change_does_not_stand_in_the_way_of_a_refresh(
    fleet: GitFleet, finding: Finding
) -> None:
    decision = fold(finding)
    fleet.push("web-2")
    fleet.look("web-2")
    fleet.repository.replace("base/files/issue", "two", "2")
    refreshed = refresh(decision)
    assert refreshed.base_revision == fleet.repository.head
    assert refreshed.effect["missed"] == []
    assert refreshed.effect["hosts"]["changed"] == ["web-2", "web-3"]


def test_only_what_is_proposed_can_be_refreshed(fleet: GitFleet, finding: Finding) -> None:
    decision = fold(finding)
    approve(decision)
    with pytest.raises(Conflict, match="approved"):
        refresh(decision)
    carry_out()
    with pytest.raises(Conflict, match="completed"):
        refresh(decision)


def test_a_waiver_stands_on_no_revision(fleet: GitFleet, finding: Finding) -> None:
    with pytest.raises(Conflict, match="waive"):
        refresh(waive(finding, until=clock.now() + timedelta(days=1)))


def test_refreshing_what_the_definition_says_by_now_is_refused_with_what_to_do(
    fleet: GitFleet, finding: Finding
) -> None:
    decision = fold(finding)
    fleet.repository.replace(TEMPLATE, "limit 10", "limit 99")
    with pytest.raises(Conflict, match=r"says already.*scan"):
        refresh(decision)


# ---- written by a person


BY_HAND = "# {{ host.name }}\nworkers {{ workers }}\nlimit {{ limit }}\n"
WITH_LIMIT = "variables: {workers: 4, limit: 99}\nfiles:\n  /etc/app.conf: {template: app.j2}\n"


def test_edits_by_a_person_are_taken_instead_of_a_layer(fleet: GitFleet, finding: Finding) -> None:
    decision = fold(finding, edits={TEMPLATE: BY_HAND, MANIFEST: WITH_LIMIT})
    assert (decision.layer, decision.effect["missed"]) == ("", [])
    approve(decision)
    carry_out()
    assert now_is(decision)[:2] == ("completed", ["committed"])
    assert fleet.repository.text(TEMPLATE) == BY_HAND


def test_edits_that_do_not_give_live_everywhere_are_allowed_and_say_where(
    fleet: GitFleet, finding: Finding
) -> None:
    decision = fold(finding, edits={TEMPLATE: BY_HAND, MANIFEST: WITH_LIMIT.replace("99", "100")})
    assert decision.effect["missed"] == [f"{finding.reference} on web-1", f"{finding.reference} on web-2"]


def test_edits_by_a_person_are_rebased_by_a_refresh(fleet: GitFleet, finding: Finding) -> None:
    decision = fold(finding, edits={TEMPLATE: BY_HAND, MANIFEST: WITH_LIMIT})
    moved = fleet.repository.replace("base/files/issue", "two", "2")
    refreshed = refresh(decision)
    assert refreshed.base_revision == moved
    assert refreshed.edits[TEMPLATE] == {"text": BY_HAND}
    fleet.repository.replace(TEMPLATE, "limit 10", "limit 20")
    with pytest.raises(Unprocessable, match="propose anew"):
        refresh(decision)


@pytest.mark.parametrize(
    ("edits", "said"),
    [
        ({MANIFEST: "files: [1]\n"}, f"{MANIFEST}:1"),
        ({TEMPLATE: "{{ unclosed"}, f"{TEMPLATE}:1"),
        ({"definition.yaml": "format: 1\nsecret_paths: []\n"}, "whole definition"),
        ({"../../etc/passwd": "x"}, "not a path"),
        ({".git/hooks/pre-commit": "x"}, "not a path"),
        ({"roles/web/nothing": None}, "no such file"),
        ({"roles/web/elsewhere/x": "x"}, "elsewhere"),
        ({"base/files/issue": "one\ntwo\nthree\n"}, "change nothing"),
        ({"base/files/issue": "password = hunter2hunter2\n"}, "secret"),
        ({"base/files/issue": "api_key: [redacted]\n"}, "secret"),
        ({"base/files/issue": "x" * 1_100_000}, "KiB"),
    ],
)
def test_edits_that_can_not_be_committed_are_refused_with_the_place(
    fleet: GitFleet, finding: Finding, edits: dict[str, str | None], said: str
) -> None:
    with pytest.raises(Unprocessable) as caught:
        prepare_fold_back(findings=[finding], edits=edits)
    assert said in f"{caught.value.detail} {caught.value.errors}"


# ---- what is never folded


def test_redacted_content_is_never_folded(fleet: GitFleet) -> None:
    finding = fixed_by_hand(
        fleet, "web-1", path="/etc/motd", old="hello", new="hello\npassword = correcthorsebattery"
    )
    assert Blob.objects.filter(redactions__gt=0).exists()
    _, previews = placements_for(finding)
    assert previews and not any(preview.placement.safe for preview in previews)
    with pytest.raises(Unprocessable, match="redacted"):
        prepare_fold_back(findings=[finding])
    assert "correcthorsebattery" not in repr([preview.placement for preview in previews])


def test_a_host_that_could_not_be_looked_at_is_not_folded_from(fleet: GitFleet, finding: Finding) -> None:
    fleet.live["web-1"]["/etc/app.conf"] = Unknown("denied")
    fleet.look("web-1")
    decision = fold(finding)  # its last look still stands for it
    assert decision.effect["hosts"]["already_right"] == ["web-2"]


def test_a_host_with_the_fix_that_joins_later_is_seen_in_the_effect(
    fleet: GitFleet, finding: Finding
) -> None:
    host("web-4")
    fleet.hosts["web-4"] = fleet.hosts["web-1"].__class__.objects.get(name="web-4")
    fleet.live["web-4"] = fleet.as_defined("web-4")
    fleet.look("web-4")
    decision = fold(finding)
    assert decision.effect["hosts"]["changed"] == ["web-3", "web-4"]
    assert decision.effect["hosts_considered"] == 4
