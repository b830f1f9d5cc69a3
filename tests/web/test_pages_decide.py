"""Deciding: what would happen is shown before the button, refusals keep what was typed, nothing is done at once."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from common import clock
from drift.models import Decision, Finding
from tests.definitions import GitFleet
from tests.factories import CAST, person
from tests.folding import MANIFEST, TEMPLATE, begin, fixed_by_hand, fold
from tests.web.site import field, fragment, page, read, window

pytestmark = pytest.mark.django_db


@pytest.fixture
def fleet(settings: Any, tmp_path: Path) -> GitFleet:
    for name in CAST:
        person(name)
    return begin(settings, tmp_path)


@pytest.fixture
def finding(fleet: GitFleet) -> Finding:
    return fixed_by_hand(fleet)


@pytest.fixture
def other(fleet: GitFleet) -> Finding:
    return fixed_by_hand(fleet, "web-3", path="/etc/motd", old="hello", new="bye")


def ask(name: str, *findings: Finding) -> str:
    return f"/decide/{name}/?" + "&".join(f"finding={finding.reference}" for finding in findings)


def options(response: Any) -> list[str]:
    import re

    return re.findall(r'name="placement" value="([0-9a-f]{16})"', response.content.decode())


def state_of(finding: Finding) -> str:
    return str(Finding.objects.values_list("state", flat=True).get(pk=finding.pk))


# ---- folding back


def test_every_place_is_shown_with_its_patch_and_its_hosts_before_the_button(finding: Finding) -> None:
    text = page(window("ana"), ask("fold-back", finding))
    assert "Fold back 1 finding on 2 hosts" in text
    assert "roles/web edit template advised" in text
    assert "2 of 3 hosts already right 1 will be changed: web-3" in text
    assert TEMPLATE in text and "removed: limit 10" in text and "added: limit 99" in text
    assert "Nothing happens until somebody else approves it: Ben, Cy." in text


def test_htmx_gets_the_panel_only_and_a_browser_without_script_a_whole_page(finding: Finding) -> None:
    assert b"<html" not in fragment(window("ana"), ask("fold-back", finding)).content
    assert b"<html" in window("ana").get(ask("fold-back", finding)).content


def test_a_chosen_place_is_proposed_and_nothing_is_committed_yet(fleet: GitFleet, finding: Finding) -> None:
    mine = window("ana")
    head = fleet.repository.head
    key = options(mine.get(ask("fold-back", finding)))[0]
    response = mine.post(
        "/decide/fold-back/",
        {"finding": finding.reference, "placement": key, "reason": "it keeps checkout up"},
    )
    assert response.headers["Location"] == f"/findings/{finding.reference}/"
    decision = Decision.objects.get()
    assert (decision.layer, decision.reason, decision.change.owner) == (
        "roles/web", "it keeps checkout up", person("ana"),
    )  # fmt: skip
    assert state_of(finding) == "decided" and fleet.repository.head == head
    assert f"Proposed as CHG-{decision.change.number}" in page(mine, f"/findings/{finding.reference}/")


def test_without_a_reason_or_a_place_nothing_is_proposed_and_the_choice_is_kept(finding: Finding) -> None:
    mine = window("ana")
    keys = options(mine.get(ask("fold-back", finding)))
    response = mine.post(
        "/decide/fold-back/", {"finding": finding.reference, "placement": keys[1], "reason": " "}
    )
    assert response.status_code == 422 and "Say why" in read(response)
    assert f'value="{keys[1]}" id="placement-{keys[1]}" checked' in response.content.decode()
    response = mine.post("/decide/fold-back/", {"finding": finding.reference, "reason": "so that it stays"})
    assert response.status_code == 422 and "Choose where in the definition it belongs." in read(response)
    assert field(response, "reason") == "so that it stays"
    assert state_of(finding) == "open"


def test_when_the_definition_moved_meanwhile_the_reason_is_kept_and_the_places_are_new(
    fleet: GitFleet, finding: Finding
) -> None:
    mine = window("ana")
    old = options(mine.get(ask("fold-back", finding)))
    fleet.repository.replace(TEMPLATE, "# {{", "# on {{")
    response = mine.post(
        "/decide/fold-back/", {"finding": finding.reference, "placement": old[0], "reason": "a long story"}
    )
    assert response.status_code == 422
    assert "not one of its placements" in read(response) and field(response, "reason") == "a long story"
    assert options(response) and options(response) != old


def test_several_findings_become_one_proposal(fleet: GitFleet, finding: Finding, other: Finding) -> None:
    mine = window("ana")
    text = page(mine, ask("fold-back", finding, other))
    assert "Fold back 2 findings on 3 hosts" in text and TEMPLATE in text and MANIFEST in text
    response = mine.post(
        "/decide/fold-back/", {"finding": [finding.reference, other.reference], "reason": "both stay"}
    )
    decision = Decision.objects.get()
    assert response.headers["Location"] == f"/changes/CHG-{decision.change.number}/"
    assert decision.findings.count() == 2


def test_a_finding_that_is_not_open_or_not_there_is_told_before_anything_else(finding: Finding) -> None:
    mine = window("ana")
    fold(finding)
    assert f"{finding.reference} is decided" in page(mine, ask("fold-back", finding), 409)
    assert "There is no finding DRF-999999." in page(mine, "/decide/waive/?finding=DRF-999999", 404)
    assert "No finding is selected." in page(mine, "/decide/waive/", 400)
    assert "There is no finding nonsense." in page(mine, "/decide/waive/?finding=nonsense", 404)
    refused = fragment(mine, "/decide/waive/", 400)
    assert "No finding is selected." in read(refused) and b"<html" not in refused.content


def test_who_could_approve_leaves_out_who_made_the_change(finding: Finding) -> None:
    Finding.objects.filter(pk=finding.pk).update(claimed_by=person("ben"))
    assert "somebody else approves it: Cy." in page(window("ana"), ask("fold-back", finding))
    assert "Nobody could approve it" in page(window("cy"), ask("waive", finding))


def test_two_who_propose_at_once_are_told_who_was_first(finding: Finding) -> None:
    mine = window("ben")
    key = options(mine.get(ask("fold-back", finding)))[0]
    fold(finding, who="ana")
    response = mine.post(
        "/decide/fold-back/", {"finding": finding.reference, "placement": key, "reason": "a reason of mine"}
    )
    assert response.status_code == 409
    assert "by Ana" in read(response) and "a reason of mine" in read(response)


# ---- waiving


def test_a_waiver_has_a_date_and_a_reason(finding: Finding) -> None:
    mine = window("ana")
    response = mine.get(ask("waive", finding))
    day = clock.now().date() + timedelta(days=14)
    assert field(response, "until") == day.isoformat()
    mine.post("/decide/waive/", {"finding": finding.reference, "until": day.isoformat(), "reason": "vendor"})
    decision = Decision.objects.get()
    assert decision.until is not None
    assert (decision.kind, decision.until.date(), decision.until.hour) == ("waive", day, 23)
    assert state_of(finding) == "decided"


@pytest.mark.parametrize(
    ("until", "told"),
    [("2020-01-01", "in the past"), ("", "A waiver ends"), ("tomorrow", "A date, such as")],
)
def test_a_date_that_can_not_be_is_told_at_its_field_and_the_reason_stays(
    finding: Finding, until: str, told: str
) -> None:
    response = window("ana").post(
        "/decide/waive/", {"finding": finding.reference, "until": until, "reason": "waits for the vendor"}
    )
    assert response.status_code == 422 and told in read(response)
    assert field(response, "reason") == "waits for the vendor" and state_of(finding) == "open"


# ---- by hand


def test_a_person_edits_the_files_and_sees_the_effect_before_proposing(
    fleet: GitFleet, finding: Finding
) -> None:
    mine = window("ana")
    response = mine.get(ask("by-hand", finding))
    assert f"{TEMPLATE} its template" in read(response) and f"{MANIFEST} declares it" in read(response)
    text = fleet.repository.text(TEMPLATE).replace("limit 10", "limit 99")
    body = {"finding": finding.reference, "path": TEMPLATE, "text": text.replace("\n", "\r\n")}
    seen = mine.post("/decide/by-hand/", body | {"action": "preview"})
    assert "2 already right: web-1 and web-2" in read(seen) and "1 will be changed: web-3" in read(seen)
    assert not Decision.objects.exists()
    done = mine.post("/decide/by-hand/", body | {"action": "propose", "reason": "by hand, then"})
    assert done.status_code == 302
    assert Decision.objects.get().edits == {TEMPLATE: {"text": text}}


def test_an_edit_that_does_not_give_what_is_live_says_where(fleet: GitFleet, finding: Finding) -> None:
    text = fleet.repository.text(TEMPLATE).replace("limit 10", "limit 98")
    seen = window("ana").post(
        "/decide/by-hand/",
        {"finding": finding.reference, "path": TEMPLATE, "text": text, "action": "preview"},
    )
    assert (
        f"Would not be as it is live: {finding.reference} on web-1 and {finding.reference} on web-2."
        in read(seen)
    )


def test_a_broken_edit_is_told_with_file_and_line_and_stays_to_be_mended(finding: Finding) -> None:
    broken = "files: [\n<b>"
    seen = window("ana").post(
        "/decide/by-hand/",
        {
            "finding": finding.reference,
            "path": MANIFEST,
            "text": broken,
            "action": "propose",
            "reason": "because",
        },
    )
    assert seen.status_code == 422
    assert f"{MANIFEST}:" in read(seen) and "files: [ <b>" in read(seen)
    assert field(seen, "reason") == "because" and "<b>" not in seen.content.decode()
    assert not Decision.objects.exists()


def test_another_file_of_the_definition_can_be_added(finding: Finding) -> None:
    seen = window("ana").post(
        "/decide/by-hand/",
        {
            "finding": finding.reference,
            "path": TEMPLATE,
            "text": "mine\n",
            "add": "base/files/issue",
            "action": "add",
        },
    )
    text = seen.content.decode()
    assert "one\ntwo\nthree" in text and "mine\n" in text
    assert seen.status_code == 200 and not Decision.objects.exists()


def test_edits_outside_the_definitions_layers_are_refused(finding: Finding) -> None:
    for path in ("../x", ".git/config", "definition.yaml", "/etc/passwd"):
        seen = window("ana").post(
            "/decide/by-hand/",
            {"finding": finding.reference, "path": path, "text": "x\n", "action": "propose", "reason": "r"},
        )
        assert seen.status_code == 422, path
    assert not Decision.objects.exists()


def test_the_role_that_looks_on_is_refused_at_every_door(finding: Finding) -> None:
    for name in ("fold-back", "waive", "by-hand"):
        assert "may not decide on findings" in page(window("dee"), ask(name, finding), 403)
