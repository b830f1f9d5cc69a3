"""Importing an inventory: what a dry run tells is what happens, and a problem leaves everything as it was."""

from typing import Any

import pytest

from common.core.errors import Conflict, NotPermitted
from common.models import LedgerEntry, OutboxEvent
from inventory.core.imports.plan import ImportPlan, InventoryError
from inventory.core.imports.reader import read_inventory
from inventory.models import Host, HostImport, Team
from inventory.services.host_life import rename_host
from inventory.services.hosts import create_host, decommission_host, told
from inventory.services.imports import ImportOutcome, import_hosts
from tests.factories import acting, in_threads, person, team

pytestmark = pytest.mark.django_db

INI = """\
[env_prod]
web-[1:3] http_port=8080
[role_web]
web-[1:3]
[team_payments]
web-[1:3]
"""


def plan(text: str = INI, path: str = "hosts.ini") -> ImportPlan:
    return read_inventory(text, path=path)


def run(text: str = INI, who: str = "cy", path: str = "hosts.ini", **options: Any) -> ImportOutcome:
    return import_hosts(actor=acting(who), plan=plan(text, path), **options)


def state() -> list[dict[str, Any]]:
    return [{"name": host.name, **told(host)} for host in Host.objects.order_by("name")]


def test_an_import_creates_hosts_with_their_team_roles_and_variables() -> None:
    team("payments")
    outcome = run()
    assert [row.name for row in outcome.comparison.created] == ["web-1", "web-2", "web-3"]
    host = Host.objects.get(name="web-2")
    assert (host.environment, host.roles, host.team and host.team.name) == ("prod", ["web"], "payments")
    assert (host.variables, host.port, host.user) == ({"http_port": 8080}, 22, "")


def test_the_ledger_names_every_host_that_was_created_or_changed() -> None:
    team("payments")
    run()
    run(INI.replace("8080", "9090").replace("[1:3]", "[1:4]"))
    entry = LedgerEntry.objects.filter(action="hosts.imported").latest("created_at")
    assert entry.data["created"] == ["web-4"]
    assert entry.data["changed"]["web-1"] == {"variables": [{"http_port": 8080}, {"http_port": 9090}]}
    record = HostImport.objects.latest("created_at")
    assert (record.created, record.changed, record.unchanged, record.requested_by) == (1, 3, 0, "cy")
    assert OutboxEvent.objects.filter(type="hosts.imported", subject_id=record.pk).exists()


def test_a_dry_run_tells_the_same_and_writes_nothing() -> None:
    team("payments")
    person("cy")
    entries = LedgerEntry.objects.count()
    dry = run(dry_run=True)
    assert dry.record is None
    assert not Host.objects.exists() and LedgerEntry.objects.count() == entries
    assert run().comparison == dry.comparison


def test_importing_the_same_file_again_changes_nothing() -> None:
    team("payments")
    run()
    before = list(Host.objects.order_by("name").values())
    outcome = run()
    assert outcome.comparison.unchanged == ("web-1", "web-2", "web-3")
    assert list(Host.objects.order_by("name").values()) == before


def test_what_the_file_does_not_say_keeps_its_value() -> None:
    create_host(
        actor=acting("cy"), name="web-1", environment="test", port=2222, user="deploy", team=team("payments"),
        variables={"old": 1},
    )  # fmt: skip
    create_host(actor=acting("cy"), name="db-1", environment="test")
    run("[env_prod]\nweb-1 new=1\n")
    host = Host.objects.get(name="web-1")
    assert (host.environment, host.port, host.user, host.team and host.team.name) == (
        "prod",
        2222,
        "deploy",
        "payments",
    )
    assert (host.variables, host.version) == ({"new": 1}, 2)
    assert Host.objects.get(name="db-1").environment == "test"


def test_one_problem_keeps_everything_as_it_was() -> None:
    create_host(actor=acting("cy"), name="web-2", environment="test")
    gone = create_host(actor=acting("cy"), name="web-3", environment="test")
    decommission_host(actor=acting("cy"), host=gone)
    before = state()
    with pytest.raises(InventoryError) as caught:
        run()
    messages = [str(problem) for problem in caught.value.problems]
    assert messages[0].startswith("hosts.ini:2: the team payments of web-1 is not known. Create it first")
    assert any("web-3 has been decommissioned" in message for message in messages)
    assert state() == before
    assert not HostImport.objects.exists() and not Team.objects.exists()


def test_missing_teams_are_created_under_the_lead_that_is_named() -> None:
    dry = run(dry_run=True, team_lead=person("ben"))
    assert dry.comparison.new_teams == ("payments",)
    assert not Team.objects.exists()
    run(team_lead=person("ben"))
    assert Team.objects.get(name="payments").lead.username == "ben"
    assert Host.objects.filter(team__name="payments").count() == 3


def test_who_may_edit_hosts_but_not_teams_creates_no_team_by_an_import() -> None:
    with pytest.raises(NotPermitted):
        run(who="ben", team_lead=person("ben"))
    assert not Host.objects.exists() and not Team.objects.exists()


@pytest.mark.parametrize("who", ["ana", "dee"])
def test_who_may_not_edit_hosts_may_not_even_try(who: str) -> None:
    with pytest.raises(NotPermitted):
        run(who=who, dry_run=True)


@pytest.mark.django_db(transaction=True)
def test_two_imports_of_the_same_file_at_once_bring_each_host_once() -> None:
    team("payments")
    cy = acting("cy")
    read = plan()
    results = in_threads(
        lambda: import_hosts(actor=cy, plan=read),
        lambda: import_hosts(actor=cy, plan=read),
    )
    assert all(isinstance(result, ImportOutcome | Conflict) for result in results), results
    assert any(isinstance(result, ImportOutcome) for result in results)
    assert Host.objects.count() == 3


def test_a_local_host_keeps_its_root_until_the_file_says_ssh() -> None:
    run("[env_lab]\nimage foldback_transport=local foldback_root=/srv/image\n")
    run("[env_lab]\nimage\n")
    assert Host.objects.get(name="image").root == "/srv/image"
    run("[env_lab]\nimage foldback_transport=ssh\n")
    assert (Host.objects.get(name="image").transport, Host.objects.get(name="image").root) == ("ssh", "")


@pytest.mark.slow
def test_ten_thousand_hosts_are_imported_and_changed_within_seconds(
    django_assert_max_num_queries: Any,
) -> None:
    text = "name,environment,roles,port\n" + "".join(f"web-{n},prod,web,22\n" for n in range(10_000))
    with django_assert_max_num_queries(60):
        run(text, path="hosts.csv")
    assert Host.objects.count() == 10_000
    with django_assert_max_num_queries(60):
        outcome = run(text.replace(",22", ",2222"), path="hosts.csv")
    assert len(outcome.comparison.changed) == 10_000
    assert Host.objects.filter(port=2222, version=2).count() == 10_000


def test_a_file_with_the_old_name_of_a_renamed_host_does_not_add_it_again() -> None:
    web = create_host(actor=acting("cy"), name="web-1", environment="prod")
    rename_host(actor=acting("cy"), host=web, name="edge-1")
    with pytest.raises(InventoryError) as caught:
        run("[env_prod]\nWEB-1\n")
    assert "WEB-1 is called edge-1 by now" in str(caught.value.problems[0])
    create_host(actor=acting("cy"), name="web-1", environment="prod")  # another machine
    assert run("[env_prod]\nweb-1\n").comparison.unchanged == ("web-1",)
