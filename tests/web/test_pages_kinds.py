"""Packages, services, users and the rest on pages, in reports and over the API: in their own words, and honest."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from rest_framework.test import APIClient

from common import clock
from deployments.core.states import Present
from drift.models import Finding, HostScan, Scan
from inventory.models import Host
from tests.definitions import GitFleet
from tests.factories import CAST, host, person, token
from tests.folding import approve, waive
from tests.web.kinds_fleet import begin, fixed_at_night
from tests.web.site import page, window

pytestmark = pytest.mark.django_db


@pytest.fixture
def fleet(settings: Any, tmp_path: Path) -> GitFleet:
    for name in CAST:
        person(name)
    fleet = begin(settings, tmp_path)
    fixed_at_night(fleet)
    return fleet


def shown(resource: str) -> str:
    return page(window("dee"), f"/findings/{Finding.objects.get(resource=resource).reference}/")


def api(path: str) -> Any:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token(name='reader')[1]}")
    answer = client.get(f"/api/v1/{path}")
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_the_inbox_names_things_as_people_do_and_says_what_changed(fleet: GitFleet) -> None:
    text = page(window("dee"), "/findings/")
    for words in (
        "Package nginx drifted",
        "version: 1.22.1-9 → 1.24.0-1",
        "absent → version: 2.1.0-1",
        "User ana drifted",
        "groups: + docker",
        "Crontab of root drifted",
        "removed: 25 6 * * * /usr/bin/certbot renew",
        "Kernel setting net.core.somaxconn",
        "value: 128 → 4096, persisted: (none) → 4096",
        "running: yes → no",
        "Listening port tcp/0.0.0.0:8080",
    ):
        assert words in text, words


def test_one_edit_of_different_lists_is_one_card(fleet: GitFleet) -> None:
    ana = Finding.objects.get(resource="user:ana")
    assert ana.occurrences.count() == 3
    assert "User ana drifted " + ana.reference + " On 3 of 3 hosts" in page(window("dee"), "/findings/")


def test_a_page_about_what_nobody_declared_says_what_base_and_head_are(fleet: GitFleet) -> None:
    text = shown("user:ana")
    assert "User ana Changed by hand on 3 of 3 hosts" in text
    assert "Nobody declared it. Base and head are what was there when it was first looked at." in text
    assert "at the first look live" in text
    assert "Modified" not in text and "file" not in text.replace("profile", "")


def test_a_page_about_what_is_declared_has_base_head_and_live(fleet: GitFleet) -> None:
    text = shown("package:nginx")
    assert "Attribute base head live" in text and "version 1.22.1-9 1.22.1-9 1.24.0-1" in text
    assert "Nobody declared it" not in text


def test_drop_ins_and_jobs_are_shown_as_lines(fleet: GitFleet) -> None:
    text = shown("service:cron")
    assert "drop_ins: a.conf base → live" in text and "removed: Nice=5" in text and "added: Nice=10" in text
    assert "removed: 25 6 * * * /usr/bin/certbot renew" in shown("cron:root")


def test_what_held_a_secret_says_that_it_is_never_folded_back(fleet: GitFleet) -> None:
    told = "It holds a secret: compared, not shown, and never folded back."
    assert told in shown("cron:root") and told not in shown("user:ana")


def test_a_host_lists_its_resources_by_name_and_a_kind_that_could_not_be_listed_once(fleet: GitFleet) -> None:
    text = page(window("dee"), "/hosts/web-1/")
    assert "11 of its resources are not in sync" in text
    assert (
        "Firewall rules unknown tool missing: nft" in text and "Sudo rules in /etc/sudoers.d/deploy" in text
    )


def test_the_report_says_it_in_the_same_words(fleet: GitFleet) -> None:
    scan = Scan.objects.latest("created_at")
    text = page(window("dee"), f"/scans/{scan.reference}/report/")
    assert "Package nginx" in text and "groups: + docker" in text
    rows = {row["resource"]: row["change"] for row in api(f"reports/scans/{scan.reference}/")["rows"]}
    assert rows["service:nginx"] == "changed: running: yes → no"


def test_a_report_says_until_when_something_is_waived(fleet: GitFleet) -> None:
    until = clock.now() + timedelta(days=9)
    approve(waive(Finding.objects.get(resource="package:tree"), until=until))
    scan = Scan.objects.latest("created_at")
    rows = {row["resource"]: row["decision"] for row in api(f"reports/scans/{scan.reference}/")["rows"]}
    assert rows["package:tree"] == f"waive until {until:%Y-%m-%d} (completed)"


def test_the_api_says_what_is_watched_and_what_was_taken_out(fleet: GitFleet) -> None:
    listed = {item["resource"]: item for item in api("findings/?limit=50")["results"]}
    assert listed["user:ana"]["title"] == "User ana"
    assert listed["user:ana"]["change"]["items"] == {"groups": {"removed": [], "added": ["docker"]}}
    reference = listed["cron:root"]["reference"]
    [occurrence] = api(f"findings/{reference}/occurrences/")["results"]
    assert (occurrence["watched"], occurrence["redactions"]) == (True, 1)
    [variant] = api(f"findings/{reference}/diff/")["variants"]
    assert variant["watched"] and variant["redactions"] == 1 and variant["live"]["why_no_text"] == ""


def test_a_finding_s_history_says_first_on_the_host_where_it_was_found(fleet: GitFleet) -> None:
    assert "Foldback found it first on web-1" in shown("user:ana")


def test_markup_in_what_a_host_shows_is_text(fleet: GitFleet) -> None:
    evil = "<img src=x onerror=alert(1)>"
    host("web-9")
    fleet.hosts["web-9"] = Host.objects.get(name="web-9")
    fleet.push("web-9")
    fleet.look("web-9")
    fleet.entries["web-9"]["user:eve"] = Present({"shell": evil, "groups": [evil], "comment": ""})
    fleet.entries["web-9"]["service:x"] = Present({"enabled": True, "drop_ins": {evil: f"{evil}\n"}})
    fleet.look("web-9")
    assert HostScan.objects.filter(host__name="web-9", status="ok").exists()
    for resource in ("user:eve", "service:x"):
        finding = Finding.objects.get(resource=resource)
        for path in (f"/findings/{finding.reference}/", "/findings/"):
            assert evil not in window("dee").get(path).content.decode()
