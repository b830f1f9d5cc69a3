"""`incidents/` over REST."""

from typing import Any

import pytest

from changemgmt.models import Incident
from tests.api.client import Caller, problem
from tests.factories import host, logged, person

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nobody_listens(settings: Any) -> None:
    settings.EVENT_CONSUMERS = {}


@pytest.fixture
def ana() -> Caller:
    return Caller.person("ana")


def opened(ana: Caller, **fields: Any) -> dict[str, Any]:
    response = ana.post("incidents/", {"title": "checkout is down", **fields})
    assert response.status_code == 201, response.content
    body: dict[str, Any] = response.json()
    return body


def test_a_title_opens_one_and_the_answer_says_all_that_is_known(ana: Caller) -> None:
    response = ana.post("incidents/", {"title": "checkout is down"})
    body = response.json()
    assert response.headers["Location"] == body["url"] == f"/api/v1/incidents/{body['id']}/"
    assert body["html_url"] == f"/incidents/{body['reference']}/"
    assert (body["state"], body["severity"], body["hosts"]) == ("open", "major", [])
    assert body["commander"]["username"] == "ana"
    assert ana.get(f"incidents/{body['reference']}/").json() == body


def test_the_scope_is_resolved_and_what_inventory_does_not_know_is_named(ana: Caller) -> None:
    host("web-1")
    body = opened(ana, selector="role=web", hosts=["lb-1"], commander=person("ben").username)
    assert (body["hosts"], body["unknown_hosts"]) == (["lb-1", "web-1"], ["lb-1"])
    assert body["commander"]["username"] == "ben"


def test_the_same_external_id_opens_once(ana: Caller) -> None:
    first = opened(ana, external_id="P-1")
    again = ana.post("incidents/", {"title": "another", "external_id": "P-1"})
    assert (again.status_code, again.json()) == (200, first)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/title"),
        ({"title": "x", "severity": "huge"}, "/severity"),
        ({"title": "x", "selector": "nonsense=1"}, "/selector"),
        ({"title": "x", "commander": "nobody"}, "/commander"),
        ({"title": "x", "hosts": "web-1"}, "/hosts"),
        ({"title": "x", "started_at": "yesterday"}, "/started_at"),
        ({"title": "x", "scope": "y"}, "/scope"),
        ({"title": "x\u0000"}, "/title"),
    ],
)
def test_what_is_wrong_is_pointed_at(ana: Caller, body: dict[str, Any], pointer: str) -> None:
    told = problem(ana.post("incidents/", body), 400)
    assert told["errors"][0]["pointer"] == pointer
    assert not Incident.objects.exists()


def test_the_list_is_narrowed_by_each_documented_field(ana: Caller) -> None:
    mine = opened(ana, title="search is slow", severity="minor", hosts=["web-1"])
    other = opened(ana, commander=person("ben").username, external_id="P-2")
    ana.post(f"incidents/{other['id']}/close/", {})
    for query, wanted in {
        "state=open": mine,
        "state__in=closed,reviewed": other,
        "severity=minor": mine,
        "severity__in=major": other,
        "commander=ben": other,
        f"commander={person('ana').pk}": mine,
        "host=web-1": mine,
        "external_id=P-2": other,
        "title__contains=SLOW": mine,
    }.items():
        found = ana.get(f"incidents/?{query}").json()["results"]
        assert [row["id"] for row in found] == [wanted["id"]], query
    assert ana.get("incidents/?started_at__gte=2100-01-01T00:00:00Z").json()["results"] == []
    for wrong in ("state=no", "state__in=no", "severity=no", "colour=red", "started_at__lt=x"):
        problem(ana.get(f"incidents/?{wrong}"), 400)


def test_an_edit_takes_the_etag_that_was_read(ana: Caller) -> None:
    body = opened(ana)
    path = f"incidents/{body['id']}/"
    etag = ana.get(path).headers["ETag"]
    assert ana.patch(path, {"severity": "critical"}, If_Match=etag).json()["severity"] == "critical"
    problem(ana.patch(path, {"severity": "minor"}, If_Match=etag), 412)


def test_it_is_handed_over_closed_reopened_and_reviewed(ana: Caller) -> None:
    path = f"incidents/{opened(ana)['id']}"
    handed = ana.post(f"{path}/handover/", {"commander": person("ben").username, "note": "the db"})
    assert handed.json()["commander"]["username"] == "ben"
    assert ana.post(f"{path}/close/", {"summary": "workers"}).json()["state"] == "closed"
    problem(ana.post(f"{path}/close/", {}), 409)
    problem(ana.post(f"{path}/reopen/", {}), 400)
    assert ana.post(f"{path}/reopen/", {"reason": "back"}).json()["state"] == "open"
    ana.post(f"{path}/close/", {})
    reviewed = ana.post(f"{path}/review/", {"text": "alert on the queue"}).json()
    assert (reviewed["state"], reviewed["reviewed_by"]["username"]) == ("reviewed", "ana")
    kinds = [line["kind"] for line in ana.get(f"{path}/timeline/").json()["results"]]
    assert kinds == ["opened", "commander", "note", "closed", "reopened", "closed", "reviewed"]


def test_lines_are_told_in_the_order_in_which_things_happened(ana: Caller) -> None:
    path = f"incidents/{opened(ana)['id']}/timeline/"
    assert ana.post(path, {"text": "restarted nginx"}).status_code == 201
    late = ana.post(path, {"text": "first alert", "at": "2026-03-02T03:00:00+02:00", "link": "CHG-1"}).json()
    assert (late["at"], late["author"]["username"]) == ("2026-03-02T01:00:00.000000Z", "ana")
    assert ana.get(path).json()["results"][0]["text"] == "first alert"
    first = ana.get(f"{path}?sort=-created_at&limit=1").json()["results"]
    assert first[0]["text"] == "first alert"
    for body, pointer in (({"text": ""}, "/text"), ({"text": "x", "at": "2100-01-01T00:00:00Z"}, "/at")):
        assert problem(ana.post(path, body), 400)["errors"][0]["pointer"] == pointer


def test_a_change_logged_on_its_hosts_is_told(ana: Caller) -> None:
    host("web-1")
    body = opened(ana, hosts=["web-1"])
    change = logged("ana", hosts=["web-1"], title="raised the limit")
    texts = [line["text"] for line in ana.get(f"incidents/{body['id']}/timeline/").json()["results"]]
    assert texts[-1] == f"{change.reference} was logged: raised the limit, on 1 host (web-1)"


def test_the_summary_is_markdown(ana: Caller) -> None:
    response = ana.get(f"incidents/{opened(ana, title='checkout *is* down')['reference']}/summary/")
    assert response.headers["Content-Type"] == "text/markdown; charset=utf-8"
    assert r"checkout \*is\* down" in response.content.decode()


def test_it_has_no_findings_before_anybody_looked(ana: Caller) -> None:
    assert ana.get(f"incidents/{opened(ana)['id']}/findings/").json() == {"results": []}


def test_one_that_is_not_there_is_404_in_every_place(ana: Caller) -> None:
    for path in ("", "timeline/", "findings/", "summary/"):
        problem(ana.get(f"incidents/INC-99999/{path}"), 404)
    problem(ana.post("incidents/INC-99999/close/", {}), 404)
