"""Hosts, teams and what a selector finds among them; against PostgreSQL."""

from typing import Any

import pytest
from django.db import IntegrityError, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.core.actor import SYSTEM
from common.core.errors import Conflict, Invalid, NotPermitted
from common.core.lifecycle import IllegalTransition
from common.models import LedgerEntry, OutboxEvent
from inventory.core.selectors import parse
from inventory.models import Host, Team
from inventory.queries.hosts import host_view, host_views, hosts_matching, resolve_selector
from inventory.services.hosts import create_host, decommission_host, told, update_host
from inventory.services.teams import create_team, set_team_lead, update_team
from tests.factories import acting, in_threads, person, program, team

pytestmark = pytest.mark.django_db


def add(name: str, environment: str = "prod", roles: tuple[str, ...] = ("web",), **fields: Any) -> Host:
    return create_host(actor=acting("cy"), name=name, environment=environment, roles=roles, **fields)


def fleet() -> list[Host]:
    payments, search = team("payments"), team("search")
    return [
        add("web-1", team=payments),
        add("web-9", roles=("web", "cache"), team=payments),
        add("web-37", team=search),
        add("web-38", "staging", team=search),
        add("web-01", "staging"),
        add("db-1.eu.example", roles=("db",)),
        add("db-2.us.example", "staging", roles=("db",), team=search),
    ]


# Creating and changing


def test_a_release_manager_adds_a_host_and_the_ledger_says_so() -> None:
    host = create_host(
        actor=acting("ben"),
        name="web-1",
        environment="prod",
        roles=["web", "cache"],
        variables={"workers": 4},
    )
    assert host.roles == ["web", "cache"]
    assert (host.port, host.transport, host.state) == (22, "ssh", Host.ACTIVE)
    entry = LedgerEntry.objects.get(action="host.created")
    assert (entry.subject_label, entry.actor_label, entry.data["variables"]) == (
        "web-1",
        "ben",
        {"workers": 4},
    )
    assert OutboxEvent.objects.filter(type="host.created", subject_id=host.pk).exists()


@pytest.mark.parametrize("who", ["ana", "dee"])
def test_who_may_not_edit_hosts_is_refused_and_nothing_is_written(who: str) -> None:
    with pytest.raises(NotPermitted):
        create_host(actor=acting(who), name="web-1", environment="prod")
    with pytest.raises(NotPermitted):
        create_host(actor=program(), name="web-1", environment="prod")
    assert not Host.objects.exists()


def test_every_field_that_cannot_be_kept_is_named() -> None:
    with pytest.raises(Invalid) as caught:
        create_host(
            actor=acting("cy"),
            name="-web",
            environment="pr od",
            roles=["web", "web", "a/b"],
            variables={"db_password": "hunter2", "a-b": 1},
            address="http://x",
            port=70000,
            user="a b",
            root="/x",
        )
    pointers = [error.pointer for error in caught.value.errors]
    assert pointers == [
        "/name", "/environment", "/roles", "/roles", "/address", "/user", "/port", "/root",
        "/variables/db_password", "/variables/a-b",
    ]  # fmt: skip
    assert "hunter2" not in str(caught.value.errors)
    assert not LedgerEntry.objects.filter(action="host.created").exists()


def test_a_name_is_given_once_in_any_case_and_never_again() -> None:
    host = add("web-1")
    with pytest.raises(Conflict, match="There is a host web-1 already"):
        add("WEB-1")
    decommission_host(actor=acting("cy"), host=host)
    with pytest.raises(Conflict, match="was decommissioned"):
        add("web-1")


def test_an_update_writes_only_what_changed_with_before_and_after() -> None:
    host = add("web-1", variables={"workers": 4})
    Host.objects.filter(pk=host.pk).update(facts={"os": "debian"})
    update_host(actor=acting("ben"), host=host, changes={"port": 2222, "environment": "prod", "team": team()})
    assert (host.port, host.facts, host.version) == (2222, {"os": "debian"}, 2)
    entry = LedgerEntry.objects.get(action="host.updated")
    assert entry.data == {"port": [22, 2222], "team": [None, "payments"]}


