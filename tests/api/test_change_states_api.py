"""`changes/{change}/states/`: before and after of a change, as far as looks at its hosts tell."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from changemgmt.models import Change
from common import clock
from drift.models import HostState
from tests.api.client import Caller, problem
from tests.factories import acting, host, logged, proposed
from tests.looks import Fleet

pytestmark = pytest.mark.django_db
FILES = {
    "base/resources.yaml": 'files:\n  /etc/motd: {content: "hello\\n"}\n  /etc/issue: {content: "hello\\n"}\n'
}
MOTD, ISSUE = "file:/etc/motd", "file:/etc/issue"
HOUR = timedelta(hours=1)


@pytest.fixture
def fleet() -> Fleet:
    """web-1 is looked at each hour from 0 to 5; its motd is changed by hand at half past two."""
    fleet = Fleet(FILES, [host("web-1"), host("web-2")])
    fleet.now = clock.now() - 10 * HOUR
    for hour in range(6):
        if hour == 3:
            fleet.live["web-1"]["/etc/motd"] = "by hand\n"
        fleet.look("web-1")
        fleet.now += HOUR
    return fleet


@pytest.fixture
def ana() -> Caller:
    return Caller.person("ana")


def look(fleet: Fleet, hour: float) -> datetime:
    return fleet.now - (6 - hour) * HOUR


def states(caller: Caller, change: Change, query: str = "") -> dict[tuple[str, str], dict[str, Any]]:
    answer = caller.get(f"changes/{change.reference}/states/{query}")
    assert answer.status_code == 200, answer.content
    return {(row["host"], row["resource"]): row for row in answer.json()["results"]}


def hour_of(fleet: Fleet, seen: dict[str, Any]) -> int:
    return round((datetime.fromisoformat(seen["at"]) - look(fleet, 0)) / HOUR)


def test_what_was_changed_differs_between_the_looks_around_it(fleet: Fleet, ana: Caller) -> None:
    change = logged("ana", hosts=["web-1"], resources=[MOTD, ISSUE], happened_at=look(fleet, 2.5))
    told = states(ana, change)
    motd, issue = told["web-1", MOTD], told["web-1", ISSUE]
    assert (motd["differs"], issue["differs"]) == (True, False)
    assert (hour_of(fleet, motd["before"]), hour_of(fleet, motd["after"])) == (2, 3)
    assert motd["before"]["state"]["value"] == motd["after"]["state"]["value"] == "present"
    assert motd["before"]["state"] != motd["after"]["state"] == motd["after"]["state"]


def test_what_was_not_touched_is_seen_the_same(fleet: Fleet, ana: Caller) -> None:
    early = logged("ana", hosts=["web-1"], resources=[MOTD], happened_at=look(fleet, 0.5))
    late = logged("ana", hosts=["web-1"], resources=[MOTD], happened_at=look(fleet, 3.5))
    assert states(ana, early)["web-1", MOTD]["differs"] is False
    told = states(ana, late)["web-1", MOTD]
    assert told["differs"] is False
    assert hour_of(fleet, told["after"]) == 5


def test_where_nobody_has_looked_nothing_is_told(fleet: Fleet, ana: Caller) -> None:
    first = logged("ana", hosts=["web-1"], resources=[MOTD], happened_at=look(fleet, -1))
    last = logged("ana", hosts=["web-1"], resources=[MOTD, "file:/etc/x"], happened_at=look(fleet, 5.5))
    never = logged("ana", hosts=["web-2", "unheard-of"], resources=[MOTD], happened_at=look(fleet, 2))
    told = states(ana, first)["web-1", MOTD]
    assert (told["before"], told["differs"], hour_of(fleet, told["after"])) == (None, None, 0)
    told = states(ana, last)["web-1", MOTD]
    assert (told["after"], told["differs"]) == (None, None)
    assert told["before"]
    assert states(ana, last)["web-1", "file:/etc/x"]["before"] is None
    for row in states(ana, never).values():
        assert (row["before"], row["after"]) == (None, None)


def test_what_waits_for_approval_has_no_after(fleet: Fleet, ana: Caller) -> None:
    change = proposed("ana", hosts=["web-1"], resources=[MOTD])
    told = states(ana, change)["web-1", MOTD]
    assert (hour_of(fleet, told["before"]), told["after"]) == (5, None)


def test_a_host_is_known_by_what_it_was_called_then(fleet: Fleet, ana: Caller) -> None:
    from inventory.models import Host
    from inventory.services.host_life import rename_host

    change = logged("ana", hosts=["web-1"], resources=[MOTD], happened_at=look(fleet, 2.5))
    rename_host(actor=acting("cy"), host=Host.objects.get(name="web-1"), name="edge-1")
    assert states(ana, change)["web-1", MOTD]["differs"] is True


def test_of_many_hosts_the_first_are_told_and_one_can_be_asked_for(fleet: Fleet, ana: Caller) -> None:
    names = [*(f"db-{number}" for number in range(40)), "web-1"]
    change = logged("ana", hosts=names, resources=[MOTD], happened_at=look(fleet, 2.5))
    whole = ana.get(f"changes/{change.reference}/states/").json()
    assert (whole["hosts"], whole["hosts_total"], len(whole["results"])) == (20, 41, 20)
    assert states(ana, change, "?host=web-1")["web-1", MOTD]["differs"] is True
    problem(ana.get(f"changes/{change.reference}/states/?host=web-2"), 400)


def test_a_change_that_names_no_resource_has_nothing_to_tell(ana: Caller) -> None:
    assert states(ana, logged("ana", hosts=["web-1"])) == {}


def test_more_hosts_take_no_more_queries(fleet: Fleet, ana: Caller) -> None:
    fleet.look("web-2")
    assert HostState.objects.count() == 2
    one = logged("ana", hosts=["web-1"], resources=[MOTD], happened_at=look(fleet, 2.5))
    two = logged("ana", hosts=["web-1", "web-2"], resources=[MOTD, ISSUE], happened_at=look(fleet, 2.5))
    states(ana, two)

    def queries(change: Change) -> int:
        with CaptureQueriesContext(connection) as captured:
            states(ana, change)
        return len(captured)

    assert queries(one) == queries(two)
