"""What a host looked like at any time, and how far that is known."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from common import clock
from drift.models import HostHistory, HostState
from tests.api.client import Caller, problem
from tests.factories import host
from tests.looks import Fleet

pytestmark = pytest.mark.django_db
FILES = {
    "base/resources.yaml": 'files:\n  /etc/motd: {content: "hello\\n"}\n  /etc/issue: {content: "hello\\n"}\n'
    'packages: {nginx: {version: "1"}}\n'
}
HOUR = timedelta(hours=1)


@pytest.fixture
def times() -> list[datetime]:
    """web-1 is seen as defined at 0 and 1, changed by hand at 2 and 3."""
    fleet = Fleet(FILES, [host("web-1"), host("web-2")])
    fleet.now = clock.now() - 10 * HOUR
    times = []
    for hour in range(4):
        if hour == 2:
            fleet.live["web-1"]["/etc/motd"] = "by hand\n"
        fleet.look("web-1")
        times.append(HostState.objects.get(host__name="web-1").observed_at)
        fleet.now += HOUR
    return times


def ask(query: str = "", name: str = "web-1") -> Any:
    return Caller.person("ana").get(f"hosts/{name}/state/{query}")


def at(time: datetime) -> dict[str, Any]:
    answer = ask(f"?as_of={time.isoformat().replace('+00:00', 'Z')}")
    assert answer.status_code == 200, answer.data
    return answer.json()


def motd(answer: dict[str, Any]) -> Any:
    return next(row["state"] for row in answer["results"] if row["resource"] == "file:/etc/motd")


def same(text: str | None, time: datetime) -> bool:
    return text is not None and datetime.fromisoformat(text) == time


def test_without_a_time_it_is_what_the_last_look_showed(times: list[datetime]) -> None:
    answer = ask().json()
    assert (answer["host"], answer["part"], answer["resources"]) == (
        "web-1",
        "observed",
        len(answer["results"]),
    )
    assert same(answer["seen_at"], times[2]) and same(answer["confirmed_at"], times[3])
    assert answer["changed_at"] is None and answer["certain"] is False
    names = [row["resource"] for row in answer["results"]]
    assert names == sorted(names) and "package:nginx" in names


def test_at_an_earlier_time_it_is_as_it_was_seen_then(times: list[datetime]) -> None:
    before, after = at(times[0] + HOUR / 2), at(times[2] + HOUR / 2)
    assert motd(before) != motd(after)
    assert same(before["seen_at"], times[0]) and same(before["changed_at"], times[2])
    assert before["certain"] is True and after["certain"] is True
    assert before["manifest"] != after["manifest"]


def test_between_two_looks_that_differ_it_says_that_nobody_looked(times: list[datetime]) -> None:
    between = at(times[1] + HOUR / 2)
    assert motd(between) == motd(at(times[0]))
    assert between["certain"] is False
    assert same(between["confirmed_at"], times[1]) and same(between["changed_at"], times[2])


def test_where_it_was_not_written_down_until_when_it_was_seen_that_is_not_claimed(
    times: list[datetime],
) -> None:
    HostHistory.objects.update(before_at=None)
    answer = at(times[0] + HOUR / 2)
    assert answer["confirmed_at"] is None and answer["certain"] is False


def test_before_the_first_look_it_is_not_known_and_says_since_when_it_is(times: list[datetime]) -> None:
    told = problem(ask(f"?as_of={(times[0] - HOUR).strftime('%Y-%m-%dT%H:%M:%SZ')}"), 404)
    assert times[0].isoformat() in told["detail"]
    assert "never looked at" in problem(ask(name="web-2"), 404)["detail"]
    problem(ask(name="web-9"), 404)


def test_pages_go_on_through_the_look_they_began_with(times: list[datetime]) -> None:
    whole = [row["resource"] for row in ask().json()["results"]]
    found, url = [], "?limit=1"
    while url:
        answer = ask(url)
        page = answer.json()
        found += [row["resource"] for row in page["results"]]
        assert page["resources"] == len(whole) and len(page["results"]) == 1
        url = page["next"] and "?" + page["next"].partition("?")[2]
        assert bool(url) == ('rel="next"' in answer.headers.get("Link", ""))
    assert found == whole
    other = ask("?limit=1").json()["next"].partition("?")[2]
    problem(Caller.person("ana").get(f"hosts/web-2/state/?{other}"), 400)


def test_one_kind_of_resources_can_be_asked_for(times: list[datetime]) -> None:
    answer = ask("?kind=package").json()
    assert [row["resource"] for row in answer["results"]] == ["package:nginx"] and answer["resources"] == 1


def test_what_is_agreed_now_can_be_asked_for_and_not_what_was(times: list[datetime]) -> None:
    answer = ask("?part=base").json()
    assert motd(answer) == motd(at(times[0])) and answer["seen_at"] is None and answer["certain"] is None
    problem(ask("?part=base&as_of=2026-01-01T00:00:00Z"), 400)


@pytest.mark.parametrize(
    "query", ["as_of=yesterday", "as_of=2026-01-01T00:00:00", "as_of=2999-01-01T00:00:00Z", "part=head",
              "as_of=0001-01-01T00:00:00%2B14:00",
              "limit=0", "cursor=x", "what=1"]
)  # fmt: skip
def test_what_makes_no_sense_is_told(times: list[datetime], query: str) -> None:
    problem(ask(f"?{query}"), 400)


def test_a_time_zone_that_only_we_know_is_a_time(times: list[datetime]) -> None:
    problem(ask("?as_of=1900-01-01T00:00:00%2B23:59:59.999999"), 404)
