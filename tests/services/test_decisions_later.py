"""What happens to a decision after it was proposed: late events, refreshes, edits by a person."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from changemgmt.services.approvals import approve_change, void_approval
from common import clock
from common.core.errors import Conflict, Unprocessable
from common.models import LedgerEntry
from deployments.core.states import Unknown
from drift.models import Blob, Decision, Finding
from drift.services.decision_events import (
    begin_approved_decision,
    reopen_rejected_decision,
    return_voided_decision,
)
from drift.services.proposals import placements_for, prepare_fold_back
from tests.definitions import GitFleet, deliver_events
from tests.factories import acting, host, logged
from tests.folding import (
    MANIFEST,
    TEMPLATE,
    approve,
    begin,
    carry_out,
    change_of,
    event_of,
    fixed_by_hand,
    fold,
    jobs,
    now_is,
    refresh,
    waive,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def fleet(settings: Any, tmp_path: Path) -> GitFleet:
    return begin(settings, tmp_path)


@pytest.fixture
def finding(fleet: GitFleet) -> Finding:
    return fixed_by_hand(fleet)


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
