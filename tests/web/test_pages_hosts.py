"""The fleet as a table, and one host with everything known about it."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from common import clock
from drift.models import HostHistory
from drift.services.observations import record_look
from inventory.models import Host, HostKey
from inventory.services.hosts import decommission_host
from tests.definitions import GitFleet
from tests.factories import acting, host, logged, team
from tests.folding import begin, fixed_by_hand
from tests.web.site import further, page, queries, read, window

pytestmark = pytest.mark.django_db
EVIL = "<script>alert(1)</script>"


@pytest.fixture
def fleet(settings: Any, tmp_path: Path) -> GitFleet:
    fleet = begin(settings, tmp_path)
    fleet.now = clock.now() - timedelta(minutes=30)
    fleet.look()
    return fleet


def unreachable(fleet: GitFleet, name: str) -> None:
    scan, claim = fleet.claim(name)
    look = fleet.shown(name, status="unknown", reason="connection refused")
    record_look(claim=claim, scan=scan, look=look, against=fleet.against(name))


def test_the_table_says_what_each_host_is_and_how_it_stands(fleet: GitFleet) -> None:
    fixed_by_hand(fleet, "web-2")
    Host.objects.filter(name="web-1").update(team=team("storefront"))
    host("db-1", host_roles=("db", "backup"))
    text = page(window("dee"), "/hosts/")
    assert "4 hosts; 3 of 4 hosts looked at within a day; 1 never." in text
    assert "web-1 prod web storefront in sync 3 lately" in text
    assert "web-2 prod web none drifted 1 in sync 2 lately" in text
    assert "db-1 prod db, backup none unknown never" in text


def test_old_counts_are_told_as_old_where_a_host_could_not_be_reached(fleet: GitFleet) -> None:
    unreachable(fleet, "web-1")
    text = page(window("dee"), "/hosts/")
    assert "web-1 prod web none unknown before: in sync 3" in text
    assert "connection refused" in text
    one = page(window("dee"), "/hosts/web-1/")
    assert "Could not be looked at lately: connection refused." in one


def test_a_host_says_where_it_is_and_through_whom_it_is_reached(fleet: GitFleet) -> None:
    Host.objects.filter(name="web-1").update(jump_host=Host.objects.get(name="web-2"), site="berlin")
    text = page(window("dee"), "/hosts/web-1/")
    assert "web-1 through web-2" in text
    assert "Site berlin" in text


def test_a_selector_narrows_the_table_and_the_count_says_of_how_many(fleet: GitFleet) -> None:
    host("db-1", host_roles=("db",))
    text = page(window("ana"), "/hosts/?hosts=role%3Dweb+-web-2")
    assert "2 of 4 hosts match role=web -web-2." in text
    assert "web-2 prod" not in text and "db-1 prod" not in text
    assert (
        "/scans/?hosts=role%3Dweb%20-web-2"
        in window("ana").get("/hosts/?hosts=role%3Dweb+-web-2").content.decode()
    )


@pytest.mark.parametrize("selector", ["role=web ]", "colour=red", "web-[5-1]"])
def test_a_selector_that_can_not_be_read_says_why_and_stays_to_be_mended(
    fleet: GitFleet, selector: str
) -> None:
    response = window("ana").get("/hosts/", {"hosts": selector})
    assert "can't be read" in read(response)
    assert f'value="{selector}"' in response.content.decode()
    assert "web-1 prod" not in read(response)


def test_a_selector_that_means_nobody_says_so(fleet: GitFleet) -> None:
    assert "None of 3 hosts is meant by role=db" in page(window("ana"), "/hosts/?hosts=role%3Ddb")


def test_no_hosts_at_all_teach_how_to_bring_them() -> None:
    assert "manage.py import_hosts" in page(window("ana"), "/hosts/")


def test_the_table_goes_on_by_pages_in_the_order_of_names() -> None:
    Host.objects.bulk_create(Host(name=f"web-{n:03}", environment="prod", roles=["web"]) for n in range(230))
    mine = window("ana")
    first = mine.get("/hosts/")
    assert "100 of 230 hosts" in read(first) and "web-099" in read(first) and "web-100" not in read(first)
    second = mine.get(further(first))
    assert "web-100" in read(second) and "web-199" in read(second)
    assert "web-000" in read(mine.get(further(second, "prev")))


def test_a_page_address_that_is_rubbish_is_the_first_page(fleet: GitFleet) -> None:
    for rubbish in ("after~x", "after~web-1~nope", "sideways~1~2", "after~\x00~1", "~~~"):
        assert "web-1 prod" in read(window("ana").get("/hosts/", {"page": rubbish}))


def test_the_table_takes_the_same_number_of_queries_for_any_number_of_hosts(fleet: GitFleet) -> None:
    few = queries(window("ana"), "/hosts/")
    Host.objects.bulk_create(Host(name=f"db-{n}", environment="prod", team=team()) for n in range(60))
    assert queries(window("ana"), "/hosts/") == few


def test_a_host_page_says_what_is_not_in_sync_with_its_finding(fleet: GitFleet) -> None:
    finding = fixed_by_hand(fleet, "web-2")
    fleet.repository.replace("base/files/issue", "two", "zwei")
    fleet.read_head()
    fleet.look("web-2")
    logged("ana", title="took web-2 out of the pool", hosts=["web-2"])
    text = page(window("ana"), "/hosts/web-2/")
    assert "2 of its resources are not in sync, as of lately." in text
    assert f"file:/etc/app.conf drifted {finding.reference} open" in text
    assert "file:/etc/issue pending waits for the next push" in text
    assert "took web-2 out of the pool" in text and "Scan this host" in text


def test_a_host_in_sync_is_told_calmly(fleet: GitFleet) -> None:
    text = page(window("ana"), "/hosts/web-1/")
    assert "In sync, as of lately." in text and "Everything that the definition declares here" in text


def test_a_host_without_a_pinned_key_says_how_to_enrol_it() -> None:
    host("web-1")
    text = page(window("cy"), "/hosts/web-1/")
    assert "Never looked at." in text and "manage.py enrol web-1" in text


def test_pinned_and_revoked_keys_are_told_apart() -> None:
    one = host("web-1")
    for fingerprint, revoked in (("SHA256:old", clock.now()), ("SHA256:new", None)):
        HostKey.objects.create(
            host=one, algorithm="ssh-ed25519", public_key="k", fingerprint=fingerprint,
            pinned_at=clock.now(), revoked_at=revoked,
        )  # fmt: skip
    text = page(window("cy"), "/hosts/web-1/")
    assert "SHA256:new ssh-ed25519, pinned lately" in text
    assert "SHA256:old ssh-ed25519, revoked lately" in text


def test_what_a_host_says_of_itself_is_text_and_never_markup() -> None:
    one = host("web-1")
    one.facts = {"os": {"name": EVIL}, EVIL: "x", "odd": "a\u202eb\x1b[31m"}
    one.variables = {"motd": EVIL}
    one.save()
    response = window("ana").get("/hosts/web-1/")
    assert EVIL not in response.content.decode() and "\u202e" not in response.content.decode()
    assert f"os.name {EVIL}" in read(response) and "⟨ESC⟩" in read(response)


def test_those_who_may_not_scan_are_not_offered_it(fleet: GitFleet) -> None:
    assert "Scan this host" not in page(window("dee"), "/hosts/web-1/")


def test_a_decommissioned_host_is_kept_for_its_history(fleet: GitFleet) -> None:
    decommission_host(actor=acting("cy"), host=Host.objects.get(name="web-3"))
    assert "Decommissioned lately; kept for its history. What follows is how it was last seen." in page(
        window("ana"), "/hosts/web-3/"
    )
    assert "web-3" not in page(window("ana"), "/hosts/")


def test_an_unknown_host_is_a_page_that_says_so() -> None:
    for name in ("nowhere", "%00", "..", "a%20b"):
        assert "Not here" in page(window("ana"), f"/hosts/{name}/", 404)


def test_a_host_tells_what_it_looked_like_at_any_time(fleet: GitFleet) -> None:
    seen = HostHistory.objects.get(host__name="web-2").seen_at
    fixed_by_hand(fleet, "web-2")
    later = HostHistory.objects.filter(host__name="web-2").latest("seen_at").seen_at
    assert "what it looked like" in page(window("dee"), "/hosts/web-2/")
    now = page(window("dee"), "/hosts/web-2/state/")
    then = page(window("dee"), f"/hosts/web-2/state/?as_of={seen.strftime('%Y-%m-%dT%H:%M:%S.%fZ')}")
    assert "Nobody has looked since." in now and "Nobody has looked since." not in then
    assert now.partition("Resource State")[2] != then.partition("Resource State")[2]
    between = page(
        window("dee"),
        f"/hosts/web-2/state/?as_of={(later - timedelta(microseconds=1)).isoformat().replace('+00:00', 'Z')}",
    )
    assert "Nobody looked between then and" in between
    early = page(window("dee"), "/hosts/web-2/state/?as_of=2001-01-01T00:00")
    assert "the first look that is kept" in early
    assert "no time that has been" in page(window("dee"), "/hosts/web-2/state/?as_of=soon")
    assert "None." in page(window("dee"), "/hosts/web-2/state/?q=nothing-like-it")
    host("db-1")
    assert "Never looked at." in page(window("dee"), "/hosts/db-1/state/")