def test_an_update_that_changes_nothing_leaves_no_trace() -> None:
    host = add("web-1")
    update_host(actor=acting("ben"), host=host, changes={"port": 22})
    assert host.version == 1
    assert not LedgerEntry.objects.filter(action="host.updated").exists()


def test_of_two_who_change_a_host_at_once_the_second_is_told() -> None:
    first = add("web-1")
    second = Host.objects.get(pk=first.pk)
    update_host(actor=acting("ben"), host=first, changes={"port": 2222})
    with pytest.raises(Conflict, match="has changed since you read it"):
        update_host(actor=acting("cy"), host=second, changes={"user": "deploy"})
    assert Host.objects.get(pk=first.pk).user == ""


def test_a_bad_change_leaves_the_host_as_it_was() -> None:
    host = add("web-1")
    with pytest.raises(Invalid):
        update_host(actor=acting("ben"), host=host, changes={"transport": "local"})
    with pytest.raises(ValueError, match="not a host's editable field"):
        update_host(actor=acting("ben"), host=host, changes={"name": "web-2"})
    assert told(Host.objects.get(pk=host.pk))["transport"] == "ssh"


def test_a_decommissioned_host_is_found_by_no_selector_and_stays_as_it_was() -> None:
    host = add("web-1")
    add("web-2")
    decommission_host(actor=acting("cy"), host=host)
    assert host.state == Host.DECOMMISSIONED and host.decommissioned_at
    assert resolve_selector("*").names == ["web-2"]
    with pytest.raises(Conflict):
        update_host(actor=acting("cy"), host=host, changes={"port": 23})
    with pytest.raises(IllegalTransition):
        decommission_host(actor=acting("cy"), host=host)


@pytest.mark.django_db(transaction=True)
def test_two_who_add_the_same_host_at_once_get_one_host() -> None:
    cy, ben = acting("cy"), acting("ben")
    results = in_threads(
        lambda: create_host(actor=cy, name="web-1", environment="prod"),
        lambda: create_host(actor=ben, name="Web-1", environment="prod"),
    )
    assert sorted(type(result).__name__ for result in results) == ["Conflict", "Host"]
    assert Host.objects.count() == 1


