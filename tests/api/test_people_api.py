"""People over the API: listed, added, corrected, given another role; an admin at least stays."""

from typing import Any
from urllib.parse import urlencode

import pytest

from common.models import LedgerEntry, Person
from tests.api.client import Caller, problem
from tests.factories import person, team

pytestmark = pytest.mark.django_db
EVE = {"username": "eve", "name": "Eve Example", "role": "ops", "email": "eve@example.org"}


@pytest.fixture
def cy() -> Caller:
    return Caller.person("cy")


@pytest.fixture
def dee() -> Caller:
    return Caller.person("dee")


def q(path: str, **query: Any) -> str:
    return f"{path}?{urlencode(query)}"


def test_people_are_listed_with_the_teams_they_lead_and_no_password(dee: Caller) -> None:
    team("payments", "ben")
    found = {found["username"]: found for found in dee.get("people/").json()["results"]}
    assert found["ben"]["leads"] == ["payments"]
    assert not any("password" in key for key in found["ben"])
    assert dee.get("people/ben/").json() == found["ben"]
    assert [p["username"] for p in dee.get(q("people/", role="auditor")).json()["results"]] == ["dee"]
    problem(dee.get("people/nobody/"), 404)


def test_an_admin_adds_somebody_who_can_not_sign_in_yet(cy: Caller) -> None:
    made = cy.post("people/", EVE)
    assert made.status_code == 201 and made.json().items() >= EVE.items()
    assert made["Location"] == made.json()["url"]
    assert not Person.objects.get(username="eve").has_usable_password()
    assert LedgerEntry.objects.get(subject_id=made.json()["id"]).person_id == person("cy").pk
    problem(cy.post("people/", EVE | {"username": "EVE"}), 409)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("username", "two words"),
        ("username", "аna"),  # a Cyrillic а
        ("username", "-eve"),
        ("name", "  "),
        ("name", "Eve\u202e"),
        ("email", "eve"),
        ("role", "automation"),
        ("role", "god"),
        ("password", "secret"),
    ],
)
def test_what_a_person_can_not_be_is_a_400_that_points_at_it(cy: Caller, field: str, value: str) -> None:
    told = problem(cy.post("people/", EVE | {field: value}), 400)
    assert [error["pointer"] for error in told["errors"]] == [f"/{field}"]
    assert not Person.objects.filter(name="Eve Example").exists()


def test_a_name_an_address_and_a_role_are_changed_and_the_ledger_says_from_what(cy: Caller) -> None:
    ana = Caller.person("ana")
    problem(ana.post("hosts/", {"name": "web-1"}), 403)
    changed = cy.patch("people/ana/", {"name": "Ana B.", "email": "", "role": "release-manager"})
    assert (changed.json()["name"], changed.json()["role"]) == ("Ana B.", "release-manager")
    entry = LedgerEntry.objects.get(action="person.updated")
    assert entry.data["from"] == {"name": "Ana", "role": "ops"}
    assert entry.data["to"] == {"name": "Ana B.", "role": "release-manager"}
    assert cy.patch("people/ana/", {"role": "release-manager"}).status_code == 200
    assert LedgerEntry.objects.filter(action="person.updated").count() == 1
    problem(cy.patch("people/ana/", {"username": "root"}), 400)


def test_the_last_admin_stays_one(cy: Caller) -> None:
    assert "only active admin" in problem(cy.patch("people/cy/", {"role": "ops"}), 409)["detail"]
    person("ana")
    assert cy.patch("people/ana/", {"role": "admin"}).status_code == 200
    assert cy.patch("people/cy/", {"role": "ops"}).status_code == 200


def test_a_role_that_is_taken_away_is_gone_from_the_next_request_on(cy: Caller) -> None:
    ben = Caller.person("ben")
    assert ben.post("hosts/", {"name": "web-1", "environment": "prod", "roles": ["web"]}).status_code == 201
    cy.patch("people/ben/", {"role": "ops"})
    problem(ben.post("hosts/", {"name": "web-2", "environment": "prod", "roles": ["web"]}), 403)


def test_a_correction_of_what_somebody_else_corrected_meanwhile_is_a_412(cy: Caller) -> None:
    person("ana")
    read = cy.get("people/ana/")["ETag"]
    changed = cy.patch("people/ana/", {"name": "Ana B."}, If_Match=read)
    assert changed.status_code == 200 and changed["ETag"] != read
    problem(cy.patch("people/ana/", {"role": "admin"}, If_Match=read), 412)
    assert (
        cy.patch("people/ana/", {"name": "Ana B."}).headers["ETag"] == changed["ETag"]
    )  # nothing new was said
    assert cy.patch("people/ana/", {"name": "A"}, If_Match=changed["ETag"]).status_code == 200


def test_who_left_is_taken_back(cy: Caller) -> None:
    person("ana")
    problem(cy.post("people/ana/reactivate/"), 409)
    problem(cy.post("people/cy/deactivate/"), 409)
    assert cy.post("people/ana/deactivate/").json()["is_active"] is False
    assert cy.post("people/ana/reactivate/").json()["is_active"] is True
