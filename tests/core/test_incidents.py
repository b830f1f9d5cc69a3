"""What lies inside an incident, and which changes came shortly before it."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from changemgmt.core.incidents import SLACK, Span, duration_told, hosts_told, scope_told
from changemgmt.core.suspects import Suspect, suspects

BEGAN = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
ENDED = BEGAN + timedelta(hours=2)
OVER = Span(BEGAN, ENDED)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
SCOPE = ["web-1", "web-2"]


def test_a_moment_inside_is_inside_and_clocks_may_be_off_a_little() -> None:
    assert OVER.has(BEGAN) and OVER.has(ENDED)
    assert OVER.has(BEGAN - SLACK) and OVER.has(ENDED + SLACK)
    assert not OVER.has(BEGAN - SLACK - MINUTE)
    assert not OVER.has(ENDED + SLACK + MINUTE)


def test_what_goes_on_has_no_end() -> None:
    assert Span(BEGAN).has(ENDED + timedelta(days=3))


@pytest.mark.parametrize(
    ("after", "before", "at", "inside"),
    [
        (BEGAN + MINUTE, ENDED - MINUTE, None, True),
        (BEGAN - HOUR, BEGAN + HOUR, None, True),  # it may have been before: looked at rather than lost
        (BEGAN - HOUR, BEGAN - MINUTE, None, False),
        (ENDED - MINUTE, ENDED + HOUR, None, True),  # seen by the scan at the end
        (ENDED + MINUTE, ENDED + HOUR, None, False),
        (None, BEGAN + MINUTE, None, False),  # nobody ever looked before: it may be years old
        (None, BEGAN + HOUR, BEGAN + MINUTE, True),
        (BEGAN - HOUR, BEGAN + HOUR, BEGAN - HOUR + MINUTE, False),  # the host tells the moment
        (BEGAN - HOUR, ENDED + HOUR, ENDED + SLACK + MINUTE, False),
    ],
)
def test_what_came_about_between_two_looks_is_inside_when_it_may_have_been(
    after: datetime | None, before: datetime, at: datetime | None, inside: bool
) -> None:
    assert OVER.may_have(after=after, before=before, at=at) is inside


@pytest.mark.parametrize(
    ("length", "told"),
    [
        (timedelta(seconds=20), "under a minute"),
        (timedelta(minutes=13), "13 min"),
        (timedelta(hours=2, minutes=13), "2 h 13 min"),
        (timedelta(days=3, hours=4, minutes=1), "3 d 4 h"),
    ],
)
def test_a_duration_is_told_as_people_say_it(length: timedelta, told: str) -> None:
    assert duration_told(length) == told


def test_a_scope_is_told_short_and_with_its_number() -> None:
    assert hosts_told([]) == "no hosts"
    assert hosts_told(["web-1"]) == "1 host (web-1)"
    assert hosts_told([f"web-{n}" for n in range(1, 13)]) == "12 hosts (web-1, web-2, web-3 and 9 more)"
    assert scope_told(["web-1", "db-1"], ["web-1", "web-2"]) == "came: web-2; went: db-1"
    assert scope_told(["web-1"], ["web-1"]) == ""


def ranked(*changes: dict[str, Any]) -> list[Suspect]:
    told = [
        (
            change.get("key") or uuid4(),
            change.get("hosts", SCOPE),
            BEGAN - change.get("before", HOUR),
            change.get("kind", "normal"),
            change.get("state", "completed"),
        )
        for change in changes
    ]
    return suspects(told, scope=SCOPE, began=BEGAN)


def test_the_change_right_before_on_exactly_these_hosts_comes_first() -> None:
    near, wide, early = UUID(int=1), UUID(int=2), UUID(int=3)
    found = ranked(
        {"key": early, "before": timedelta(hours=9)},
        {"key": wide, "before": 20 * MINUTE, "hosts": [*SCOPE, *(f"app-{n}" for n in range(200))]},
        {"key": near, "before": 20 * MINUTE},
    )
    assert [one.key for one in found] == [near, wide, early]


def test_a_rank_says_its_reasons() -> None:
    [one] = ranked(
        {"before": 22 * MINUTE, "hosts": ["web-1", "db-1"], "state": "failed", "kind": "emergency"}
    )
    assert one.reasons == (
        "22 min before it began",
        "on 1 of the 2 hosts in the scope, and 1 elsewhere",
        "it failed",
        "recorded as an emergency",
    )


def test_a_change_elsewhere_is_none_of_them() -> None:
    assert ranked({"hosts": ["db-1"]}, {"hosts": []}) == []


def test_equal_ones_keep_their_order() -> None:
    keys = [UUID(int=n) for n in range(5)]
    assert [one.key for one in ranked(*({"key": key} for key in keys))] == keys
