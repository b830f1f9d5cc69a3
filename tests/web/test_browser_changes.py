"""A normal change in a browser: planned on a phone, approved at a desk, started and completed; nothing is complained of."""

from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from changemgmt.models import Change
from common.models import Person
from tests.factories import CAST, host, person
from tests.web.console import Console

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.needs("chromium"), pytest.mark.slow]

PHONE = 390


def test_a_change_is_planned_on_a_phone_approved_at_a_desk_and_carried_out(
    live_server: Any, settings: Any, browser: Browser
) -> None:
    settings.EVENT_CONSUMERS = {}
    for name in CAST:
        person(name)
    long = "Ana-Maria von Hohenstein-Leutheusser-Schnarrenberger"  # as wide as a phone: it wraps
    Person.objects.filter(username="ana").update(name=long)
    host("web-1")
    ana = Console(browser, live_server.url, width=PHONE, height=800)
    ana.sign_in("ana")
    ana.go("/changes/plan/")
    for label, text in (("What", "upgrade nginx"), ("Where", "web-1"), ("Plan", "apt"), ("Way back", "apt")):
        ana.page.get_by_label(label, exact=False).first.fill(text)
    ana.page.get_by_role("button", name="File it").click()
    expect(ana.messages).to_contain_text("Somebody else approves it.")
    assert not ana.is_wider_than_its_window()
    ana.go("/changes/")
    first = ana.page.locator("tbody tr").first.bounding_box()
    assert first is not None and first["y"] < 600  # the filters leave room for what they narrow
    ana.page.get_by_text("Host, owner, kind").click()
    ana.page.get_by_label("Risk").select_option("low")
    ana.page.get_by_role("button", name="Show").click()
    expect(ana.sentence).to_contain_text("low risk")
    assert not ana.is_wider_than_its_window()

    change = Change.objects.get()
    ben = Console(browser, live_server.url)
    ben.sign_in("ben")
    ben.go("/changes/")
    expect(ben.page.get_by_label("Risk")).to_be_visible()  # at a desk nothing is folded away
    ben.go("/")
    ben.page.get_by_role("link", name="upgrade nginx").first.click()
    ben.page.get_by_role("button", name="Approve").click()
    expect(ben.messages).to_contain_text("ana can carry it out")
    assert not ben.is_wider_than_its_window()

    ana.go(f"/changes/{change.reference}/")
    ana.page.get_by_role("button", name="Start now").click()
    ana.page.get_by_label("What came of it").fill("all green")
    ana.page.get_by_role("button", name="It is done").click()
    expect(ana.sentence).to_contain_text("it was carried out")
    change.refresh_from_db()
    assert (change.state, change.outcome) == ("completed", "all green")
    assert ana.complaints == [] and ben.complaints == []