@pytest.mark.parametrize(
    ("constraint", "fields"),
    [
        ("host_name_is_safe", {"name": "web 1"}),
        ("host_name_is_safe", {"name": "../etc"}),
        ("host_environment_is_a_word", {"environment": ""}),
        ("host_roles_are_words", {"roles": ["web", ""]}),
        ("host_roles_are_words", {"roles": ["a/../b"]}),
        ("host_port_is_a_port", {"port": 0}),
        ("host_root_goes_with_local", {"root": "/x"}),
        ("host_root_goes_with_local", {"transport": "local"}),
        ("host_root_goes_with_local", {"transport": "telnet"}),
        ("host_state_goes_with_its_time", {"state": "gone"}),
        ("host_state_goes_with_its_time", {"state": "decommissioned"}),
        ("host_variables_are_an_object", {"variables": [1]}),
        ("host_facts_are_an_object", {"facts": "x"}),
    ],
)
def test_the_database_itself_refuses_a_broken_host(constraint: str, fields: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Host.objects.create(**{"name": "web-1", "environment": "prod", **fields})


# Teams


def test_an_admin_creates_a_team_and_hands_it_to_another_lead() -> None:
    payments = create_team(actor=acting("cy"), name="payments", lead=person("ana"))
    set_team_lead(actor=acting("cy"), team=payments, lead=person("ben"))
    assert payments.lead.username == "ben"
    assert LedgerEntry.objects.get(action="team.updated").data == {
        "before": {"lead": "ana"},
        "after": {"lead": "ben"},
    }


def test_a_team_needs_an_active_lead_and_a_good_name() -> None:
    left = person("ana")
    left.is_active = False
    left.save(update_fields=["is_active"])
    with pytest.raises(Invalid, match="not active"):
        create_team(actor=acting("cy"), name="payments", lead=left)
    with pytest.raises(Invalid, match="can't be named"):
        create_team(actor=acting("cy"), name="pay ments", lead=person("ben"))
    payments = create_team(actor=acting("cy"), name="payments", lead=person("ben"))
    with pytest.raises(Invalid, match="not active"):
        set_team_lead(actor=acting("cy"), team=payments, lead=left)
    with pytest.raises(Conflict):
        create_team(actor=acting("cy"), name="Payments", lead=person("ben"))


@pytest.mark.parametrize("who", ["ana", "ben", "dee"])
def test_only_an_admin_edits_teams(who: str) -> None:
    payments = team("payments")
    with pytest.raises(NotPermitted):
        create_team(actor=acting(who), name="search", lead=person("ben"))
    with pytest.raises(NotPermitted):
        set_team_lead(actor=acting(who), team=payments, lead=person("cy"))


def test_of_two_who_change_a_team_at_once_the_second_is_told() -> None:
    first = team("payments")
    second = Team.objects.get(pk=first.pk)
    update_team(actor=acting("cy"), team=first, changes={"description": "pays"})
    with pytest.raises(Conflict):
        update_team(actor=acting("cy"), team=second, changes={"description": "plays"})


# Selectors against the database

TERMS = [
    "role=web", "role=db", "role=cache", "env=prod", "env=staging", "team=payments", "team=search", "web-1",
    "web-[1-37]", "web-[01-40]", "*.example", "web-*", "*", "-role=cache", "-env=staging", "-team=search",
    "-web-9", "-*.us.example", "-web-[1-9]", "role=nothing", "-team=nothing", "web-[1-50000]",
]  # fmt: skip


@given(st.lists(st.sampled_from(TERMS), min_size=1, max_size=5))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_the_database_finds_exactly_the_hosts_that_the_selector_matches(terms: list[str]) -> None:
    if not Host.objects.exists():
        fleet()
    if all(term.startswith("-") for term in terms):
        terms = ["*", *terms]
    selector = parse(" ".join(terms))
    hosts = list(Host.objects.select_related("team"))
    expected = [
        h.name for h in hosts if selector.matches(h.name, h.environment, h.roles, h.team and h.team.name)
    ]
    assert sorted(hosts_matching(selector).values_list("name", flat=True)) == sorted(expected)


def test_a_resolved_selector_is_frozen_and_in_the_order_of_names() -> None:
    fleet()
    resolved = resolve_selector("env=prod  role=web")
    add("web-2")
    assert (resolved.text, resolved.names) == ("role=web env=prod", ["web-1", "web-37", "web-9"])
    assert [host.pk for host in resolved] == resolved.ids
    assert len(resolve_selector("role=web env=prod")) == 4


def test_a_selector_that_cannot_be_read_or_matches_nothing_is_invalid_and_says_where() -> None:
    add("web-1")
    with pytest.raises(Invalid, match=r"at character 6") as caught:
        resolve_selector("role=", pointer="/selector")
    assert caught.value.errors[0].pointer == "/selector"
    with pytest.raises(Invalid, match="No active host matches role=db"):
        resolve_selector("role=db")


def test_a_view_has_what_rendering_needs() -> None:
    host = add("web-1", roles=("web", "cache"), variables={"workers": 4})
    view = host_view(host)
    assert (view.name, view.environment, view.roles, view.variables, view.address) == (
        "web-1", "prod", ("web", "cache"), {"workers": 4}, None,
    )  # fmt: skip
    assert host_views([host.pk]) == host_views() == {"web-1": view}


def test_ten_thousand_hosts_are_resolved_in_two_queries(django_assert_max_num_queries: Any) -> None:
    payments = team("payments")
    Host.objects.bulk_create(
        (Host(name=f"web-{n}", environment="prod", roles=["web"], team=payments) for n in range(10_000)),
        batch_size=2000,
    )
    for text, count in (("role=web -web-[0-9]", 9_990), ("web-*", 10_000), ("web-[1-5000]", 5_000)):
        with django_assert_max_num_queries(2):
            assert len(resolve_selector(text)) == count


def test_the_system_may_add_hosts_and_the_ledger_says_that_it_did() -> None:
    create_host(actor=SYSTEM, name="web-1", environment="prod")
    assert LedgerEntry.objects.get(action="host.created").actor_kind == "system"
