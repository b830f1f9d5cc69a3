"""Adopting with a script: the page follows its workers, at both widths and in both themes."""

import os
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from drift.models import Adoption
from tests.adopting import KINDS, Trees, adopt, propose
from tests.definitions import work
from tests.factories import CAST, person
from tests.web.console import Console

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.needs("chromium"), pytest.mark.slow]
PICTURES = os.environ.get("FOLDBACK_ADOPTION_PICTURES", "")


@pytest.fixture
def trees(settings: Any, tmp_path: Path, transactional_db: None) -> Trees:
    for name in CAST:
        person(name)
    return Trees(settings, tmp_path)


def picture(console: Console, name: str) -> None:
    if PICTURES:
        console.page.screenshot(path=f"{PICTURES}/{name}.png", caret="initial", full_page=True)


def test_an_adoption_is_followed_from_the_form_to_its_plan(
    trees: Trees, live_server: Any, browser: Browser
) -> None:
    ana = Console(browser, live_server.url)
    ana.sign_in("ana")
    ana.go("/definition/")
    ana.page.get_by_role("link", name="Adopt from live hosts").click()
    ana.page.get_by_label("Which hosts").fill("*")
    ana.page.get_by_label("Where to look for files").fill("/etc")
    expect(ana.page.locator("#selector-preview")).to_contain_text("4")
    ana.page.get_by_text("What to adopt, and how").click()
    picture(ana, "form")
    ana.page.get_by_role("button", name="Look at the hosts").click()
    expect(ana.page.locator(".progress")).to_contain_text("0 of 4 hosts")
    picture(ana, "looking")
    work(*KINDS)
    expect(ana.sentence).to_contain_text("4 of 4 hosts would be as they are live", timeout=20_000)
    ana.page.get_by_text("roles/web", exact=True).first.click()
    picture(ana, "planned")
    ana.page.get_by_role("button", name="Commit to the branch").click()
    expect(ana.page.locator(".decision-bar")).to_contain_text("You can’t merge it")
    assert Adoption.objects.get().state == "proposed"
    assert ana.complaints == []
    ana.close()


def test_its_pages_fit_their_window(trees: Trees, live_server: Any, browser: Browser) -> None:
    adoption = propose(adopt())
    places = {
        "list": "/definition/adopt/",
        "proposed": f"/definition/adopt/{adoption.reference}/",
        "file": f"/definition/adopt/{adoption.reference}/files/base/resources.yaml",
        "definition": "/definition/",
    }
    for width, theme in ((1440, "light"), (1440, "dark"), (390, "light"), (390, "dark")):
        ben = Console(browser, live_server.url, width=width)
        ben.sign_in("ben")
        ben.context.add_cookies([{"name": "theme", "value": theme, "url": live_server.url}])
        for name, path in places.items():
            ben.go(path)
            picture(ben, f"{name}-{width}-{theme}")
            assert not ben.is_wider_than_its_window(), f"{path} at {width}"
        assert ben.complaints == []
        ben.close()
