"""The calendar as a person uses it: a freeze made with its preview while it is typed, and on a phone without a script."""

from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from changemgmt.models import Window
from tests.factories import CAST, host, person
from tests.services.test_windows import planned, soon
from tests.web.console import Console

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.needs("chromium"), pytest.mark.slow]

PHONE = 390
NEW = "/calendar/windows/new/"


@pytest.fixture(autouse=True)
def fleet(transactional_db: None) -> None:
    for name in CAST:
        person(name)
    for number in range(1, 5):
        host(f"web-{number}")
    host("db-1", host_roles=["db"])


def fill(console: Console) -> None:
    console.page.get_by_label("What for").fill("Christmas peak")
    console.page.get_by_label("Which hosts").fill("role=web")
    console.page.get_by_label("Begins").fill(f"{soon():%Y-%m-%dT%H:%M}")
    console.page.get_by_label("Ends", exact=True).fill(f"{soon(6):%Y-%m-%dT%H:%M}")


def test_a_freeze_is_made_with_what_it_means_while_it_is_typed(live_server: Any, browser: Browser) -> None:
    change = planned("web-1", at=1)
    ben = Console(browser, live_server.url)
    ben.sign_in("ben")
    ben.page.get_by_role("link", name="Calendar").first.click()
    ben.page.get_by_role("link", name="New window").click()
    fill(ben)
    preview = ben.page.locator(".preview")
    expect(preview).to_contain_text("4 of 5 hosts")
    expect(preview).to_contain_text(change.reference)
    ben.page.get_by_label("Repeats").select_option("every day")
    expect(preview).to_contain_text("And so on.")
    ben.page.get_by_role("button", name="Put it into the calendar").click()
    expect(ben.messages).to_contain_text("is in the calendar")
    assert Window.objects.get().rule == "FREQ=DAILY"
    ben.go("/calendar/")
    assert not ben.is_wider_than_its_window()
    assert ben.complaints == []
    ben.close()


def test_a_freeze_is_made_and_called_off_on_a_phone_without_a_script(
    live_server: Any, browser: Browser
) -> None:
    ben = Console(browser, live_server.url, width=PHONE, height=800, script=False)
    ben.sign_in("ben")
    ben.go(NEW)
    fill(ben)
    ben.page.get_by_role("button", name="See what it means").click()
    expect(ben.page.locator(".preview")).to_contain_text("4 of 5 hosts")
    assert not Window.objects.exists() and not ben.is_wider_than_its_window()
    ben.page.get_by_role("button", name="Put it into the calendar").click()
    expect(ben.sentence).to_contain_text("A freeze; it holds from")
    assert not ben.is_wider_than_its_window()
    ben.go(f"/calendar/?month={soon():%Y-%m}")
    expect(ben.page.locator("table.month")).to_be_hidden()
    ben.page.locator("#list").get_by_role("link", name="Christmas peak").first.click()
    ben.page.get_by_role("link", name="Call it off").click()
    ben.page.get_by_role("button", name="Call it off").click()
    expect(ben.sentence).to_contain_text("A freeze that was called off")
    assert ben.complaints == []
    ben.close()
