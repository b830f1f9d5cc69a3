"""`preflight/`: what a push would undo, whose it was, and of which hosts nobody can tell."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from drift.core.lifecycles import FINDING
from drift.models import Explanation, Finding, HostState
from drift.queries.preflight import NEVER, PARTLY, STALE, UNREACHED, preflight
from inventory.core.selectors import parse
from tests.api.client import Caller, problem
from tests.factories import host, logged, person
from tests.looks import Fleet
from tests.services.test_findings import DEFINITION, edit

pytestmark = pytest.mark.django_db


@pytest.fixture
def fleet() -> Fleet:
    fleet = Fleet(DEFINITION, [host(f"web-{n}") for n in (1, 2, 3)])
    fleet.look()
    for name in ("web-1", "web-2"):
        edit(fleet, name, "limit 10", "limit 99")
    fleet.look()
    return fleet


def asked(fleet: Fleet, selector: str = "role=web", **later: float) -> Any:
    return preflight(parse(selector), fleet.now + timedelta(**later))


def test_a_push_names_the_fix_it_would_undo_and_whose_it_was(fleet: Fleet) -> None:
    finding = Finding.objects.get()
    Explanation.objects.create(finding=finding, change=logged("ana", hosts=["web-1"]), reasons=["host"])
    Finding.objects.update(claimed_by=person("ben"))
    body = Caller.person("ana").get("preflight/?hosts=role%3Dweb").json()
    assert body["hosts"] == 3
    [undone] = body["would_undo"]
    assert (undone["finding"], undone["hosts"], undone["hosts_total"]) == (
        finding.reference,
        ["web-1", "web-2"],
        2,
    )
    assert undone["resource"] == "file:/etc/app.conf" and undone["summary"]
    assert undone["claimed_by"]["username"] == "ben"
    assert undone["explained_by"][0]["owner"]["username"] == "ana"
    assert undone["explained_by"][0]["incident"] is None


def test_only_hosts_of_the_push_count(fleet: Fleet) -> None:
    assert asked(fleet, "web-3").undone == []
    assert [one.hosts for one in asked(fleet, "web-[2-3]").undone] == [["web-2"]]


@pytest.mark.parametrize("state", sorted(FINDING.states))
def test_what_is_not_yet_decided_for_good_is_named(fleet: Fleet, state: str) -> None:
    until = fleet.now + timedelta(days=1) if state == "waived" else None
    Finding.objects.update(state=state, waived_until=until)
    assert bool(asked(fleet).undone) == (state in ("open", "decided", "approved"))


def test_what_waits_for_the_push_is_not_undone_by_it(fleet: Fleet) -> None:
    """The definition moved on web-3, nobody touched it: that is what a push is for."""
    fleet.define({path: text.replace("limit 10", "limit 20") for path, text in fleet.files.items()})
    fleet.look()
    assert [one.hosts for one in asked(fleet).undone] == [["web-1", "web-2"]]


def test_a_host_that_was_not_looked_at_is_never_taken_for_clean(fleet: Fleet) -> None:
    host("web-4")
    HostState.objects.filter(host__name="web-1").update(status="partial", reason="denied")
    HostState.objects.filter(host__name="web-2").update(status="unknown", reason="timed out")
    assert asked(fleet).unknown == {"web-1": PARTLY, "web-2": UNREACHED, "web-4": NEVER}
    assert asked(fleet, "web-3", days=2).unknown == {"web-3": STALE}
    body = Caller.person("ana").get("preflight/?hosts=*").json()
    assert body["unknown"]["hosts"] == 4 and sum(body["unknown"]["reasons"].values()) == 4


def test_it_costs_the_same_number_of_queries_for_one_finding_and_many(fleet: Fleet) -> None:
    with CaptureQueriesContext(
        connection,
    ) as one:
        Caller.person("ana").get("preflight/?hosts=*")
    edit(fleet, "web-3", "limit 10", "limit 1")
    fleet.look()
    for finding in Finding.objects.all():
        Explanation.objects.create(finding=finding, change=logged("ana", hosts=["web-1"]), reasons=["host"])
    with CaptureQueriesContext(connection) as many:
        answer = Caller.person("ana").get("preflight/?hosts=*")
    assert answer.status_code == 200
    assert Finding.objects.count() == 2
    assert len(many) <= len(one) + 1


@pytest.mark.parametrize("query", ["", "?hosts=", "?hosts=role%3D", "?hosts=*&release=REL-1"])
def test_a_selector_that_cannot_be_read_is_said(query: str) -> None:
    problem(Caller.person("ana").get(f"preflight/{query}"), 400)


def test_findings_are_filtered_by_selector(fleet: Fleet) -> None:
    caller = Caller.person("ana")
    assert len(caller.get("findings/?selector=web-[1-2]").json()["results"]) == 1
    assert caller.get("findings/?selector=web-3").json()["results"] == []
    problem(caller.get("findings/?selector=role%3D"), 400)
