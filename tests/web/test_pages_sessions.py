"""Signing in and out; and what becomes of text that was typed when a session had ended."""

import pytest
from django.test import Client

from common.core.actor import SYSTEM
from common.models import LedgerEntry, LoginLink
from common.services.people import create_login_link, create_person
from tests.factories import person
from tests.web.site import field, page, read, window

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"


@pytest.fixture
def ana() -> None:
    create_person(actor=SYSTEM, username="ana", name="Ana Ruiz", role="ops", password=PASSWORD)


def sign_in(client: Client, password: str = PASSWORD, username: str = "ana", **more: str) -> object:
    return client.post("/sign-in/", {"username": username, "password": password, **more})


def test_what_previews_links_does_not_use_up_a_sign_in_link() -> None:
    secret = create_login_link(actor=SYSTEM, person=person("ana"))
    for _ in range(3):
        assert "works once" in page(window(), f"/sign-in/{secret}/")
    assert LoginLink.objects.get().used_at is None
    mine = window()
    assert mine.post(f"/sign-in/{secret}/").headers["Location"] == "/"
    assert "Home" in page(mine, "/")


def test_a_sign_in_link_works_once_and_says_so_the_second_time() -> None:
    secret = create_login_link(actor=SYSTEM, person=person("ana"))
    window().post(f"/sign-in/{secret}/")
    again = window()
    response = again.post(f"/sign-in/{secret}/")
    assert response.status_code == 410 and "This link is spent" in read(response)
    assert again.get("/").status_code == 302


def test_a_person_signs_in_and_lands_where_they_wanted_to_go(ana: None) -> None:
    mine = window()
    wanted = mine.get("/findings/?q=nginx").headers["Location"]
    assert wanted == "/sign-in/?next=%2Ffindings%2F%3Fq%3Dnginx"
    response = mine.get(wanted)
    assert field(response, "next") == "/findings/?q=nginx"
    assert sign_in(mine, next="/findings/?q=nginx").headers["Location"] == "/findings/?q=nginx"  # type: ignore[attr-defined]
    entry = LedgerEntry.objects.filter(action="person.signed_in").get()
    assert (entry.actor_label, entry.data) == ("ana", {"by": "password"})


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_nobody_is_sent_to_a_foreign_place_after_signing_in(ana: None, target: str) -> None:
    assert sign_in(window(), next=target).headers["Location"] == "/"  # type: ignore[attr-defined]


def test_a_wrong_name_and_a_wrong_password_are_told_the_same_and_the_name_stays(ana: None) -> None:
    wrong, unknown = (
        window().post("/sign-in/", {"username": name, "password": "not it at all"})
        for name in ("ana", "nobody")
    )
    assert wrong.status_code == unknown.status_code == 403
    assert read(wrong) == read(unknown) and "The name or the password is not right." in read(wrong)
    assert field(wrong, "username") == "ana"
    assert "not it at all" not in wrong.content.decode()


def test_after_ten_failures_even_the_right_password_waits(ana: None) -> None:
    for _ in range(10):
        sign_in(window(), "guess")
    mine = window()
    response = mine.post("/sign-in/", {"username": "ana", "password": PASSWORD})
    assert response.status_code == 429 and "Wait 10 minutes" in read(response)
    assert mine.get("/").status_code == 302
    assert LedgerEntry.objects.filter(action="person.sign_in_failed").count() == 10


def test_signing_out_ends_the_session() -> None:
    mine = window("ana")
    assert mine.get("/").status_code == 200
    assert mine.post("/sign-out/").headers["Location"] == "/sign-in/"
    assert mine.get("/").status_code == 302
    assert "You are signed out." in page(mine, "/sign-in/")


def test_text_typed_into_a_form_of_an_ended_session_is_shown_to_be_copied() -> None:
    typed = {"title": "raised <b>limits</b>", "where": "web-1", "csrfmiddlewaretoken": "x" * 32}
    response = window().post("/changes/log/", typed)
    assert response.status_code == 403
    assert "You are signed out" in read(response) and "raised <b>limits</b>" in read(response)
    assert "<b>limits</b>" not in response.content.decode() and "x" * 32 not in response.content.decode()


def test_a_form_without_its_token_is_refused_and_what_was_typed_is_shown_but_no_password() -> None:
    mine = window("ana", enforce_csrf_checks=True)
    response = mine.post("/changes/log/", {"title": "raised limits", "password": PASSWORD})
    assert response.status_code == 403
    assert "could not be sent" in read(response) and "raised limits" in read(response)
    assert PASSWORD not in response.content.decode()


def test_pages_are_not_kept_by_browsers_or_proxies() -> None:
    assert "no-store" in window("ana").get("/").headers["Cache-Control"]
    assert "no-store" in window().get("/sign-in/").headers["Cache-Control"]


def test_what_htmx_asks_for_after_the_session_ended_leads_to_the_sign_in_page() -> None:
    response = window().get(
        "/scans/preview/?selector=web",
        headers={"HX-Request": "true", "HX-Current-URL": "http://testserver/scans/?x=1"},
    )
    assert response.status_code == 204
    assert response.headers["HX-Redirect"] == "/sign-in/?next=%2Fscans%2F%3Fx%3D1"


def test_the_theme_is_remembered_and_nobody_is_sent_away_with_it() -> None:
    response = window().post("/preferences/theme/", {"theme": "dark", "next": "https://evil.example/"})
    assert response.headers["Location"] == "/" and response.cookies["theme"].value == "dark"
    assert window().post("/preferences/theme/", {"theme": "<script>"}).status_code == 400
