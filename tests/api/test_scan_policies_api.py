"""Scan policies over the API: made, changed with an ETag, run, deleted; how they stand, and whom they leave out."""

from datetime import timedelta
from typing import Any

import pytest

from common import clock
from drift.models import ScanPolicy
from drift.services.schedules import start_due_scans
from tests.api.client import Caller, problem
from tests.factories import host

pytestmark = pytest.mark.django_db

BODY = {"name": "production", "selector": "env=prod", "quick_every": 60, "deep_every": 86_400}


@pytest.fixture
def ben() -> Caller:
    return Caller.person("ben")


@pytest.fixture
def ana() -> Caller:
    return Caller.person("ana")


@pytest.fixture(autouse=True)
def hosts() -> None:
    for name in ("web-1", "web-2"):
        host(name)


def made(ben: Caller, **more: Any) -> dict[str, Any]:
    response = ben.post("scan-policies/", BODY | more)
    assert response.status_code == 201, response.content
    body: dict[str, Any] = response.json()
    return body


def minutes(count: float) -> Any:
    return clock.now() + timedelta(minutes=count)


def test_a_policy_is_made_and_says_how_many_hosts_it_names_and_when_it_is_due(ben: Caller) -> None:
    response = ben.post("scan-policies/", BODY | {"note": "the shop"})
    assert response.status_code == 201
    body = response.json()
    assert response.headers["Location"] == body["url"] == f"/api/v1/scan-policies/{body['id']}/"
    assert body["html_url"] == "/scans/policies/production/"
    assert (body["hosts"], body["problem"], body["scans"], body["enabled"]) == (2, "", [], True)
    assert body["created_by"]["username"] == "ben"
    now = clock.now().isoformat()
    assert body["quick"]["every"] == 60 and now < body["quick"]["due_at"] < minutes(1.1).isoformat()
    assert body["deep"]["due_at"] > now and body["deep"]["last"] is None and body["deep"]["is_late"] is False


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"selector": "role="}, "/selector"),
        ({"quick_every": 5}, "/quick_every"),
        ({"quick_every": "soon"}, "/quick_every"),
        ({"deep_every": 60}, "/deep_every"),
        ({"name": "a/b"}, "/name"),
        ({"evry": 5}, "/evry"),
    ],
)
def test_what_can_not_be_kept_is_told_by_field(ben: Caller, body: dict[str, Any], pointer: str) -> None:
    told = problem(ben.post("scan-policies/", BODY | body), 400)
    assert pointer in {error["pointer"] for error in told["errors"]}


def test_a_policy_needs_a_period_and_a_name_of_its_own(ben: Caller) -> None:
    problem(ben.post("scan-policies/", {"name": "p", "selector": "*"}), 400)
    made(ben)
    problem(ben.post("scan-policies/", BODY), 409)


def test_policies_are_listed_by_name_with_what_came_of_the_last_time(ben: Caller, ana: Caller) -> None:
    made(ben, name="b")
    made(ben, name="a", deep_every=None, enabled=False)
    assert start_due_scans(now=minutes(1)) == 1
    with clock.shifted(timedelta(minutes=1)):
        first, second = ana.get("scan-policies/").json()["results"]
    assert (first["name"], first["quick"]["due_at"], first["deep"]) == ("a", None, None)
    last = second["quick"]["last"]
    assert (last["outcome"], last["scan_state"], last["missed"]) == ("started", "queued", 0)
    assert last["scan"].startswith("SCN-") and "hosts" not in second
    assert [row["name"] for row in ana.get("scan-policies/?enabled=false").json()["results"]] == ["a"]
    assert [row["name"] for row in ana.get("scan-policies/?name=b").json()["results"]] == ["b"]
    problem(ana.get("scan-policies/?colour=red"), 400)


