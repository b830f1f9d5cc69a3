"""People in the console, for admins: listed, added, corrected, let go and taken back."""

import pytest

from common.models import Person
from tests.factories import CAST, logged, person, team
from tests.web.site import field, page, read, window

pytestmark = pytest.mark.django_db
EVE = {"username": "eve", "name": "Eve Example", "email": "eve@example.org", "role": "auditor"}


@pytest.fixture(autouse=True)
def cast() -> None:
    for name in CAST:
        person(name)


def test_an_admin_finds_everybody_and_others_are_not_led_there() -> None:
    Person.objects.filter(username="dee").update(is_active=False)
    text = page(window("cy"), "/people/")
    assert "3 people can sign in; 1 can’t any more." in text and "release-manager" in text
    assert (
        "People" in page(window("cy"), "/teams/")
        and "/people/" not in window("ana").get("/").content.decode()
    )
    page(window("ben"), "/people/", 403)


def test_somebody_is_added_and_what_can_not_be_is_told_at_its_field() -> None:
    refused = window("cy").post("/people/new/", EVE | {"username": "two words"})
    assert refused.status_code == 400 and field(refused, "username") == "two words"
    assert field(refused, "name") == "Eve Example"
    assert window("cy").post("/people/new/", EVE).status_code == 302
    assert window("cy").post("/people/new/", EVE).status_code == 409
    assert Person.objects.get(username="eve").role == "auditor"


def test_a_role_is_given_unless_somebody_else_gave_one_meanwhile() -> None:
    team("payments", "ana")
    form = window("cy").get("/people/ana/")
    assert "payments" in read(form)
    typed = {"name": "Ana B.", "email": "", "role": "release-manager", "version": field(form, "version")}
    assert window("cy").post("/people/ana/", typed).status_code == 302
    assert person("ana").role == "release-manager"
    late = window("cy").post("/people/ana/", typed | {"name": "Anna", "role": "admin"})
    assert late.status_code == 412 and field(late, "name") == "Anna"
    again = typed | {"name": "Anna", "version": field(late, "version")}
    assert window("cy").post("/people/ana/", again).status_code == 302


def test_somebody_leaves_with_a_successor_and_comes_back() -> None:
    logged("ana")
    assert window("cy").post("/people/ana/deactivate/", {"successor": "ben"}).status_code == 302
    assert "They can’t sign in any more" in page(window("cy"), "/people/ana/")
    assert not person("ana").is_active
    assert window("cy").post("/people/ana/reactivate/").status_code == 302
    assert "They can sign in, with the role ops." in page(window("cy"), "/people/ana/")


def test_the_last_admin_is_told_who_has_to_stay() -> None:
    refused = window("cy").post("/people/cy/deactivate/", {"successor": ""})
    assert refused.status_code == 409 and "only active admin" in read(refused)
    assert person("cy").is_active
