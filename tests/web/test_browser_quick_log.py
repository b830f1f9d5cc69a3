"""The quick log on a phone, with Foldback in reach and out of it."""

from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from changemgmt.models import Change
from tests.factories import CAST, host, logged, person
from tests.web.console import Console

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.needs("chromium"), pytest.mark.slow]

THUMB = 48


@pytest.fixture(autouse=True)
def shop(transactional_db: None) -> None:
    for name in CAST:
        person(name)
    host("web-3")
    logged("ana", title="earlier", hosts=["web-3"])


def phone(browser: Browser, url: str, *, script: bool = True) -> Console:
    ana = Console(browser, url, width=360, height=740, script=script)
    ana.sign_in("ana")
    ana.go("/log/")
    return ana


def titles() -> list[str]:
    return list(Change.objects.order_by("number").values_list("title", flat=True))


def test_what_is_said_out_of_reach_is_kept_and_sent_once_when_foldback_answers(
    live_server: Any, browser: Browser
) -> None:
    ana = phone(browser, live_server.url)
    ana.page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    ana.page.get_by_label("web-3").check()
    ana.page.get_by_role("textbox").fill("restarted nginx")
    ana.page.get_by_role("button", name="Log it").click()
    expect(ana.page.locator("#kept")).to_contain_text("Logged on web-3.")

    ana.context.set_offline(True)
    ana.page.reload()  # the page itself is kept, too
    for text in ("stopped cron on web-3", "moved traffic away"):
        ana.page.get_by_role("textbox").fill(text)
        ana.page.keyboard.press("Enter")
    expect(ana.page.locator("#state")).to_contain_text("2 kept on this phone. Foldback can't be reached")
    assert titles() == ["earlier", "restarted nginx"]
    ana.page.reload()  # a new page is not yet cut off in its first moment: from here on it may be sent, once
    expect(ana.page.locator("#kept li")).to_have_count(2)

    ana.context.set_offline(False)
    expect(ana.page.locator("#kept")).to_contain_text("Logged on no host in particular.", timeout=30_000)
    expect(ana.page.locator("#state")).to_be_hidden()
    assert titles() == ["earlier", "restarted nginx", "stopped cron on web-3", "moved traffic away"]
    assert Change.objects.get(title="stopped cron on web-3").hosts == ["web-3"]
    ana.go("/log/")
    assert Change.objects.count() == 4
    assert ana.complaints == []
    ana.close()


def test_what_was_kept_waits_for_whoever_typed_it(live_server: Any, browser: Browser) -> None:
    ana = phone(browser, live_server.url)
    ana.page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    ana.context.set_offline(True)
    ana.page.get_by_role("textbox").fill("restarted nginx")
    ana.page.keyboard.press("Enter")
    expect(ana.page.locator("#state")).to_contain_text("1 kept on this phone.")
    ana.context.clear_cookies()
    ana.context.set_offline(False)
    expect(ana.page.locator("#state")).to_contain_text("Sign in again, and it is sent.", timeout=30_000)
    ana.sign_in("ben")
    ana.go("/log/")
    expect(ana.page.locator("#state")).to_contain_text("1 of somebody else's wait")
    assert titles() == ["earlier"]
    ana.context.clear_cookies()
    ana.sign_in("ana")
    ana.go("/log/")
    expect(ana.page.locator("#kept")).to_contain_text("restarted nginx")
    expect(ana.page.locator("#state")).to_be_hidden()
    assert Change.objects.get(title="restarted nginx").owner.username == "ana"
    ana.close()


def test_everything_that_can_be_tapped_is_as_large_as_a_thumb(live_server: Any, browser: Browser) -> None:
    ana = phone(browser, live_server.url)
    for target in ana.page.locator("a, button, textarea, .tap").all():
        box = target.bounding_box()
        assert box is not None and box["height"] >= THUMB and box["width"] >= THUMB, target.inner_html()
    assert not ana.is_wider_than_its_window()
    ana.close()


def test_it_works_without_a_script(live_server: Any, browser: Browser) -> None:
    ana = phone(browser, live_server.url, script=False)
    ana.page.get_by_role("textbox").fill("restarted nginx on web-3")
    ana.page.get_by_role("button", name="Log it").click()
    expect(ana.page.locator(".said")).to_contain_text("Logged on web-3 as CHG-")
    ana.close()
