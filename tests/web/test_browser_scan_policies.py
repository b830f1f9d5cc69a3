"""Scan policies as a person makes one: with the preview while it is typed, on a phone, and without a script."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from common import clock
from drift.models import ScanPolicy
from drift.services.scan_policies import create_scan_policy
from drift.services.schedules import start_due_scans
from tests.factories import CAST, acting, host, person
from tests.web.console import Console

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.needs("chromium"), pytest.mark.slow]

PHONE = 390
NEW = "/scans/policies/new/"


@pytest.fixture(autouse=True)
def fleet(transactional_db: None) -> None:
    for name in CAST:
        person(name)
    for number in range(1, 13):
        host(f"web-{number}")
    host("db-1", host_roles=["db"])
    host("db-2", host_roles=["db"])


def fill(console: Console) -> None:
    console.page.get_by_label("Name").fill("production")
    console.page.get_by_label("Which hosts").fill("role=web")
    console.page.get_by_label("Quick look every").fill("2 min")


def test_what_a_policy_would_mean_is_told_while_it_is_typed(live_server: Any, browser: Browser) -> None:
    ben = Console(browser, live_server.url)
    ben.sign_in("ben")
    ben.go("/scans/policies/")
    ben.page.get_by_role("link", name="Make one").click()
    fill(ben)
    expect(ben.page.locator(".preview")).to_contain_text("12 of 14 hosts")
    expect(ben.page.locator(".preview")).to_contain_text("A quick look every 2 min and a deep one every day")
    ben.page.get_by_label("Deep look every").fill("")
    expect(ben.page.locator(".preview")).to_contain_text("A quick look every 2 min: about 8,640 looks a day")
    ben.page.get_by_role("button", name="Make it").click()
    expect(ben.messages).to_contain_text("production is at work")
    assert ScanPolicy.objects.get().deep_every is None
    assert ben.complaints == []
    ben.close()


def test_a_policy_is_made_and_run_on_a_phone_without_a_script(live_server: Any, browser: Browser) -> None:
    ben = Console(browser, live_server.url, width=PHONE, height=800, script=False)
    ben.sign_in("ben")
    ben.go(NEW)
    fill(ben)
    ben.page.get_by_role("button", name="See what it means").click()
    expect(ben.page.locator(".preview")).to_contain_text("12 of 14 hosts")
    assert not ScanPolicy.objects.exists()
    ben.page.get_by_role("button", name="Make it").click()
    expect(ben.sentence).to_contain_text("12 of 14 hosts: a quick look every 2 min")
    ben.page.get_by_role("button", name="Switch off").click()
    expect(ben.sentence).to_contain_text("Off: nothing is due.")
    ben.page.get_by_role("button", name="Switch on").click()
    ben.page.get_by_role("button", name="Deep look now").click()
    expect(ben.page.get_by_role("heading", name="Scan SCN-")).to_be_visible()
    assert ben.complaints == []
    ben.close()


@pytest.mark.parametrize("width", [PHONE, 1440])
def test_the_pages_fit_their_window(live_server: Any, browser: Browser, width: int) -> None:
    long = "a-policy-with-rather-a-long-name-that-somebody-thought-helpful"
    for name, selector in (
        ("production", "role=web"),
        (long, "env=prod " + " ".join(f"web-{n}" for n in range(40))),
    ):
        create_scan_policy(
            actor=acting("ben"), name=name, selector=selector, quick_every=60, deep_every=86_400
        )
    create_scan_policy(
        actor=acting("ben"), name="nobody", selector="role=to-come", quick_every=3_600, enabled=True
    )
    create_scan_policy(
        actor=acting("cy"), name="paused", selector="*", deep_every=86_400, enabled=False, note="x" * 90
    )
    for minute in (1, 2, 9):
        start_due_scans(now=clock.now() + timedelta(minutes=minute))
    ben = Console(browser, live_server.url, width=width)
    ben.sign_in("ben")
    pages = {
        "list": "/scans/policies/",
        "one": "/scans/policies/production/",
        "long": f"/scans/policies/{long}/",
        "nobody": "/scans/policies/nobody/",
        "form": "/scans/policies/production/edit/",
        "delete": "/scans/policies/production/delete/",
        "scans": "/scans/",
    }
    for name, path in pages.items():
        ben.go(path)
        assert not ben.is_wider_than_its_window(), path
        for theme in ("light", "dark") if (folder := os.environ.get("FOLDBACK_PICTURES")) else ():
            ben.page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
            ben.picture(Path(str(folder)) / f"policies-{name}-{width}-{theme}.png")
    assert ben.complaints == []
    ben.close()
