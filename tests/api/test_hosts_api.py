"""Hosts over the API: added, read, found, changed, taken out of service."""

from typing import Any
from urllib.parse import urlencode

import asyncssh
import pytest

from inventory.models import Host
from inventory.services.host_keys import pin_host_keys
from tests.api.client import Caller, problem
from tests.factories import acting, team

pytestmark = pytest.mark.django_db


@pytest.fixture
def ben() -> Caller:
    return Caller.person("ben")


@pytest.fixture
def dee() -> Caller:
    return Caller.person("dee")


def q(path: str, **query: Any) -> str:
    return f"{path}?{urlencode(query)}"


def test_a_host_is_created_and_read_by_name_and_by_id(ben: Caller) -> None:
    team("payments")
    made = ben.post(
        "hosts/",
        {
            "name": "web-1",
            "environment": "prod",
            "roles": ["web", "cache"],
            "team": "payments",
            "variables": {"w": 4},
        },
    )
    assert made.status_code == 201, made.content
    body = made.json()
    assert made["Location"] == body["url"] == f"/api/v1/hosts/{body['id']}/"
    assert body["html_url"] == "/hosts/web-1/"
    assert (body["roles"], body["team"], body["variables"], body["port"]) == (
        ["web", "cache"],
        "payments",
        {"w": 4},
        22,
    )
    assert (body["enrolled"], body["host_keys"], body["credential"]) == (False, [], None)
    assert ben.get("hosts/web-1/").json() == ben.get(f"hosts/{body['id']}/").json() == body


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"environment": "prod"}, "/name"),
        ({"name": "web-1"}, "/environment"),
        ({"name": "web 1", "environment": "prod"}, "/name"),
        ({"name": "web-1", "environment": "prod", "port": "ssh"}, "/port"),
        ({"name": "web-1", "environment": "prod", "roles": "web"}, "/roles"),
        ({"name": "web-1", "environment": "prod", "roles": ["a/b"]}, "/roles"),
        ({"name": "web-1", "environment": "prod", "variables": [1]}, "/variables"),
        ({"name": "web-1", "environment": "prod", "variables": {"password": "x"}}, "/variables/password"),
        ({"name": "web-1", "environment": "prod", "team": "nobody"}, "/team"),
        ({"name": "web-1", "environment": "prod", "credential": "nothing"}, "/credential"),
        ({"name": "web-1", "environment": "prod", "transport": "local"}, "/root"),
        ({"name": "web-1", "environment": "prod", "colour": "red"}, "/colour"),
        ({"name": "web-1", "environment": "prod", "user": "a\u0000b"}, "/user"),
    ],
)
def test_a_host_that_cannot_be_is_a_problem_that_points_at_the_field(
    ben: Caller, body: Any, pointer: str
) -> None:
    told = problem(ben.post("hosts/", body), 400)
    assert pointer in [error["pointer"] for error in told["errors"]]
    assert not Host.objects.exists()


@pytest.mark.parametrize("body", ["{", "[]", '"x"', "\xff"])
def test_a_body_that_is_no_object_is_a_problem(ben: Caller, body: str) -> None:
    answer = ben.send("POST", "hosts/", body.encode("latin-1"))
    problem(answer, 400)


def test_a_taken_name_is_a_conflict(ben: Caller) -> None:
    ben.post("hosts/", {"name": "web-1", "environment": "prod"})
    assert (
        "There is a host web-1 already"
        in problem(ben.post("hosts/", {"name": "WEB-1", "environment": "x"}), 409)["detail"]
    )


def test_a_patch_needs_the_etag_that_was_read(ben: Caller) -> None:
    etag = ben.post("hosts/", {"name": "web-1", "environment": "prod"})["ETag"]
    first = ben.patch("hosts/web-1/", {"port": 2222}, If_Match=etag)
    assert (first.status_code, first.json()["port"]) == (200, 2222)
    assert first["ETag"] != etag
    problem(ben.patch("hosts/web-1/", {"port": 23}, If_Match=etag), 412)
    assert ben.patch("hosts/web-1/", {"team": None}).status_code == 200
    problem(ben.patch("hosts/web-1/", {"name": "web-2"}), 400)
    problem(ben.patch("hosts/web-1/", {"port": 0}), 400)
    problem(ben.patch("hosts/web-9/", {"port": 1}), 404)


