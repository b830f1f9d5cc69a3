"""A channel as a person makes it: tried with the button, and the page says by itself that the message arrived."""

from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from changemgmt.services.sending import send_notices
from tests.factories import CAST, person, team
from tests.mailbox import mailbox
from tests.telling import allow, chat, notice
from tests.web.console import Console

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.needs("chromium"), pytest.mark.slow]

PHONE = 390


@pytest.fixture(autouse=True)
def cast(transactional_db: None) -> None:
    for name in CAST:
        person(name)


def test_a_test_message_arrives_and_the_page_says_so_by_itself(
    live_server: Any, browser: Browser, settings: Any
) -> None:
    team("payments", "ben")
    with mailbox() as post:
        allow(settings, mail=post.port)
        ben = Console(browser, live_server.url)
        ben.sign_in("ben")
        ben.page.get_by_label("You and how this looks").click()
        ben.page.get_by_role("link", name="Notices").click()
        ben.page.get_by_role("link", name="Make one").click()
        ben.page.get_by_label("The team payments").check()
        ben.page.get_by_label("Address").fill("payments@example.org")
        ben.page.get_by_label("An incident on your team’s hosts, or one that you lead").check()
        ben.page.get_by_role("button", name="Make it").click()
        ben.page.get_by_role("button", name="Send a test message").click()
        sent = ben.page.locator("#sent")
        expect(sent).to_contain_text("waiting")
        send_notices()
        expect(sent.get_by_role("row", name="A test message from Foldback sent")).to_be_visible()
        assert [message["To"] for message in post.got] == ["payments@example.org"]
        assert ben.complaints == []
        ben.close()


def test_notices_fit_a_phone(live_server: Any, browser: Browser, settings: Any) -> None:
    allow(settings)
    made = chat(
        "https://hooks.example.com/services/T0001/B0001/very-secret-x9Qz", topics=["incidents", "due"]
    )
    error = "hooks.example.com can't be reached: All connection attempts failed."
    notice(made, "INC-7 opened: " + "checkout is down " * 8, state="failed", attempts=8, error=error)
    ana = Console(browser, live_server.url, width=PHONE)
    ana.sign_in("ana")
    for path in ("/channels/", f"/channels/{made.pk}/", f"/channels/{made.pk}/edit/", "/channels/new/"):
        ana.go(path)
        assert not ana.is_wider_than_its_window(), path
    assert ana.complaints == []
    ana.close()
