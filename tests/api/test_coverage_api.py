"""`coverage/`: honest denominators now, and over time."""

import pytest

from common import clock
from drift.core.coverage import SLOT
from drift.services.coverage import take_coverage_sample
from tests.api.client import Caller, problem
from tests.services.test_coverage import fleet_of_each

pytestmark = pytest.mark.django_db
PARTS = ("looked_at", "in_part", "stale", "unreachable", "never")


def test_coverage_tells_every_host_once_and_why_hosts_are_unreachable() -> None:
    fleet_of_each()
    body = Caller.person("dee").get("coverage/").json()
    assert body["hosts"] == 6 == sum(body[part] for part in PARTS)
    assert [body[part] for part in PARTS] == [2, 1, 1, 1, 1]
    assert body["reasons"] == {"connection refused": 1}
    assert body["stale_after_seconds"] == 86_400 and body["at"]


def test_history_is_a_list_of_samples_newest_first_since_a_moment() -> None:
    fleet_of_each()
    now = clock.now()
    for ago in (3, 2, 1, 0):
        take_coverage_sample(now=now - ago * SLOT)
    ask = Caller.program("ana")
    first = ask.get("coverage/history/?limit=3").json()
    assert len(first["results"]) == 3 and first["next"]
    times = [sample["at"] for sample in first["results"]]
    assert times == sorted(times, reverse=True)
    assert set(first["results"][0]) == {"at", "hosts", *PARTS}
    rest = ask.get("coverage/history/?" + first["next"].partition("?")[2]).json()
    assert len(rest["results"]) == 1
    moment = (now - SLOT).isoformat().replace("+00:00", "Z")
    assert len(ask.get(f"coverage/history/?since={moment}&sort=at").json()["results"]) == 1
    assert len(ask.get(f"coverage/history/?until={moment}").json()["results"]) == 3
    problem(ask.get("coverage/history/?since=yesterday"), 400)
