"""Sites and jump hosts over the API."""

import pytest

from tests.api.client import Caller, problem
from tests.factories import person

pytestmark = pytest.mark.django_db


@pytest.fixture
def ben() -> Caller:
    return Caller.person("ben")


def test_a_site_is_limited_read_and_changed(ben: Caller) -> None:
    person("ana")
    made = ben.post("sites/", {"name": "berlin", "connections": 8})
    assert (made.status_code, made.json()["connections"], made.json()["description"]) == (201, 8, "")
    assert ben.get("sites/berlin/").json() == made.json()
    changed = ben.patch("sites/berlin/", {"connections": None}, If_Match=made["ETag"])
    assert changed.json()["connections"] is None
    problem(ben.patch("sites/berlin/", {"connections": 5}, If_Match=made["ETag"]), 412)
    assert "/connections" in str(problem(ben.patch("sites/berlin/", {"connections": 0}), 400))
    assert [found["name"] for found in ben.get("sites/").json()["results"]] == ["berlin"]
    problem(ben.post("sites/", {"name": "Berlin"}), 409)
    problem(ben.get("sites/nothing/"), 404)


def test_a_host_names_its_site_and_the_host_that_it_is_reached_through(ben: Caller) -> None:
    for name in ("bastion", "web-1"):
        ben.post("hosts/", {"name": name, "environment": "prod"})
    changed = ben.patch("hosts/web-1/", {"jump_host": "bastion", "site": "berlin"})
    assert (changed.json()["jump_host"], changed.json()["site"]) == ("bastion", "berlin")
    assert [h["name"] for h in ben.get("hosts/?jump_host=bastion").json()["results"]] == ["web-1"]
    assert [h["name"] for h in ben.get("hosts/?selector=site%3Dberlin").json()["results"]] == ["web-1"]
    told = problem(ben.patch("hosts/bastion/", {"jump_host": "web-1"}), 400)
    assert told["errors"][0]["pointer"] == "/jump_host"
    assert "reached through itself" in told["detail"]
    assert "/jump_host" in str(problem(ben.patch("hosts/web-1/", {"jump_host": "nobody"}), 400))
    assert ben.patch("hosts/web-1/", {"jump_host": None}).json()["jump_host"] is None
