"""Changes of every kind over the API: filed, approved, gated, carried out, handed over."""

from datetime import timedelta
from typing import Any

import pytest

from common import clock
from tests.api.client import Caller, problem
from tests.factories import host, person, team

pytestmark = pytest.mark.django_db

PLAN = {
    "title": "Upgrade nginx",
    "kind": "normal",
    "plan": "drain, restart",
    "backout": "the old one",
    "hosts": ["web-1"],
}


@pytest.fixture(autouse=True)
def nobody_listens(settings: Any) -> None:
    settings.EVENT_CONSUMERS = {}


def filed(who: Caller, **body: Any) -> dict[str, Any]:
    response = who.post("changes/", body)
    assert response.status_code == 201, response.content
    return dict(response.json())


def done(response: Any, status: int = 200) -> dict[str, Any]:
    assert response.status_code == status, response.content
    return dict(response.json())


def approve(who: str, change: dict[str, Any]) -> dict[str, Any]:
    body = {"verdict": "approve", "digest": change["digest"]}
    return done(Caller.person(who).post(f"changes/{change['reference']}/approvals/", body), 201)


def test_a_pipeline_files_asks_the_gate_starts_and_completes() -> None:
    person("ben")
    ci = Caller.program("ana")
    change = filed(ci, **PLAN)
    assert (change["state"], change["missing"][0]["count"], change["risk"]) == ("proposed", 1, "low")
    assert [one["username"] for one in change["approvers"]] == ["ben"]
    gate = ci.get(f"gates/{change['reference']}/")
    assert (done(gate)["verdict"], gate.headers["Retry-After"]) == ("awaiting", "30")
    assert gate.json()["answers"][0]["approvers"] == ["ben"]
    problem(ci.post(f"changes/{change['id']}/start/"), 409)
    approve("ben", change)
    gate = ci.get(f"gates/{change['reference']}/")
    assert done(gate)["verdict"] == "allowed"
    assert "Retry-After" not in gate.headers
    assert done(ci.post(f"changes/{change['id']}/start/"))["state"] == "started"
    ended = done(ci.post(f"changes/{change['id']}/complete/", {"outcome": "green"}))
    assert (ended["state"], ended["outcome"]) == ("completed", "green")
    assert done(ci.get(f"gates/{change['id']}/"))["verdict"] == "prevented"
    reviewed = Caller.person("ana").post(f"changes/{change['id']}/review/", {"text": "fine"})
    assert done(reviewed)["reviewed_by"]["username"] == "ana"


def test_a_normal_change_without_a_plan_is_told_what_it_lacks() -> None:
    body = problem(Caller.person("ana").post("changes/", {"title": "x", "kind": "normal"}), 400)
    assert [error["pointer"] for error in body["errors"]] == ["/plan", "/backout"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("template", "nothing"),
        ("incident", "INC-99999"),
        ("owner", "nobody"),
        ("planned_end", "2030-01-01T00:00:00Z"),
        ("planned_start", "0001-01-01T00:00:00+14:00"),
        ("risk", "none"),
        ("kind", "decision"),
        ("plan", "x" * 20_001),
        ("backout", "a\x00b"),
    ],
)
def test_a_bad_field_is_400_with_a_pointer(field: str, value: str) -> None:
    body = problem(Caller.person("ana").post("changes/", {**PLAN, field: value}), 400)
    pointers = {error["pointer"] for error in body["errors"]}
    assert pointers & {f"/{field}", "/planned_start"}, body


def test_an_edit_voids_and_says_so_and_a_stale_one_is_refused() -> None:
    ana = Caller.person("ana")
    change = filed(ana, **PLAN)
    approve("ben", change)
    read = ana.get(f"changes/{change['id']}/")
    edited = ana.patch(f"changes/{change['id']}/", {"plan": "restart"}, If_Match=read.headers["ETag"])
    assert done(edited)["state"] == "proposed"
    assert edited.json()["approvals"][0]["voided_at"]
    problem(ana.patch(f"changes/{change['id']}/", {"plan": "x"}, If_Match=read.headers["ETag"]), 412)
    problem(
        Caller.person("ben").post(
            f"changes/{change['id']}/approvals/", {"verdict": "approve", "digest": change["digest"]}
        ),
        409,
    )