def test_a_key_makes_a_repeated_post_one_host(ben: Caller) -> None:
    body = {"name": "web-1", "environment": "prod"}
    first = ben.post("hosts/", body, Idempotency_Key="k-1")
    again = ben.post("hosts/", body, Idempotency_Key="k-1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert Host.objects.count() == 1
    problem(ben.post("hosts/", body | {"environment": "x"}, Idempotency_Key="k-1"), 422)


def test_a_decommissioned_host_stays_readable_and_leaves_selectors(ben: Caller) -> None:
    for name in ("web-1", "web-2"):
        ben.post("hosts/", {"name": name, "environment": "prod"})
    assert ben.post("hosts/web-1/decommission/").json()["state"] == "decommissioned"
    problem(ben.post("hosts/web-1/decommission/"), 409)
    assert ben.get("hosts/web-1/").status_code == 200
    assert [host["name"] for host in ben.get(q("hosts/", selector="*")).json()["results"]] == ["web-2"]
    assert [host["name"] for host in ben.get(q("hosts/", state="active")).json()["results"]] == ["web-2"]
    assert len(ben.get("hosts/").json()["results"]) == 2


def fleet() -> None:
    payments = team("payments")
    for number in range(1, 6):
        Host.objects.create(name=f"web-{number}", environment="prod", roles=["web"], team=payments)
    Host.objects.create(
        name="db-1", environment="staging", roles=["db", "backup"], transport="local", root="/srv/db"
    )


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"name": "web-1"}, ["web-1"]),
        ({"name__in": "web-1,db-1"}, ["db-1", "web-1"]),
        ({"name__contains": "B-1"}, ["db-1", "web-1"]),
        ({"environment": "staging"}, ["db-1"]),
        ({"environment__in": "staging,nothing"}, ["db-1"]),
        ({"role": "backup"}, ["db-1"]),
        ({"team": "payments", "name__in": "web-2,db-1"}, ["web-2"]),
        ({"selector": "role=web -web-[2-5]"}, ["web-1"]),
        ({"selector": "*", "sort": "-name", "limit": 2}, ["web-5", "web-4"]),
        ({"enrolled": "true"}, ["db-1", "web-3"]),
        ({"state": "decommissioned"}, []),
    ],
)
def test_hosts_are_found_by_what_they_are(dee: Caller, query: dict[str, Any], names: list[str]) -> None:
    fleet()
    key = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    pin_host_keys(actor=acting("cy"), host=Host.objects.get(name="web-3"), keys=[key])
    answer = dee.get(q("hosts/", **query))
    assert answer.status_code == 200, answer.content
    assert [host["name"] for host in answer.json()["results"]] == names


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"colour": "red"}, "?colour"),
        ({"selector": "role="}, "?selector"),
        ({"selector": "colour=red"}, "?selector"),
        ({"state": "gone"}, "?state"),
        ({"created_at__gte": "yesterday"}, "?created_at__gte"),
        ({"name": "a\u0000"}, "?name"),
    ],
)
def test_a_question_that_cannot_be_understood_is_a_problem(
    dee: Caller, query: dict[str, str], pointer: str
) -> None:
    told = problem(dee.get(q("hosts/", **query)), 400)
    assert told["errors"][0]["pointer"] == pointer


def test_a_list_goes_on_by_cursor_without_gaps_or_repeats(dee: Caller) -> None:
    fleet()
    names: list[str] = []
    answer = dee.get(q("hosts/", limit=2, count="true"))
    assert answer.json()["count"] == 6
    while True:
        names += [host["name"] for host in answer.json()["results"]]
        if not answer.json()["next"]:
            break
        answer = dee.get(answer.json()["next"].split("/api/v1/")[1])
    assert names == ["db-1", "web-1", "web-2", "web-3", "web-4", "web-5"]


def test_a_list_takes_the_same_queries_for_two_hosts_and_for_many(
    dee: Caller, django_assert_max_num_queries: Any
) -> None:
    fleet()
    with django_assert_max_num_queries(6):
        assert len(dee.get("hosts/").json()["results"]) == 6


@pytest.mark.parametrize(
    "path", ["hosts/", "hosts/web-1/", "teams/", "people/", "credentials/", "hosts/web-1/enrol/"]
)
def test_without_a_token_nothing_is_shown(path: str) -> None:
    Host.objects.create(name="web-1", environment="prod")
    problem(Caller(None).get(path), 401)


@pytest.mark.parametrize("path", ["hosts/{}/", "teams/{}/", "people/{}/", "credentials/{}/"])
@pytest.mark.parametrize(
    "name", ["nothing", "%00", "0198c5e0-0000-7000-8000-000000000001", "a" * 500, "..", "%F0%9F%92%A9"]
)
def test_what_is_not_there_is_not_found(dee: Caller, path: str, name: str) -> None:
    assert dee.get(path.format(name)).status_code == 404
