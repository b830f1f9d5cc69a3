"""The whole loop through the console, in a browser: an edit by hand becomes a reviewed commit, and is proven.

FOLDBACK_SCREENSHOTS=1 writes the README's pictures.
"""

import os
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.scenarios.shop import Shop
from tests.scenarios.stack import CHECKOUT, Stack, wait_until
from tests.web.console import Console, chromium

pytestmark = [pytest.mark.slow, pytest.mark.needs("chromium")]

PICTURES = CHECKOUT / "docs" / "images"
TEMPLATE = "roles/web/templates/nginx.conf.j2"
RESOURCE = "file:/etc/nginx/nginx.conf"
EDITED = ("web-1", "web-2", "web-3")


def picture(console: Console, name: str) -> None:
    if os.environ.get("FOLDBACK_SCREENSHOTS") == "1":
        console.picture(PICTURES / name)


def test_a_manual_edit_becomes_a_reviewed_commit_through_the_console(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # the browser's loop runs in this thread
    with Shop(tmp_path, hosts=4).served() as shop, chromium() as browser:
        stack.start()
        ana, ben = Console(browser, stack.url), Console(browser, stack.url)
        ana.sign_in("ana")
        ana.scan("role=web")
        expect(ana.sentence).to_have_text("4 of 4 hosts looked at; nothing out of band.")

        shop.edit("/etc/nginx/nginx.conf", "worker_connections 1024;", "worker_connections 4096;", on=EDITED)
        ana.scan("role=web")
        expect(ana.sentence).to_have_text("4 of 4 hosts looked at; 3 resources out of band.")
        ana.open_finding(RESOURCE)
        expect(ana.sentence).to_have_text(
            "Edited by hand on 3 of 4 hosts with the role web; nobody has explained it."
        )
        expect(ana.page.locator("#diff")).to_contain_text("worker_connections 4096;")
        picture(ana, "finding.png")
        finding = ana.path

        # She proposes: where it belongs, what that does to hosts and why, all seen before the button.
        before = shop.files()
        ana.page.keyboard.press("f")
        expect(ana.panel).to_contain_text("3 of 4 hosts already right")
        expect(ana.panel).to_contain_text("1 will be changed: web-4")
        picture(ana, "fold-back.png")
        ana.propose_fold_back("roles/web", "Connections ran out during the sale.")
        expect(ana.step).to_have_text("proposed")
        expect(ana.page.get_by_role("button", name="Approve")).to_have_count(0)
        expect(ana.page.locator(".decision-bar")).to_contain_text("You can’t approve it")
        assert shop.files() == before

        # Somebody else reads it and approves, from where it waits for him.
        ben.sign_in("ben")
        ben.page.get_by_role("link", name="Fold back /etc/nginx/nginx.conf into roles/web").click()
        expect(ben.page.locator(".diff.inline")).to_contain_text("worker_connections 4096;")
        ben.approve("Seen on the graphs, too.")

        # Her page follows by itself: committed, looked at again, proven.
        expect(ana.step).to_have_text("proven", timeout=150_000)
        _assert_the_commit_is_right(shop, before)
        expect(ana.page.locator(".decided")).to_contain_text("Ben approved it")

        # The fourth host waits for the push, and is told as waiting until it has arrived.
        ana.scan("role=web")
        ana.go(finding)
        expect(ana.page.locator(".follow")).to_contain_text("1 other host waits for the next push: web-4")
        shop.push("web-4")
        scan = ana.scan("web-4")
        expect(ana.sentence).to_have_text("1 of 1 host looked at; nothing out of band.")
        ana.go(finding)
        expect(ana.page.locator(".follow")).to_have_text(
            "Proven on 3 hosts: live is what the definition says."
        )

        _visit_everything(ana, finding, f"/scans/{scan}/")
        assert ana.complaints == []
        assert ben.complaints == []


def _assert_the_commit_is_right(shop: Shop, before: dict[str, str]) -> None:
    after = shop.files()
    assert after[TEMPLATE] == before[TEMPLATE].replace("1024", "4096")
    assert {path for path in after if after[path] != before.get(path)} == {TEMPLATE}
    head = shop.repository.revision(shop.repository.head())
    assert head.author[0] == "Ana"
    assert "Connections ran out during the sale." in head.message
    trailers = dict(head.trailers)
    assert {"Change", "Finding", "Decision", "Approved-by"} <= set(trailers)
    assert trailers["Approved-by"].startswith("Ben <")


def _visit_everything(console: Console, finding: str, scan: str) -> None:
    """Every place of the rail, and a page of each kind, without a complaint from the browser, wide and narrow."""
    head = console.page.request.get("/api/v1/definition/revisions/").json()["results"][0]["sha"]
    paths = [
        "/", "/findings/", "/findings/?state=all", "/hosts/", "/hosts/web-1/", "/changes/", "/changes/log/", "/scans/",
        "/search/?q=web", "/definition/", f"/definition/revisions/{head}/",
        f"/definition/revisions/{head}/files/{TEMPLATE}", finding, scan, f"{scan}report/",
    ]  # fmt: skip
    for width in (1440, 390):
        console.page.set_viewport_size({"width": width, "height": 844})
        for path in paths:
            console.go(path)
            assert not console.is_wider_than_its_window(), f"{path} at {width}"


def test_the_loop_needs_no_script(stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same without JavaScript: pages of their own instead of panels, and a reload instead of following."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    with Shop(tmp_path, hosts=2).served() as shop, chromium() as browser:
        stack.start()
        ana, ben = (Console(browser, stack.url, script=False, width=390) for _ in range(2))
        ana.sign_in("ana")
        shop.edit("/etc/nginx/nginx.conf", "1024", "2048", on=["web-1"])
        ana.scan("web-[1-2]")
        ana.open_finding(RESOURCE)
        finding = ana.path
        ana.page.get_by_role("link", name="Fold back").click()
        ana.page.get_by_role("radio", name="roles/web", exact=True).check()
        ana.page.get_by_label("Why it should stay").fill("  ")  # passes for text in a browser, not with us
        ana.page.get_by_role("button", name="Propose it").click()
        expect(ana.page.locator(".field .errors")).to_contain_text("Say why")
        expect(ana.page.get_by_role("radio", name="roles/web", exact=True)).to_be_checked()
        ana.page.get_by_label("Why it should stay").fill("It was too slow.")
        ana.page.get_by_role("button", name="Propose it").click()
        ben.sign_in("ben")
        ben.go(finding)
        ben.page.get_by_role("button", name="Refuse").click()
        expect(ben.page.locator(".decision-bar")).to_contain_text("Say why you refuse it")
        ben.approve()
        wait_until(lambda: "2048" in shop.files()[TEMPLATE], what="the commit")
        assert ana.complaints == [] and ben.complaints == []
