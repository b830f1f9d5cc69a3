"""`decisions/` and placements over the API: previewed, proposed, approved by somebody else, carried out."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from common import clock
from common.models import Job, LedgerEntry
from drift.models import Decision, Finding
from tests.api.client import Caller, problem
from tests.definitions import GitFleet, work
from tests.folding import MANIFEST, RESOURCES, TEMPLATE, begin, carry_out, fixed_by_hand

pytestmark = pytest.mark.django_db


@pytest.fixture
def fleet(settings: Any, tmp_path: Path) -> GitFleet:
    return begin(settings, tmp_path)


@pytest.fixture
def finding(fleet: GitFleet) -> Finding:
    return fixed_by_hand(fleet)


@pytest.fixture
def ana() -> Caller:
    return Caller.person("ana")


@pytest.fixture
def ben() -> Caller:
    return Caller.person("ben")


def body(finding: Finding, **more: Any) -> dict[str, Any]:
    sent = {"kind": "fold-back", "findings": [finding.reference], "reason": "it keeps checkout up", **more}
    return {name: value for name, value in sent.items() if value is not None}


def in_a_week() -> str:
    return (clock.now() + timedelta(days=7)).isoformat()


def approve(caller: Caller, decision: dict[str, Any], **more: Any) -> Any:
    sent = {"verdict": "approve", "digest": decision["change"]["digest"], **more}
    return caller.post(f"changes/{decision['change']['reference']}/approvals/", sent)


def read(caller: Caller, decision: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = caller.get(f"decisions/{decision['reference']}/").json()
    return answer


def test_the_whole_way_from_placements_to_the_commit(
    fleet: GitFleet, finding: Finding, ana: Caller, ben: Caller
) -> None:
    placed = ana.get(f"findings/{finding.reference}/placements/").json()
    assert (placed["finding"], placed["revision"]) == (finding.reference, fleet.repository.head)
    best = placed["placements"][0]
    assert (best["layer"], best["safe"], best["files"]) == ("roles/web", True, [TEMPLATE])
    assert best["effect"]["hosts"]["changed"] == ["web-3"]
    assert "+limit 99" in best["patch"]

    preview = ana.post("decisions/?dry_run=true", body(finding, layer=best["layer"]))
    assert preview.status_code == 200
    assert preview.json()["patch"] == best["patch"]
    assert not Decision.objects.exists()

    answer = ana.post("decisions/", body(finding, layer=best["layer"]))
    assert answer.status_code == 201
    decision = answer.json()
    assert answer.headers["Location"] == decision["url"]
    assert (decision["state"], decision["findings"]) == ("proposed", [finding.reference])
    assert decision["change"]["digest"] == preview.json()["digest"]
    assert (decision["patch"], decision["commit"], decision["job"]) == (best["patch"], "", None)
    assert not decision["head_moved"]

    assert approve(ben, decision).status_code == 201
    work()
    decision = read(ana, decision)
    assert (decision["state"], decision["change"]["approvals"][0]["approver"]["username"]) == (
        "approved",
        "ben",
    )
    assert ana.get(decision["job"].removeprefix("/api/v1/")).json()["state"] == "queued"
    carry_out()
    decision = read(ana, decision)
    assert (decision["state"], decision["commit"]) == ("completed", fleet.repository.head)
    assert ana.get(f"findings/{finding.reference}/").json()["state"] == "committed"
    assert ana.get(f"definition/revisions/{decision['commit']}/").json()["trailers"][0]["key"] == "Change"


def test_nobody_approves_what_they_proposed(fleet: GitFleet, finding: Finding, ben: Caller) -> None:
    decision = ben.post("decisions/", body(finding)).json()
    problem(approve(ben, decision), 403)
    assert read(ben, decision)["state"] == "proposed"
    assert approve(Caller.person("cy"), decision).status_code == 201


def test_ops_and_auditors_do_not_approve(fleet: GitFleet, finding: Finding, ana: Caller) -> None:
    decision = ana.post("decisions/", body(finding)).json()
    for who in ("ana", "dee"):
        problem(approve(Caller.person(who), decision), 403)


def test_with_four_eyes_off_one_person_does_both_and_every_approval_says_so(
    fleet: GitFleet, finding: Finding, ben: Caller, settings: Any
) -> None:
    settings.FOUR_EYES = False
    decision = ben.post("decisions/", body(finding)).json()
    assert approve(ben, decision).json()["four_eyes"] is False


def test_an_approval_of_something_else_is_told(
    fleet: GitFleet, finding: Finding, ana: Caller, ben: Caller
) -> None:
    decision = ana.post("decisions/", body(finding)).json()
    problem(approve(ben, decision, digest="0" * 64), 409)


def test_a_head_that_moved_since_is_shown(fleet: GitFleet, finding: Finding, ana: Caller) -> None:
    decision = ana.post("decisions/", body(finding)).json()
    moved = fleet.repository.replace("base/files/issue", "two", "2")
    shown = read(ana, decision)
    assert (shown["head"], shown["head_moved"]) == (moved, True)
    assert shown["base_revision"] != moved


def test_a_refresh_needs_approval_anew(fleet: GitFleet, finding: Finding, ana: Caller, ben: Caller) -> None:
    decision = ana.post("decisions/", body(finding)).json()
    approve(ben, decision)
    work()
    fleet.repository.replace(TEMPLATE, "limit 10", "limit 20")
    carry_out()
    voided = read(ana, decision)
    assert (voided["state"], voided["commit"]) == ("proposed", "")
    assert TEMPLATE in voided["change"]["approvals"][0]["void_reason"]
    fresh = ana.post(f"decisions/{decision['reference']}/refresh/").json()
    assert "-limit 20\n+limit 99\n" in fresh["patch"]
    assert (fresh["base_revision"], fresh["head_moved"]) == (fleet.repository.head, False)
    assert fresh["change"]["digest"] != decision["change"]["digest"]
    approve(ben, fresh)
    carry_out()
    assert read(ana, decision)["state"] == "completed"
    problem(ana.post(f"decisions/{decision['reference']}/refresh/"), 409)


def test_a_withdrawn_decision_opens_its_finding(fleet: GitFleet, finding: Finding, ana: Caller) -> None:
    decision = ana.post("decisions/", body(finding)).json()
    problem(Caller.person("ben").post(f"decisions/{decision['reference']}/withdraw/"), 403)
    answer = ana.post(f"decisions/{decision['id']}/withdraw/", {"reason": "better idea"})
    assert (answer.status_code, answer.json()["state"]) == (200, "withdrawn")
    assert ana.get(f"findings/{finding.reference}/").json()["state"] == "open"
    problem(ana.post(f"decisions/{decision['id']}/withdraw/"), 409)


def test_a_change_refused_or_withdrawn_over_changes_opens_the_finding_too(
    fleet: GitFleet, finding: Finding, ana: Caller, ben: Caller
) -> None:
    first = ana.post("decisions/", body(finding)).json()
    ben.post(f"changes/{first['change']['reference']}/approvals/", {"verdict": "refuse", "reason": "no"})
    work()
    assert ana.get(f"findings/{finding.reference}/").json()["state"] == "open"
    second = ana.post("decisions/", body(finding)).json()
    assert ana.post(f"changes/{second['change']['reference']}/withdraw/").status_code == 200
    work()
    assert ana.get(f"findings/{finding.reference}/").json()["state"] == "open"


def test_a_waiver_is_proposed_approved_and_ended_early(
    fleet: GitFleet, finding: Finding, ana: Caller, ben: Caller
) -> None:
    sent = body(finding, kind="waive", until=in_a_week())
    preview = ana.post("decisions/?dry_run=true", sent).json()
    assert (preview["kind"], preview["effect"], preview["patch"]) == ("waive", None, "")
    decision = ana.post("decisions/", sent).json()
    approve(ben, decision)
    work()
    assert ana.get(f"findings/{finding.reference}/").json()["state"] == "waived"
    problem(ana.post(f"decisions/{decision['reference']}/end/"), 400)  # why?
    assert (
        ana.post(f"decisions/{decision['reference']}/end/", {"reason": "fixed upstream"}).status_code == 200
    )
    assert ana.get(f"findings/{finding.reference}/").json()["state"] == "open"


@pytest.mark.parametrize("kind", ["revert", "ignore", "attach", "nonsense"])
def test_kinds_that_are_not_possible_yet_say_which_are(
    fleet: GitFleet, finding: Finding, ana: Caller, kind: str
) -> None:
    told = problem(ana.post("decisions/", body(finding, kind=kind)), 422)
    assert "fold-back, waive" in told["detail"]
    assert told["errors"][0]["pointer"] == "/kind"


@pytest.mark.parametrize(
    ("more", "status", "pointer"),
    [
        ({"reason": None}, 400, "/reason"),
        ({"reason": " "}, 400, "/reason"),
        ({"findings": []}, 400, "/findings"),
        ({"findings": ["DRF-999999"]}, 400, "/findings/0"),
        ({"findings": ["CHG-1"]}, 400, "/findings/0"),
        ({"colour": "red"}, 400, "/colour"),
        ({"layer": "roles/nothing"}, 422, "/layer"),
        ({"until": "2999-01-01T00:00:00Z"}, 422, "/until"),
        ({"layer": "roles/web", "edits": {TEMPLATE: "x"}}, 422, "/layer"),
        ({"edits": {}}, 400, "/edits"),
        ({"edits": {MANIFEST: "files: [1]\n"}}, 422, "/edits"),
        ({"edits": {MANIFEST: RESOURCES}}, 422, "/edits"),
        ({"edits": {"../x": "x"}}, 422, "/edits/..~1x"),
        ({"kind": "waive"}, 422, "/until"),
        ({"kind": "waive", "until": "2020-01-01T00:00:00Z"}, 422, "/until"),
        ({"kind": "waive", "until": "tomorrow"}, 400, "/until"),
        ({"kind": "waive", "until": "2999-01-01T00:00:00Z", "layer": "base"}, 422, "/layer"),
    ],
)
def test_what_can_not_be_proposed_is_told_where_and_changes_nothing(
    fleet: GitFleet, finding: Finding, ana: Caller, more: dict[str, Any], status: int, pointer: str
) -> None:
    entries = LedgerEntry.objects.count()
    for query in ("", "?dry_run=true"):
        told = problem(ana.post(f"decisions/{query}", body(finding, **more)), status)
        assert told["errors"][0]["pointer"] == pointer
    assert not Decision.objects.exists()
    assert LedgerEntry.objects.count() == entries


def test_a_finding_that_is_decided_can_not_be_decided_again(
    fleet: GitFleet, finding: Finding, ana: Caller, ben: Caller
) -> None:
    decision = ana.post("decisions/", body(finding)).json()
    for query in ("", "?dry_run=true"):
        told = problem(ben.post(f"decisions/{query}", body(finding)), 409)
        assert decision["reference"] in told["detail"]


def test_the_same_idempotency_key_proposes_once(fleet: GitFleet, finding: Finding, ana: Caller) -> None:
    first = ana.post("decisions/", body(finding), Idempotency_Key="k-1")
    again = ana.post("decisions/", body(finding), Idempotency_Key="k-1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json()["id"] == first.json()["id"]
    assert again.headers["Idempotent-Replay"] == "true"
    assert Decision.objects.count() == 1


def test_edits_by_a_person_go_over_the_api(fleet: GitFleet, finding: Finding, ana: Caller) -> None:
    text = fleet.repository.text(TEMPLATE).replace("limit 10", "limit {{ 90 + 9 }}")
    decision = ana.post("decisions/", body(finding, edits={TEMPLATE: text})).json()
    assert (decision["layer"], decision["effect"]["missed"], decision["files"]) == ("", [], [TEMPLATE])
    missing = text.replace("90", "80")
    ana.post(f"decisions/{decision['reference']}/withdraw/")
    decision = ana.post("decisions/", body(finding, edits={TEMPLATE: missing})).json()
    assert len(decision["effect"]["missed"]) == 2


def test_one_of_several_placements_is_chosen_by_its_key(
    fleet: GitFleet, finding: Finding, ana: Caller
) -> None:
    placed = ana.get(f"findings/{finding.reference}/placements/").json()["placements"]
    for placement in (p for p in placed if p["safe"]):
        preview = ana.post("decisions/?dry_run=true", body(finding, placement=placement["key"])).json()
        assert (preview["layer"], preview["patch"]) == (placement["layer"], placement["patch"])


def test_decisions_are_listed_by_kind_state_and_finding(
    fleet: GitFleet, finding: Finding, ana: Caller
) -> None:
    other = fixed_by_hand(fleet, "web-3", path="/etc/motd", old="hello", new="bye")
    fold = ana.post("decisions/", body(finding)).json()
    waiver = ana.post("decisions/", body(other, kind="waive", until=in_a_week())).json()

    def listed(query: str) -> list[str]:
        return [row["reference"] for row in ana.get(f"decisions/?{query}").json()["results"]]

    assert listed("") == [waiver["reference"], fold["reference"]]
    assert listed("kind=waive") == [waiver["reference"]]
    assert listed(f"finding={finding.reference}") == [fold["reference"]]
    assert listed("finding=nothing") == []
    assert listed("state__in=approved,completed") == []
    problem(ana.get("decisions/?dry_run=true"), 400)
    problem(ana.post("decisions/?dry_run=maybe", body(finding)), 400)


def test_a_job_that_is_stopped_opens_the_finding(
    fleet: GitFleet, finding: Finding, ana: Caller, ben: Caller
) -> None:
    decision = ana.post("decisions/", body(finding)).json()
    approve(ben, decision)
    work()
    assert ben.post(f"jobs/{Job.objects.get(kind='fold-back').reference}/cancel/").status_code == 200
    carry_out()
    assert read(ana, decision)["state"] == "failed"
    assert ana.get(f"findings/{finding.reference}/").json()["state"] == "open"


def test_without_a_definition_decisions_can_still_be_read(
    fleet: GitFleet, finding: Finding, ana: Caller, settings: Any, tmp_path: Path
) -> None:
    decision = ana.post("decisions/", body(finding)).json()
    settings.DEFINITION_PATH = tmp_path / "nothing.git"
    assert read(ana, decision)["head"] is None
    problem(ana.get(f"findings/{finding.reference}/placements/"), 503)
