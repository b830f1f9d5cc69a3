"""Windows over the API: made, read with what they meet, changed with an ETag, called off; and the calendar feed."""

from datetime import timedelta
from typing import Any

import pytest

from changemgmt.models import FeedToken, Window
from common import clock
from tests.api.client import Caller, problem
from tests.core.test_ics import lines
from tests.factories import host, person, token
from tests.services.test_windows import freeze, planned, soon

pytestmark = pytest.mark.django_db


@pytest.fixture
def ben() -> Caller:
    return Caller.person("ben")


@pytest.fixture
def ana() -> Caller:
    return Caller.person("ana")


def body(**more: Any) -> dict[str, Any]:
    times = {"starts_at": soon().isoformat(), "ends_at": soon(4).isoformat()}
    return {"kind": "freeze", "title": "Peak", "selector": "role=web"} | times | more


def test_a_window_is_made_and_says_when_it_holds_for_how_many_and_what_it_meets(ben: Caller) -> None:
    host("web-1")
    met = planned("web-1", at=1)
    response = ben.post("windows/", body(rule="FREQ=DAILY;COUNT=7", timezone="Europe/Berlin"))
    assert response.status_code == 201, response.content
    told = response.json()
    assert response.headers["Location"] == told["url"] == f"/api/v1/windows/{told['id']}/"
    assert told["html_url"] == f"/calendar/windows/{told['reference']}/" and told["state"] == "active"
    assert (told["hosts_total"], told["created_by"]["username"]) == (1, "ben")
    assert (
        len(told["next_times"]) == 5
        and told["next_times"][0]["starts_at"] == f"{soon():%Y-%m-%dT%H:%M:%S.%fZ}"
    )
    [conflict] = told["conflicts"]
    assert (conflict["kind"], conflict["reference"], conflict["hosts"]) == (
        "change",
        met.reference,
        ["web-1"],
    )
    assert ben.get(f"windows/{told['reference']}/").json() == told


@pytest.mark.parametrize(
    ("more", "pointer"),
    [
        ({"kind": "holiday"}, "/kind"),
        ({"selector": "role="}, "/selector"),
        ({"rule": "FREQ=DAILY;BYHOUR=3"}, "/rule"),
        ({"rule": "FREQ=DAILY;UNTIL=99999999"}, "/rule"),
        ({"timezone": "Mars"}, "/timezone"),
        ({"timezone": ""}, "/timezone"),
        ({"starts_at": "0001-01-01T00:00:00+14:00"}, "/starts_at"),
        ({"starts_at": "9999-12-31T23:59:59-14:00", "ends_at": "9999-12-31T23:59:59-15:00"}, "/ends_at"),
        ({"ends_at": "yesterday"}, "/ends_at"),
        ({"excluded": ["2026-13-01"]}, "/excluded/0"),
        ({"excluded": ["2026-12-01"]}, "/excluded"),
        ({"titel": "x"}, "/titel"),
    ],
)
def test_what_can_not_be_kept_is_told_by_field(ben: Caller, more: dict[str, Any], pointer: str) -> None:
    told = problem(ben.post("windows/", body(**more)), 400)
    assert pointer in {error["pointer"] for error in told["errors"]}
    assert not Window.objects.exists()


def test_the_same_request_sent_twice_makes_one_window(ben: Caller) -> None:
    first = ben.post("windows/", body(), Idempotency_Key="k")
    again = ben.post("windows/", body(), Idempotency_Key="k")
    assert again.json() == first.json() and Window.objects.count() == 1


def test_a_window_is_changed_with_its_etag_and_called_off(ben: Caller, ana: Caller) -> None:
    made = freeze()
    path = f"windows/{made.reference}/"
    etag = ana.get(path).headers["ETag"]
    changed = ben.patch(path, {"title": "Later", "rule": "FREQ=WEEKLY"}, If_Match=etag)
    assert (changed.status_code, changed.json()["title"], changed.json()["rule"]) == (
        200,
        "Later",
        "FREQ=WEEKLY",
    )
    problem(ben.patch(path, {"title": "x"}, If_Match=etag), 412)
    problem(ben.patch(path, {"kind": "maintenance"}), 400)
    problem(ben.patch(path, {"ends_at": soon(-9).isoformat()}), 400)
    off = ben.post(f"{path}cancel/", {"reason": "no peak"}).json()
    assert (off["state"], off["next_times"]) == ("cancelled", [])
    problem(ben.post(f"{path}cancel/"), 409)
    problem(ben.patch(path, {"title": "x"}), 409)


