"""Teams over the API: who leads them, who is in them."""

from typing import Any
from urllib.parse import urlencode

import pytest

from common.models import LedgerEntry, Person
from tests.api.client import Caller, problem
from tests.factories import person, team

pytestmark = pytest.mark.django_db


@pytest.fixture
def cy() -> Caller:
    return Caller.person("cy")


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


def test_members_are_named_at_once_read_back_and_looked_for(cy: Caller) -> None:
    person("ben"), person("ana"), person("dee")
    made = cy.post("teams/", {"name": "payments", "lead": "ben", "members": ["ana", str(person("dee").pk)]})
    assert {one["username"] for one in made.json()["members"]} == {"ana", "dee"}
    assert [found["name"] for found in cy.get(q("teams/", member="dee")).json()["results"]] == ["payments"]
    changed = cy.patch("teams/payments/", {"members": ["ana"]}, If_Match=made["ETag"])
    assert [one["username"] for one in changed.json()["members"]] == ["ana"]
    assert cy.get("people/ana/").json()["member_of"] == ["payments"]
    problem(cy.patch("teams/payments/", {"members": []}, If_Match=made["ETag"]), 412)
    entry = LedgerEntry.objects.get(action="team.updated")
    assert (entry.data["before"], entry.data["after"]) == ({"members": ["ana", "dee"]}, {"members": ["ana"]})


def test_a_member_who_is_unknown_or_has_left_is_refused_and_pointed_at(cy: Caller) -> None:
    team("payments", "ben")
    told = problem(cy.patch("teams/payments/", {"members": ["ben", "nobody"]}), 400)
    assert [error["pointer"] for error in told["errors"]] == ["/members/1"]
    gone = person("ana")
    gone.is_active = False
    gone.save()
    told = problem(cy.patch("teams/payments/", {"members": ["ana"]}), 400)
    assert [error["pointer"] for error in told["errors"]] == ["/members"]
    assert cy.get("teams/payments/").json()["members"] == []


def test_a_member_who_left_meanwhile_does_not_keep_others_from_joining(cy: Caller) -> None:
    payments = team("payments", "ben")
    payments.members.add(person("ana"))
    Person.objects.filter(username="ana").update(is_active=False)
    person("dee")
    assert cy.patch("teams/payments/", {"members": ["ana", "dee"]}).status_code == 200
