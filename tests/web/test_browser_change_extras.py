"""Looks, files and the import of history as a person meets them: the change's page fetches what looks tell by itself,
a chosen file comes back as text, and all of it fits a phone."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from changemgmt.models import Change
from common import clock
from tests.factories import CAST, host, logged, person
from tests.looks import Fleet
from tests.web.console import Console

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.needs("chromium"), pytest.mark.slow]

PHONE = 390
CSV = b"number,title,happened_at,owner\nC1,Raised limits,2024-03-01 03:12,ana\nC2,Moved the database,2024-03-02,J. Doe\n"


@pytest.fixture(autouse=True)
def cast(transactional_db: None, settings: Any) -> None:
    settings.EVENT_CONSUMERS = {}
    for name in CAST:
        person(name)


@pytest.mark.parametrize("width", [1440, PHONE])
def test_files_and_looks_are_on_the_page_of_a_change(live_server: Any, browser: Browser, width: int) -> None:
    fleet = Fleet({"base/resources.yaml": 'files:\n  /etc/motd: {content: "hello\\n"}\n'}, [host("web-1")])
    fleet.now = clock.now() - timedelta(hours=3)
    fleet.look()
    fleet.live["web-1"]["/etc/motd"] = "by hand\n"
    fleet.now += timedelta(hours=2)
    fleet.look()
    happened = clock.now() - timedelta(hours=2)
    change = logged("ana", hosts=["web-1"], resources=["file:/etc/motd"], happened_at=happened)
    ana = Console(browser, live_server.url, width=width)
    ana.sign_in("ana")
    ana.go(f"/changes/{change.reference}/")
    expect(ana.page.get_by_role("row", name="web-1")).to_contain_text("sha256")
    ana.page.locator("#attach-file").set_input_files(
        {"name": "error.log", "mimeType": "text/html", "buffer": b"too many open files"}
    )
    ana.page.get_by_role("button", name="Attach").click()
    expect(ana.page.get_by_role("link", name="error.log")).to_be_visible()
    assert not ana.is_wider_than_its_window()
    _picture(ana, f"change-{width}")
    assert ana.complaints == []
    ana.close()


@pytest.mark.parametrize("width", [1440, PHONE])
def test_a_file_is_previewed_and_then_recorded_without_choosing_it_again(
    live_server: Any, browser: Browser, width: int
) -> None:
    ben = Console(browser, live_server.url, width=width)
    ben.sign_in("ben")
    ben.go("/changes/")
    ben.page.get_by_role("link", name="Import history").click()
    ben.page.get_by_label("A CSV").set_input_files(
        {"name": "changes.csv", "mimeType": "text/csv", "buffer": CSV}
    )
    ben.page.get_by_label("Where it comes from").fill("servicenow")
    ben.page.get_by_label("Who answers for what nobody here owns").fill("ben")
    ben.page.get_by_label("What its columns mean").fill("number = external_id")
    ben.page.get_by_role("button", name="Show what would be recorded").click()
    expect(ben.page.get_by_role("heading", name="2 changes would be recorded")).to_be_visible()
    assert not ben.is_wider_than_its_window()
    _picture(ben, f"import-{width}")
    ben.page.get_by_role("button", name="Record 2 changes").click()
    expect(ben.page.get_by_role("link", name="Moved the database")).to_be_visible()
    assert Change.objects.count() == 2
    assert ben.complaints == []
    ben.close()


def _picture(console: Console, name: str) -> None:
    """For whoever wants to look: FOLDBACK_LOOK is a folder."""
    if folder := os.environ.get("FOLDBACK_LOOK"):
        console.page.emulate_media(color_scheme="light")
        console.page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
        console.page.emulate_media(color_scheme="dark")
        console.page.screenshot(path=Path(folder) / f"{name}-dark.png", full_page=True)
