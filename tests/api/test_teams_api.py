"""Teams and people over the API."""

from typing import Any
from urllib.parse import urlencode

import pytest

from tests.api.client import Caller, problem
from tests.factories import person, team

pytestmark = pytest.mark.django_db


@pytest.fixture
def cy() -> Caller:
    return Caller.person("cy")


@pytest.fixture
def dee() -> Caller:
    return Caller.person("dee")


def q(path: str, **query: Any) -> str:
    return f"{path}?{urlencode(query)}"


def test_a_team_is_created_read_and_handed_over(cy: Caller) -> None:
    person("ben"), person("ana")
    made = cy.post("teams/", {"name": "payments", "lead": "ben", "description": "money"})
    assert (made.status_code, made.json()["lead"]["username"]) == (201, "ben")
    assert cy.get("teams/payments/").json() == made.json()
    changed = cy.patch("teams/payments/", {"lead": "ana"}, If_Match=made["ETag"])
    assert changed.json()["lead"]["username"] == "ana"
    problem(cy.patch("teams/payments/", {"lead": "ben"}, If_Match=made["ETag"]), 412)
    assert [found["name"] for found in cy.get(q("teams/", lead="ana")).json()["results"]] == ["payments"]
    assert "/lead" in str(problem(cy.post("teams/", {"name": "x", "lead": "nobody"}), 400))
    problem(cy.post("teams/", {"name": "Payments", "lead": "ben"}), 409)
    problem(cy.get("teams/nothing/"), 404)


def test_people_are_listed_with_the_teams_they_lead_and_no_password(dee: Caller) -> None:
    team("payments", "ben")
    found = {found["username"]: found for found in dee.get("people/").json()["results"]}
    assert found["ben"]["leads"] == ["payments"]
    assert not any("password" in key for key in found["ben"])
    assert dee.get("people/ben/").json() == found["ben"]
    assert [p["username"] for p in dee.get(q("people/", role="auditor")).json()["results"]] == ["dee"]
    problem(dee.get("people/nobody/"), 404)
