"""What a person does in the console with real Debian hosts: adopt → in sync → fixes by hand → found → folded back → proven.

Everything else about the same outage is told over REST, in `test_real_hosts.py`.
"""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest
from django.conf import settings
from playwright.sync_api import Locator, expect

from common import clock
from deployments.core.starter import STARTER
from deployments.repository import DefinitionRepository
from drift.core.attribution import SLACK
from tests.factories import CAST, person
from tests.hosts.fleet import RealFleet
from tests.hosts.machines import Machine
from tests.scenarios.outage import FIXES, Fix, build
from tests.scenarios.stack import Stack
from tests.web.console import Console, chromium

pytestmark = [
    pytest.mark.slow,
    pytest.mark.needs("chromium"),
    pytest.mark.usefixtures("definition_path"),
]

HOSTS = ("web-1", "web-2", "db-1")
AGAIN = re.compile("(looks|looked) at the hosts again")


def on(resource: str, *hosts: str) -> Fix:
    """The outage's fix of this resource, made on these hosts."""
    return replace(next(fix for fix in FIXES if fix.resource == resource), hosts=hosts)


# How the console calls what was fixed.
BY_HAND: Mapping[str, Fix] = {
    "file:/etc/shop/identity.conf": on("file:/etc/shop/identity.conf", "web-1"),
    "file:/etc/nginx/nginx.conf": on("file:/etc/nginx/nginx.conf", "web-1", "web-2"),
    "Kernel setting net.core.somaxconn": on("sysctl:net.core.somaxconn", *HOSTS),
    "Package tree": on("package:tree", "web-1"),
    "Service cron": on("service:cron", "web-2"),
    "User ben": on("user:ben", "web-2"),
    "Crontab of root": on("cron:root", "db-1"),
    "Sudo rules in /etc/sudoers.d/oncall": on("sudoers:/etc/sudoers.d/oncall", "web-2"),
}