def test_a_record_is_accepted_and_a_disputed_one_corrected() -> None:
    ana, ben = Caller.person("ana"), Caller.person("ben")
    change = filed(ana, title="restarted nginx")
    assert (change["state"], change["overdue"]) == ("logged", False)
    assert change["due_at"]
    refused = {"verdict": "refuse", "reason": "which one?"}
    done(ben.post(f"changes/{change['id']}/approvals/", refused), 201)
    assert done(ana.get(f"changes/{change['id']}/"))["state"] == "disputed"
    edited = done(ana.patch(f"changes/{change['id']}/", {"hosts": ["web-1"]}))
    approve("ben", edited)
    assert done(ana.get(f"changes/{change['id']}/"))["state"] == "accepted"


def test_a_plan_is_told_what_it_meets() -> None:
    start = clock.now() + timedelta(hours=1)
    ana = Caller.person("ana")
    first = filed(ana, **PLAN, planned_start=start.isoformat())
    second = filed(ana, **PLAN, planned_start=start.isoformat())
    assert [one["reference"] for one in second["conflicts"]] == [first["reference"]]
    gate = ana.get(f"gates/{second['id']}/")
    assert done(gate)["verdict"] == "awaiting"


def test_a_template_is_written_approved_and_used() -> None:
    host("web-1")
    ana = Caller.person("ana")
    body = {"name": "rotate", "title": "Rotate", "plan": "x", "backout": "y", "selector": "role=web"}
    written = done(ana.post("change-templates/", body), 201)
    problem(ana.post("changes/", {"template": "rotate", "hosts": ["web-1"]}), 400)
    problem(Caller.person("ana").post(f"change-templates/{written['id']}/approve/"), 403)
    assert done(Caller.person("ben").post(f"change-templates/{written['id']}/approve/"))["approved_by"]
    change = filed(ana, template="rotate", hosts=["web-1"])
    assert (change["kind"], change["state"], change["template"], change["title"]) == (
        "standard", "ready", "rotate", "Rotate",
    )  # fmt: skip
    revised = done(ana.patch("change-templates/rotate/", {"plan": "z"}))
    assert (revised["version"], revised["approved_at"]) == (2, None)
    assert done(ana.get("change-templates/?retired=false"))["results"] == [revised]
    problem(Caller.person("ben").post(f"change-templates/{written['id']}/approve/"), 409)
    assert done(ana.post("change-templates/rotate/retire/"))["retired_at"]
    problem(ana.get("change-templates/rotate/"), 404)


def test_a_policy_asks_for_two_of_a_team_and_the_change_says_what_is_missing() -> None:
    data = team("data", lead="ben")
    cy = Caller.person("cy")
    policy = done(
        cy.post("approval-policies/", {"name": "dba", "kinds": ["normal"], "count": 2, "team": "data"}), 201
    )
    assert policy["team"] == "data"
    change = filed(Caller.person("ana"), **PLAN)
    assert change["missing"] == [{"policy": "dba", "count": 2, "role": "", "team": "data"}]
    assert [one["username"] for one in change["approvers"]] == ["ben"]
    approve("ben", change)
    assert done(cy.get(f"changes/{change['id']}/"))["missing"][0]["count"] == 1
    patched = done(cy.patch(f"teams/{data.name}/", {"members": ["cy"]}))
    assert [one["username"] for one in patched["members"]] == ["cy"]
    approve("cy", change)
    assert done(cy.get(f"changes/{change['id']}/"))["state"] == "approved"
    assert done(cy.patch("approval-policies/dba/", {"is_active": False}))["is_active"] is False


def test_it_is_handed_over_and_whoever_leaves_has_a_successor() -> None:
    ana, cy = Caller.person("ana"), Caller.person("cy")
    person("ben")
    change = filed(ana, title="restarted nginx")
    problem(ana.post(f"changes/{change['id']}/transfer/", {"to": "nobody"}), 400)
    handed = done(ana.post(f"changes/{change['id']}/transfer/", {"to": "ben", "reason": "leave"}))
    assert (handed["owner"]["username"], handed["owner_source"]) == ("ben", "successor")
    problem(cy.post("people/ben/deactivate/", {"successor": "ben"}), 400)
    assert done(cy.post("people/ben/deactivate/", {"successor": "ana"}))["is_active"] is False
    problem(cy.post("people/ben/deactivate/"), 409)


def test_cancel_is_another_word_for_withdraw() -> None:
    ana = Caller.person("ana")
    change = filed(ana, **PLAN)
    assert done(ana.post(f"changes/{change['id']}/cancel/", {"reason": "not now"}))["state"] == "withdrawn"


def test_a_list_takes_as_many_queries_for_many_changes_as_for_one(django_assert_max_num_queries: Any) -> None:
    ana = Caller.person("ana")
    for _ in range(4):
        filed(ana, **PLAN)
    with django_assert_max_num_queries(6):
        assert len(done(ana.get("changes/"))["results"]) == 4
