"""Notices in the console: channels made, tried, changed and deleted; what was sent, and what was not."""

from typing import Any

import pytest

from changemgmt.models import Channel, Notice
from tests.factories import person, team
from tests.telling import allow, chat, mail, notice, team_mail
from tests.web.site import field, page, queries, read, window

pytestmark = pytest.mark.django_db
HOOK = "https://hooks.example.com/services/T0001/B0001/very-secret-x9Qz"


@pytest.fixture(autouse=True)
def keys(settings: Any) -> None:
    allow(settings)
    settings.EVENT_CONSUMERS = {}


def test_the_empty_page_teaches_and_the_menu_leads_there() -> None:
    ana = window("ana")
    text = page(ana, "/channels/")
    assert "Foldback tells you nothing yet outside these pages." in text
    assert "Make one" in text and "/api/v1/channels/" in text
    assert 'href="/channels/"' in ana.get("/").content.decode()


def test_an_e_mail_channel_is_made_with_a_form_that_knows_the_address() -> None:
    ana = person("ana")
    ana.email = "ana@example.org"
    ana.save()
    form = window("ana").get("/channels/new/")
    assert field(form, "address") == "ana@example.org" and "The team" not in read(form)
    response = window("ana").post(
        "/channels/new/", {"kind": "email", "address": "ana@example.org", "topics": ["incidents"]}
    )
    made = Channel.objects.get()
    assert response.headers["Location"] == f"/channels/{made.pk}/" and made.topics == ["incidents"]
    text = page(window("ana"), f"/channels/{made.pk}/")
    assert "What concerns you goes here." in text and "Nothing yet." in text and "Send a test message" in text


def test_a_webhook_is_hinted_at_and_its_address_is_on_no_page() -> None:
    window("ana").post("/channels/new/", {"kind": "slack", "address": HOOK})
    made = Channel.objects.get()
    for path in ("/channels/", f"/channels/{made.pk}/", f"/channels/{made.pk}/edit/"):
        response = window("ana").get(path)
        assert b"very-secret" not in response.content and "hooks.example.com/…x9Qz" in read(response)


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ({"address": ""}, "Say where to."),
        ({"address": "nobody"}, "This is not an e-mail address"),
        ({"kind": "slack", "address": "http://hooks.example.com/x"}, "Only https is used"),
        ({"kind": "slack", "address": "https://10.0.0.1/x"}, "private or local address"),
    ],
)
def test_what_can_not_be_a_channel_is_told_at_the_field_and_what_was_typed_stays(
    typed: dict[str, str], told: str
) -> None:
    form = {"kind": "email", "address": "a@b.org"} | typed
    response = window("ana").post("/channels/new/", form)
    assert response.status_code in (400, 422) and told in read(response), read(response)
    assert field(response, "address") == form["address"] and not Channel.objects.exists()


def test_whoever_leads_a_team_makes_its_channels_and_its_members_see_them() -> None:
    payments = team("payments", "ben")
    payments.members.add(person("ana"))
    assert "The team payments" in page(window("ben"), "/channels/new/")
    typed = {"whose": "payments", "kind": "email", "address": "payments@example.org"}
    assert window("ana").post("/channels/new/", typed).status_code == 422
    window("ben").post("/channels/new/", typed)
    made = Channel.objects.get(team=payments)
    text = page(window("ana"), f"/channels/{made.pk}/")
    assert "What concerns the team payments goes here." in text and "Send a test message" not in text
    page(window("ana"), f"/channels/{made.pk}/edit/", 403)
    page(window("dee"), f"/channels/{made.pk}/", 404)
    assert "payments@example.org the team payments everything none yet" in page(window("ana"), "/channels/")


def test_a_test_message_is_on_its_way_and_the_page_asks_again_until_it_is_there() -> None:
    made = mail()
    ana = window("ana")
    response = ana.post(f"/channels/{made.pk}/test/")
    assert response.headers["Location"] == f"/channels/{made.pk}/"
    shown = ana.get(f"/channels/{made.pk}/")
    assert "A test message is on its way." in read(shown) and b'hx-trigger="every 2s"' in shown.content
    assert "A test message from Foldback waiting" in read(shown)
    ana.post(f"/channels/{made.pk}/test/")
    assert "is on its way already" in page(ana, f"/channels/{made.pk}/")
    Notice.objects.update(state="failed", attempts=3, error="The mail server answered 550: <no such user>")
    shown = ana.get(f"/channels/{made.pk}/")
    assert b'hx-trigger="every 2s"' not in shown.content
    assert "The mail server answered 550: <no such user> not sent tried 3 times" in read(shown)
    assert "the last message over 1 of them did not certainly arrive" in page(ana, "/channels/")


def test_a_channel_is_changed_and_an_empty_address_leaves_the_one_that_is_kept() -> None:
    made = mail(topics=["due"])
    ana = window("ana")
    form = ana.get(f"/channels/{made.pk}/edit/")
    assert field(form, "version") == "1" and field(form, "address") == ""
    ana.post(f"/channels/{made.pk}/edit/", {"address": "", "topics": ["due", "windows"], "version": "1"})
    made.refresh_from_db()
    assert (made.target, made.topics) == ("ana@example.org", ["due", "windows"])
    late = ana.post(f"/channels/{made.pk}/edit/", {"address": "b@example.org", "version": "1"})
    assert late.status_code == 409 and "has changed since you read it" in read(late)
    ana.post(f"/channels/{made.pk}/edit/", {"address": "b@example.org", "version": "2"})
    made.refresh_from_db()
    assert (made.target, made.topics) == ("b@example.org", [])


def test_a_channel_is_switched_off_and_on_and_deleted() -> None:
    made = mail()
    ana = window("ana")
    ana.post(f"/channels/{made.pk}/switch/", {"active": "no"})
    text = page(ana, f"/channels/{made.pk}/")
    assert "Off: nothing goes there." in text and "Switch on" in text and "Send a test message" not in text
    ana.post(f"/channels/{made.pk}/switch/", {"active": "yes"})
    assert "Switch off" in page(ana, f"/channels/{made.pk}/")
    assert ana.post(f"/channels/{made.pk}/delete/").headers["Location"] == "/channels/"
    assert "The channel is deleted." in page(ana, "/channels/") and not Channel.objects.exists()


def test_what_was_sent_leads_to_what_it_tells_of_and_markup_in_it_is_text() -> None:
    made = chat(HOOK)
    notice(made, "<b>CHG-7</b> is approved", state="sent", link="/changes/CHG-7/")
    response = window("ana").get(f"/channels/{made.pk}/")
    assert "<b>CHG-7</b> is approved sent" in read(response) and b"<b>CHG-7" not in response.content
    assert b'href="/changes/CHG-7/"' in response.content


def test_the_list_takes_the_same_number_of_queries_for_any_number_of_channels() -> None:
    notice(mail())
    few = queries(window("ana"), "/channels/")
    team_mail(team("payments", "ana"), "p@example.org")
    for number in range(8):
        notice(mail(address=f"ana+{number}@example.org"))
    assert queries(window("ana"), "/channels/") == few