def test_windows_are_listed_and_filtered(ana: Caller) -> None:
    first = freeze(title="Christmas")
    second = freeze(title="Patches", kind="maintenance", starts_at=soon(30), ends_at=soon(31))

    def found(query: str) -> list[str]:
        return [row["reference"] for row in ana.get(f"windows/?{query}").json()["results"]]

    assert found("") == [second.reference, first.reference]
    assert found("kind=freeze") == [first.reference]
    assert found("title__contains=PATCH") == [second.reference]
    assert found(f"starts_at__gte={soon(20):%Y-%m-%dT%H:%M:%SZ}") == [second.reference]
    assert found("state=cancelled") == []
    problem(ana.get("windows/?state=gone"), 400)


def test_the_times_of_windows_between_two_moments_are_told(ana: Caller) -> None:
    made = freeze(rule="FREQ=DAILY")
    told = ana.get(f"windows/times/?until={soon(25):%Y-%m-%dT%H:%M:%SZ}").json()
    assert [(one["window"], one["kind"]) for one in told] == [(made.reference, "freeze")] * 2
    assert ana.get("windows/times/?kind=maintenance").json() == []


@pytest.mark.parametrize(
    "query",
    [
        "until=2000-01-01T00:00:00Z",
        "since=soon",
        "since=9999-12-31T23:59:59Z",
        "since=0001-01-01T00:00:00%2B14:00",
        "since=2026-01-01T00:00:00Z&until=2036-01-01T00:00:00Z",
        "kind=holiday",
        "colour=red",
    ],
)
def test_times_that_can_not_be_asked_for_are_refused(ana: Caller, query: str) -> None:
    problem(ana.get(f"windows/times/?{query}"), 400)


# ---- the feed


def test_a_feed_has_a_secret_address_that_opens_the_calendar_and_nothing_else(ana: Caller) -> None:
    freeze(title="Christmas")
    made = ana.post("feed-tokens/", {"label": "my phone"})
    assert made.status_code == 201
    address = made.json()["feed_url"]
    assert address.startswith("http://localhost:8000/api/v1/calendar.ics?token=fbcal_")
    nobody = Caller(None)
    answer = nobody.get(address.partition("/api/v1/")[2])
    assert answer.status_code == 200 and answer.headers["Content-Type"] == "text/calendar; charset=utf-8"
    assert "SUMMARY:Freeze: Christmas" in lines(answer.content.decode())
    secret = address.partition("token=")[2]
    assert nobody.get(f"windows/?token={secret}").status_code in (400, 401)
    problem(Caller(secret).get("windows/"), 401)


def test_a_feed_is_listed_without_its_secret_and_revoked(ana: Caller, ben: Caller) -> None:
    address = ana.post("feed-tokens/", {"label": "my phone"}).json()["feed_url"]
    [row] = ana.get("feed-tokens/").json()["results"]
    assert set(row) == {"id", "label", "created_at", "last_used_at", "revoked_at"}
    assert ben.get("feed-tokens/").json()["results"] == []
    problem(ben.post(f"feed-tokens/{row['id']}/revoke/"), 403)
    assert ana.post(f"feed-tokens/{row['id']}/revoke/").json()["revoked_at"] is not None
    told = problem(Caller(None).get(address.partition("/api/v1/")[2]), 401)
    assert "unknown or revoked" in told["detail"]
    problem(ana.post(f"feed-tokens/{row['id']}/revoke/"), 409)


def test_an_address_is_never_told_twice(ana: Caller) -> None:
    assert ana.post("feed-tokens/", {}, Idempotency_Key="k").status_code == 201
    again = problem(ana.post("feed-tokens/", {}, Idempotency_Key="k"), 400)
    assert "secret that is not kept" in again["detail"] and FeedToken.objects.count() == 1


def test_a_program_reads_the_calendar_with_its_own_token() -> None:
    ci = Caller.program("ana")
    assert ci.get("calendar.ics").status_code == 200
    problem(ci.get("calendar.ics?colour=red"), 400)
    narrowed = Caller(token(person("ana"), name="narrow", scopes=["metrics.read"])[1])
    problem(narrowed.get("calendar.ics"), 403)


def test_a_feed_costs_the_same_number_of_queries_for_any_number_of_windows(
    ana: Caller, django_assert_max_num_queries: Any
) -> None:
    for number in range(12):
        freeze(title=f"{number}", rule="FREQ=DAILY")
        planned("web-1", at=number)
    with django_assert_max_num_queries(6):
        answer = ana.get("calendar.ics")
    read = lines(answer.content.decode())
    assert read.count("BEGIN:VEVENT") > 12 * 360
    assert clock.now() + timedelta(days=366) > soon()
