"""Teams in the console: who leads them and who is in them, made and changed by an admin."""

import pytest

from inventory.models import Team
from tests.factories import host, person, team
from tests.telling import team_mail
from tests.web.site import field, page, queries, read, window

pytestmark = pytest.mark.django_db
FORM = {"name": "payments", "lead": "ben", "members": "ana\ndee", "description": "money"}


@pytest.fixture(autouse=True)
def cast() -> None:
    for name in ("ana", "ben", "cy", "dee"):
        person(name)


def test_the_empty_page_teaches_and_the_menu_leads_there() -> None:
    assert "Make one" in page(window("cy"), "/teams/")
    told = page(window("ana"), "/teams/")
    assert "An admin makes one." in told and "Make one" not in told and "/api/v1/teams/" in told
    assert 'href="/teams/"' in window("ana").get("/").content.decode()


def test_a_team_is_made_with_its_people_and_leads_to_its_page() -> None:
    response = window("cy").post("/teams/new/", FORM)
    assert response.headers["Location"] == "/teams/payments/"
    made = Team.objects.get()
    assert {one.username for one in made.members.all()} == {"ana", "dee"}
    host("web-1", owned_by=made)
    text = page(window("ana"), "/teams/payments/")
    assert "Ben leads it; 2 members; 1 host." in text and "Ana member ops" in text and "money" in text
    assert "payments Ben 2 1 money" in page(window("ana"), "/teams/")
    assert "every host has a team" in page(window("ana"), "/teams/")
    host("web-2")
    assert "1 of 2 hosts has no team" in page(window("ana"), "/teams/")
    assert 'href="/teams/payments/"' in window("ana").get("/hosts/web-1/").content.decode()


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ({"name": "two words"}, "is not a"),
        ({"lead": "nobody"}, "Nobody has the username nobody."),
        ({"members": "ana nobody"}, "Nobody has the username nobody."),
        ({"lead": ""}, "Say who leads it."),
    ],
)
def test_what_can_not_be_kept_is_told_and_what_was_typed_stays(typed: dict[str, str], told: str) -> None:
    response = window("cy").post("/teams/new/", FORM | typed)
    assert response.status_code in (400, 422) and (
        told in read(response) or "can't be named" in read(response)
    )
    for name, text in (FORM | typed).items():
        assert field(response, name) == text
    assert not Team.objects.exists()


def test_a_team_is_changed_and_a_form_that_lay_open_too_long_is_refused() -> None:
    made = team("payments", "ben")
    made.members.add(person("ana"))
    cy = window("cy")
    form = cy.get("/teams/payments/edit/")
    assert (field(form, "lead"), field(form, "members")) == ("ben", "ana")
    typed = {"lead": "cy", "members": "dee, ana", "description": "", "version": "1"}
    cy.post("/teams/payments/edit/", typed)
    made.refresh_from_db()
    assert made.lead == person("cy") and made.members.count() == 2
    late = cy.post("/teams/payments/edit/", typed | {"lead": "ben"})
    assert late.status_code == 409 and "has changed since you read it" in read(late)


def test_a_teams_channels_are_shown_to_whoever_may_see_them() -> None:
    made = team("payments", "ben")
    made.members.add(person("ana"))
    team_mail(made, "payments@example.org")
    assert "payments@example.org" in page(window("ana"), "/teams/payments/")
    assert "New channel" in page(window("ben"), "/teams/payments/")
    told = page(window("dee"), "/teams/payments/")
    assert "payments@example.org" not in told and "Its lead and its members see where." in told


def test_the_list_takes_the_same_number_of_queries_for_any_number_of_teams() -> None:
    team("payments", "ben")
    few = queries(window("ana"), "/teams/")
    for number in range(8):
        team(f"team-{number}", "ben").members.add(person("ana"))
    assert queries(window("ana"), "/teams/") == few
