"""An incident as people work on it: opened in a few words, followed by two at once, and on a phone without a script."""

from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from changemgmt.models import Change, Incident
from changemgmt.services.incidents import open_incident
from changemgmt.services.timeline import add_to_timeline
from tests.factories import CAST, acting, host, person
from tests.web.console import Console

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.needs("chromium"), pytest.mark.slow]

PHONE = 390


@pytest.fixture(autouse=True)
def fleet(transactional_db: None) -> None:
    for name in CAST:
        person(name)
    for number in range(1, 5):
        host(f"web-{number}")


def test_an_incident_is_opened_worked_on_and_closed_and_others_see_it_as_it_happens(
    live_server: Any, browser: Browser
) -> None:
    ana = Console(browser, live_server.url)
    ana.sign_in("ana")
    ana.page.get_by_role("link", name="Incidents").first.click()
    ana.page.get_by_role("link", name="Open an incident").click()
    ana.page.get_by_label("What is wrong?").fill("checkout is down")
    ana.page.get_by_label("Where", exact=False).first.fill("web-[1-2]")
    expect(ana.page.locator(".preview")).to_contain_text("2 of 4 hosts")
    ana.page.get_by_role("button", name="Open it").click()
    expect(ana.page.get_by_role("heading", name="checkout is down")).to_be_visible()
    incident = Incident.objects.get()
    add_to_timeline(actor=acting("ben"), incident=incident, text="the db is slow")
    expect(ana.page.locator(".timeline")).to_contain_text("the db is slow", timeout=30_000)
    ana.page.get_by_label("What did you do, or see?").fill("raised worker_connections")
    ana.page.get_by_label("On which hosts").fill("web-1")
    ana.page.get_by_role("button", name="Log what I did").click()
    expect(ana.messages).to_contain_text("and yours")
    assert Change.objects.get().incident_id == incident.pk
    expect(ana.page.get_by_role("region", name="Open incident")).to_contain_text("checkout is down")
    ana.page.get_by_label("What it was, and what helped").fill("workers were exhausted")
    ana.page.get_by_role("button", name="close it").click()
    expect(ana.messages).to_contain_text("Closed.")
    expect(ana.page.get_by_role("region", name="Open incident")).to_have_count(0)
    assert not ana.is_wider_than_its_window()
    assert ana.complaints == []
    ana.close()


def test_a_thumb_logs_and_notes_on_a_phone_without_a_script(live_server: Any, browser: Browser) -> None:
    incident, _ = open_incident(actor=acting("ana"), title="checkout is down", hosts=["web-1", "web-2"])
    ben = Console(browser, live_server.url, width=PHONE, height=800, script=False)
    ben.sign_in("ben")
    for path in ("", "edit/", "hand-over/"):
        ben.go(f"/incidents/{incident.reference}/{path}")
        assert not ben.is_wider_than_its_window(), path
    ben.go(f"/incidents/{incident.reference}/")
    for name in ("Log what I did", "Only note it"):
        box = ben.page.get_by_role("button", name=name).bounding_box()
        assert box is not None and box["height"] >= 48, name
    ben.page.get_by_label("What did you do, or see?").fill("the db is slow")
    ben.page.get_by_role("button", name="Only note it").click()
    expect(ben.page.locator(".timeline")).to_contain_text("the db is slow")
    ben.go("/incidents/")
    assert not ben.is_wider_than_its_window()
    ben.go("/incidents/open/")
    assert not ben.is_wider_than_its_window()
    ben.close()
