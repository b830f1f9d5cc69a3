"""What pages do with a script: keys, panels, previews, the palette, the theme. In headless Chromium."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from playwright.sync_api import Browser, Route, expect

from common.services.jobs import finish_batch
from drift.models import Finding, Scan
from drift.services.observations import record_look
from drift.services.scans import create_scan
from tests.definitions import GitFleet, deliver_events
from tests.factories import CAST, acting, person
from tests.folding import approve, begin, fixed_by_hand, fold
from tests.web.console import Console

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.needs("chromium"), pytest.mark.slow]


@pytest.fixture
def fleet(settings: Any, tmp_path: Path, transactional_db: None) -> GitFleet:
    for name in CAST:
        person(name)
    return begin(settings, tmp_path)


@pytest.fixture
def ana(fleet: GitFleet, live_server: Any, browser: Browser) -> Iterator[Console]:
    console = Console(browser, live_server.url)
    console.sign_in("ana")
    yield console
    assert console.complaints == []
    console.close()


def test_findings_are_picked_and_decided_on_together_with_the_keyboard(fleet: GitFleet, ana: Console) -> None:
    fixed_by_hand(fleet)
    fixed_by_hand(fleet, "web-3", path="/etc/motd", old="hello", new="bye")
    ana.go("/findings/")
    bar = ana.page.locator(".decision-bar")
    expect(bar).to_contain_text("Select findings to decide on them together.")
    expect(bar.get_by_role("button", name="Fold back")).to_be_hidden()
    for key in ("f", "j", "x", "j", "x"):  # the first does nothing: nothing is picked yet
        ana.page.keyboard.press(key)
    expect(bar).to_contain_text("2 of 2 on this page selected")
    ana.page.keyboard.press("f")
    expect(ana.panel).to_contain_text("Fold back 2 findings on 3 hosts")
    ana.panel.get_by_role("link", name="Close").click()
    expect(ana.panel).to_be_hidden()
    ana.page.keyboard.press("w")
    ana.panel.get_by_label("Why it may stay for now").fill("both wait for the vendor")
    ana.panel.get_by_role("button", name="Propose it").click()
    expect(ana.page.get_by_role("heading", name="Waive 2 findings")).to_be_visible()
    assert set(Finding.objects.values_list("state", flat=True)) == {"decided"}


def test_everything_on_the_page_is_picked_with_one_box(fleet: GitFleet, ana: Console) -> None:
    fixed_by_hand(fleet)
    ana.go("/findings/")
    ana.page.get_by_label("All on this page").check()
    expect(ana.page.locator(".decision-bar")).to_contain_text("1 of 1 on this page selected")


def test_only_the_patch_of_the_chosen_place_is_open(fleet: GitFleet, ana: Console) -> None:
    finding = fixed_by_hand(fleet)
    ana.go(f"/findings/{finding.reference}/")
    ana.page.keyboard.press("f")
    first, second = ana.panel.locator(".placement").nth(0), ana.panel.locator(".placement").nth(1)
    expect(first.get_by_role("radio")).to_be_focused()
    expect(first.locator(".diff-frame").first).to_be_visible()
    expect(second.locator(".diff-frame").first).to_be_hidden()
    second.get_by_role("radio").check()
    expect(first.locator(".diff-frame").first).to_be_hidden()
    expect(second.locator(".diff-frame").first).to_be_visible()


def test_a_reason_typed_into_the_panel_is_not_lost_by_choosing_again(fleet: GitFleet, ana: Console) -> None:
    finding = fixed_by_hand(fleet)
    ana.go(f"/findings/{finding.reference}/")
    bar = ana.page.locator(".decision-bar .choices")
    bar.get_by_role("link", name="Fold back").click()
    second = ana.panel.get_by_role("radio").nth(1)
    second.check()
    ana.panel.get_by_label("Why it should stay").fill("a long story")
    bar.get_by_role("link", name="Fold back").click()
    expect(second).to_be_checked()
    expect(ana.panel.get_by_label("Why it should stay")).to_have_value("a long story")
    bar.get_by_role("link", name="Waive").click()
    expect(ana.panel.get_by_label("Why it may stay for now")).to_have_value("a long story")


def test_letters_typed_into_a_field_are_text_and_no_commands(fleet: GitFleet, ana: Console) -> None:
    finding = fixed_by_hand(fleet)
    ana.go(f"/findings/{finding.reference}/")
    ana.page.keyboard.press("w")
    field = ana.panel.get_by_label("Why it may stay for now")
    field.press_sequentially("few words for xj/?")
    expect(field).to_have_value("few words for xj/?")
    expect(ana.panel).to_contain_text("Waive 1 finding")


def test_a_selector_is_counted_while_it_is_typed(ana: Console) -> None:
    ana.go("/scans/")
    ana.page.get_by_label("Which hosts").press_sequentially("web-[1-2]")
    expect(ana.page.locator("#selector-preview")).to_contain_text("2 of 3 hosts")
    ana.page.get_by_label("Which hosts").fill("role=[")
    expect(ana.page.locator("#selector-preview")).to_contain_text("can't be read")


def test_search_and_the_palette_are_a_key_away(ana: Console) -> None:
    ana.go("/hosts/")
    ana.page.keyboard.press("/")
    ana.page.keyboard.type("web-2")
    ana.page.keyboard.press("Enter")
    expect(ana.page.get_by_role("heading", name="web-2")).to_be_visible()
    ana.page.keyboard.press("Control+k")
    ana.page.keyboard.type("chan")
    ana.page.keyboard.press("Enter")
    expect(ana.page.get_by_role("heading", name="Changes", exact=True)).to_be_visible()


def test_the_theme_changes_at_once_and_is_still_so_on_the_next_page(ana: Console) -> None:
    ana.go("/")
    light = ana.page.evaluate("getComputedStyle(document.body).backgroundColor")
    ana.page.get_by_label("You and how this looks").click()
    ana.page.get_by_role("button", name="Dark").click()
    assert ana.page.evaluate("getComputedStyle(document.body).backgroundColor") != light
    ana.go("/findings/")
    assert ana.page.locator("html").get_attribute("data-theme") == "dark"


def test_a_page_that_is_watched_follows_what_others_do(fleet: GitFleet, ana: Console) -> None:
    finding = fixed_by_hand(fleet)
    decision = fold(finding)
    ana.go(f"/findings/{finding.reference}/")
    expect(ana.step).to_have_text("proposed")
    approve(decision)
    expect(ana.step).to_have_text("approved", timeout=15_000)


def test_a_running_scan_is_watched_to_its_end(fleet: GitFleet, ana: Console) -> None:
    scan = create_scan(actor=acting("ana"), selector="web-1")
    scan.refresh_from_db()
    ana.go(f"/scans/{scan.reference}/")
    expect(ana.page.get_by_text("0 of 1 host", exact=True)).to_be_visible()
    ana.page.get_by_role("button", name="Stop").click()
    expect(ana.page.locator(".scan-progress")).to_contain_text("cancelled")
    assert Scan.objects.get(pk=scan.pk).job.state == "cancelled"  # type: ignore[union-attr]


def test_the_bars_of_a_running_scan_follow_its_rows_until_it_ends(fleet: GitFleet, ana: Console) -> None:
    scan, claim = fleet.claim()
    scan.refresh_from_db()
    ana.page.set_viewport_size({"width": 390, "height": 844})
    ana.go(f"/scans/{scan.reference}/")
    bar = ana.page.locator(".scan-progress")
    expect(bar).to_contain_text("0 of 3 hosts")
    refused = fleet.shown("web-1", status="unknown", reason="connection refused")
    record_look(claim=claim, scan=scan, look=refused, against=fleet.against("web-1"))
    record_look(claim=claim, scan=scan, look=fleet.shown("web-2"), against=fleet.against("web-2"))
    expect(bar).to_contain_text("2 of 3 hosts")
    expect(bar).to_contain_text("not looked at 1")
    expect(ana.page.locator(".troubles")).to_contain_text("Nothing listens on the SSH port")
    assert not ana.is_wider_than_its_window()
    record_look(claim=claim, scan=scan, look=fleet.shown("web-3"), against=fleet.against("web-3"))
    finish_batch(claim=claim)
    deliver_events()
    expect(ana.sentence).to_contain_text("2 of 3 hosts looked at")
    expect(ana.page.locator("#hosts")).to_contain_text("web-3")


@pytest.mark.parametrize("way", ["a link", "the address bar"])
def test_whoever_leaves_is_not_called_back_by_a_page_that_is_done(
    way: str, fleet: GitFleet, ana: Console
) -> None:
    scan = create_scan(actor=acting("ana"), selector="web-1")
    scan.refresh_from_db()
    ana.go(f"/scans/{scan.reference}/")
    polls: list[Route] = []

    def answer_late(route: Route) -> None:
        polls.pop().fulfill(status=204, headers={"HX-Refresh": "true"})
        ana.page.wait_for_timeout(500)  # the page has time to load itself anew
        route.continue_()

    with ana.page.expect_request(f"**/scans/{scan.reference}/"):
        ana.page.route(f"**/scans/{scan.reference}/", lambda route: polls.append(route))
    ana.page.route("**/findings/", answer_late)
    if way == "a link":
        ana.page.get_by_role("link", name="Drift").first.click()
    else:
        ana.page.goto("/findings/")
    expect(ana.page.get_by_role("heading", name="Drift", exact=True)).to_be_visible()


def test_when_the_session_has_ended_a_panel_leads_to_the_sign_in_page_and_back(
    fleet: GitFleet, ana: Console
) -> None:
    finding = fixed_by_hand(fleet)
    ana.go(f"/findings/{finding.reference}/")
    Session.objects.all().delete()
    ana.page.keyboard.press("f")
    expect(ana.page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert ana.page.locator("input[name=next]").get_attribute("value") == f"/findings/{finding.reference}/"


def test_targets_of_the_quick_log_are_large_enough_for_a_thumb(ana: Console) -> None:
    ana.page.set_viewport_size({"width": 390, "height": 844})
    ana.go("/changes/log/")
    for target in (
        ana.page.get_by_label("What did you change?"),
        ana.page.get_by_label("Where"),
        ana.page.get_by_role("button", name="Log it"),
    ):
        box = target.bounding_box()
        assert box is not None and box["height"] >= 48
    ana.page.get_by_label("What did you change?").fill("restarted nginx")
    ana.page.keyboard.press("Enter")
    expect(ana.messages).to_contain_text("Logged as CHG-")