def test_fixes_on_real_hosts_are_adopted_found_folded_back_and_proven_in_the_console(
    real_fleet: Callable[..., RealFleet], stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # the browser's loop runs in this thread
    fleet = real_fleet(*HOSTS)
    build(fleet.machines)
    begin(fleet, stack)
    with chromium() as browser:
        ana, ben = Console(browser, stack.url), Console(browser, stack.url)
        ana.sign_in("ana")
        ben.sign_in("ben")
        adopt(ana, ben)
        look(ana)
        expect(ana.sentence).to_have_text("3 of 3 hosts looked at; nothing out of band.")

        make_by_hand(fleet.machines)
        look(ana)
        read_the_inbox(ana)
        read_the_finding(ana)
        fold_back(ana, ben, "file:/etc/nginx/nginx.conf", layer="roles/web")
        fold_back(ana, ben, "Kernel setting net.core.somaxconn", layer="base")
        assert ana.complaints == []
        assert ben.complaints == []


def begin(fleet: RealFleet, stack: Stack) -> None:
    """A new installation, with its people and hosts; nothing is in its definition."""
    for name in CAST:
        person(name)
    author = ("Cy", "cy@shop.example")
    DefinitionRepository.create(
        settings.DEFINITION_PATH, files=STARTER, author=author, message="Begin\n", when=clock.now()
    )
    fleet.register()
    stack.start()


def adopt(ana: Console, ben: Console) -> None:
    """Ana says which hosts, follows how they are looked at, reads what would be committed; Ben merges it."""
    ana.go("/definition/")
    ana.page.get_by_role("link", name="Adopt from live hosts").click()
    ana.page.get_by_label("Which hosts").fill("*")
    expect(ana.page.locator("#selector-preview")).to_contain_text("3 of 3")
    ana.page.get_by_role("button", name="Look at the hosts").click()
    expect(ana.page.locator(".progress")).to_contain_text("of 3 hosts")
    expect(ana.sentence).to_contain_text("3 of 3 hosts would be as they are live", timeout=150_000)
    for layer in ("base", "roles/db", "roles/web"):
        expect(ana.page.locator("details.fold summary").get_by_text(layer, exact=True)).to_be_visible()
    ana.page.get_by_placeholder("Why, for whoever reads the history").fill("What we have, as it is.")
    ana.page.get_by_role("button", name="Commit to the branch").click()
    expect(ana.page.locator(".decision-bar")).to_contain_text("You can’t merge it")

    ben.go("/")
    ben.page.get_by_role("link", name="Adopt 3 hosts into the definition").click()
    ben.page.get_by_role("link", name="ADO-", exact=False).click()
    ben.page.get_by_role("button", name="Merge").click()
    expect(ben.page.locator("#live")).to_contain_text(AGAIN, timeout=30_000)


def make_by_hand(machines: Mapping[str, Machine]) -> None:
    for fix in BY_HAND.values():
        for name in fix.hosts:
            if fix.login is None:
                machines[name].run(fix.done)
                time.sleep(SLACK + 1)  # whoever comes later was not there when it was done
            else:
                machines[name].as_person(fix.login, fix.done)


def look(ana: Console) -> None:
    """All hosts, until nobody else's look at one of them came in between."""
    ana.scan("*")
    while ana.page.get_by_text("overtaken").count():
        ana.scan("*")


def card(console: Console, title: str) -> Locator:
    return console.page.locator("article.finding").filter(
        has=console.page.get_by_role("link", name=title, exact=True)
    )


def read_the_inbox(ana: Console) -> None:
    """One card for each fix, with its hosts and no others."""
    ana.go("/findings/")
    expect(ana.page.locator("article.finding")).to_have_count(len(BY_HAND))
    for title, fix in BY_HAND.items():
        count, names = len(fix.hosts), sorted(fix.hosts)
        told = names[0] if count == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
        expect(card(ana, title)).to_contain_text(f"On {count} of {len(HOSTS)} hosts ({told})")
        probably = card(ana, title).get_by_text("Probably")
        expect(probably).to_have_text([f"Probably {fix.login}"] if fix.login else [])


def open_finding(console: Console, title: str) -> None:
    console.go("/findings/")
    card(console, title).get_by_role("link", name=title, exact=True).click()
    expect(console.page.get_by_role("heading", name="What changed")).to_be_visible()


def read_the_finding(ana: Console) -> None:
    """What it was, should be and is; who it probably was, and how that is known. She says that it was her."""
    open_finding(ana, "Service cron")  # declared: base, head and live
    expect(ana.page.locator("#diff tr", has_text="enabled").locator("td")).to_have_text(["yes", "yes", "no"])

    open_finding(ana, "Kernel setting net.core.somaxconn")  # watched: at the first look, and live
    expect(ana.page.locator("#diff tr", has_text="value").locator("td")).to_have_text(["4096", "16384"])

    open_finding(ana, "file:/etc/shop/identity.conf")
    expect(ana.page.locator("aside")).to_contain_text("Who it was is unknown")

    open_finding(ana, "file:/etc/nginx/nginx.conf")
    diff = ana.page.locator("#diff")
    expect(diff).to_contain_text("worker_connections 768;")
    expect(diff).to_contain_text("worker_connections 4096;")
    candidate = ana.page.locator(".candidates > li").first
    expect(candidate).to_contain_text("ana")
    expect(candidate).to_contain_text("high confidence")
    expect(candidate).to_contain_text("on 2 hosts")
    expect(candidate.locator(".evidence")).to_contain_text("sudo")
    ana.page.get_by_role("button", name="That was me, or I take it").click()
    expect(ana.page.locator(".claim")).to_contain_text("Claimed by Ana")


def fold_back(ana: Console, ben: Console, title: str, *, layer: str) -> None:
    open_finding(ana, title)
    finding = ana.path
    ana.propose_fold_back(layer, "It was right.")
    expect(ana.page.locator(".decision-bar")).to_contain_text("You can’t approve it")
    ben.go(finding)
    ben.approve()
    expect(ana.step).to_have_text("proven", timeout=150_000)