def test_a_change_takes_the_etag_that_was_read(ben: Caller) -> None:
    made(ben)
    etag = ben.get("scan-policies/production/").headers["ETag"]
    changed = ben.patch("scan-policies/production/", {"quick_every": 300}, If_Match=etag)
    assert changed.status_code == 200 and changed.json()["quick_every"] == 300
    assert changed.headers["ETag"] != etag
    problem(ben.patch("scan-policies/production/", {"note": "late"}, If_Match=etag), 412)
    problem(ben.send("DELETE", "scan-policies/production/", If_Match=etag), 412)
    problem(ben.patch("scan-policies/production/", {"name": "other"}), 400)
    problem(ben.patch("scan-policies/production/", {"deep_every": 300}), 400)
    never = ben.patch("scan-policies/production/", {"deep_every": None}).json()
    assert (never["deep_every"], never["deep"]) == (None, None)


def test_a_policy_is_switched_off_and_deleted(ben: Caller) -> None:
    body = made(ben)
    off = ben.patch(f"scan-policies/{body['id']}/", {"enabled": False}).json()
    assert off["enabled"] is False and off["quick"]["due_at"] is None
    gone = ben.send("DELETE", "scan-policies/production/")
    assert gone.status_code == 204 and gone.content == b""
    problem(ben.get("scan-policies/production/"), 404)
    assert not ScanPolicy.objects.exists()


def test_whoever_may_scan_has_a_policy_run_now_and_not_twice_at_once(ben: Caller, ana: Caller) -> None:
    made(ben)
    response = ana.post("scan-policies/production/run/", {"mode": "deep"})
    assert response.status_code == 202
    scan = response.json()
    assert (scan["purpose"], scan["policy"], scan["mode"]) == ("requested", "production", "deep")
    assert "DEEP" not in problem(ana.post("scan-policies/production/run/", {"mode": "deep"}), 409)["detail"]
    assert ana.post("scan-policies/production/run/").json()["mode"] == "quick"
    problem(ana.post("scan-policies/production/run/", {"mode": "shallow"}), 400)
    latest = ana.get("scan-policies/production/").json()["scans"]
    assert [(row["mode"], row["state"], row["purpose"]) for row in latest] == [
        ("quick", "queued", "requested"),
        ("deep", "queued", "requested"),
    ]


def test_a_policy_that_names_nobody_can_not_be_run(ben: Caller) -> None:
    made(ben, selector="role=to-come")
    problem(ben.post("scan-policies/production/run/"), 400)


def test_scans_of_a_policy_are_found_by_purpose_and_name(ben: Caller, ana: Caller) -> None:
    made(ben, deep_every=None)
    ana.post("scans/", {"hosts": "*"})
    start_due_scans(now=minutes(1))
    [scheduled] = ana.get("scans/?purpose=scheduled").json()["results"]
    assert (scheduled["policy"], scheduled["requested_by"]) == ("production", "foldback")
    assert ana.get("scans/?policy=production").json()["results"] == [scheduled]
    assert ana.get("scans/?policy=other").json()["results"] == []
    assert [row["policy"] for row in ana.get("scans/?purpose=requested").json()["results"]] == [None]
    problem(ana.get("scans/?purpose=none"), 400)


def test_due_times_are_listed_with_what_came_of_each(ben: Caller, ana: Caller) -> None:
    made(ben, deep_every=None)
    start_due_scans(now=minutes(1))
    start_due_scans(now=minutes(2))
    skipped, started = ana.get("scan-policies/production/slots/").json()["results"]
    assert (started["outcome"], started["reason"]) == ("started", "")
    assert (skipped["outcome"], skipped["reason"]) == ("skipped", f"{started['scan']} was still running.")
    assert ana.get("scan-policies/production/slots/?outcome=skipped").json()["results"] == [skipped]
    assert ana.get("scan-policies/production/slots/?mode=deep").json()["results"] == []
    problem(ana.get("scan-policies/production/slots/?outcome=late"), 400)
    problem(ana.get("scan-policies/nobody/slots/"), 404)


def test_the_hosts_that_no_policy_looks_at_are_counted(ben: Caller) -> None:
    made(ben, selector="web-1", deep_every=None)
    assert ben.get("scan-policies/coverage/").json() == {
        "hosts": 2,
        "covered": 1,
        "uncovered": 1,
        "without_deep": 2,
        "first_uncovered": ["web-2"],
        "enabled_policies": 1,
    }
