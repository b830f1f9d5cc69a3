"""The life of a host over the API: renamed, installed anew, out of service and back, trusted on a CA's word."""

from pathlib import Path
from typing import Any

import pytest

from deployments.api import enrolment
from deployments.services.enrolment import Offer
from deployments.transport.host_keys import host_key
from inventory.models import Host, HostKey
from tests.api.client import Caller, problem
from tests.definitions import Repository, path_settings
from tests.factories import host
from tests.services.test_host_key_findings import fingerprint, public_key

pytestmark = pytest.mark.django_db

OWN = {"hosts/web-1/resources.yaml": 'files:\n  /etc/motd: {content: "hello\\n"}\n'}


@pytest.fixture
def ben() -> Caller:
    return Caller.person("ben")


@pytest.fixture
def cy() -> Caller:
    return Caller.person("cy")


@pytest.fixture(autouse=True)
def own_definition(settings: Any, tmp_path: Path) -> None:
    for name, value in path_settings(tmp_path).items():
        setattr(settings, name, value)


@pytest.fixture
def shows(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What hosts offer, without a network: `shows("new")`."""

    def offering(*seeds: str) -> None:
        def fetch(*, actor: Any, host: Host) -> Offer:
            keys = tuple(host_key(public_key(seed)) for seed in seeds)
            return Offer(host.pk, host.name, host.name, 22, keys, frozenset())

        monkeypatch.setattr(enrolment, "fetch_offer", fetch)

    return offering


# Rename


def test_a_host_is_renamed_and_found_by_its_new_name(ben: Caller) -> None:
    web = host("web-1")
    body = ben.post("hosts/web-1/rename/", {"name": "edge-1"}).json()
    assert (body["host"], body["old"], body["new"], body["renamed"]) == (str(web.pk), "web-1", "edge-1", True)
    read = ben.get("hosts/edge-1/").json()
    assert read["id"] == str(web.pk)
    assert [former["name"] for former in read["former_names"]] == ["web-1"]
    problem(ben.get("hosts/web-1/"), 404)


def test_a_dry_run_says_what_of_the_definition_does_not_follow(ben: Caller) -> None:
    host("web-1")
    Repository(OWN)
    body = ben.post("hosts/web-1/rename/", {"name": "edge-1", "dry_run": True}).json()
    assert (body["renamed"], body["needs_accept_layer"]) == (False, True)
    assert (body["layer_left"], body["layer_found"]) == (["resources.yaml"], [])
    assert [(r["resource"], r["after"]) for r in body["resources_changed"]] == [
        ("file:/etc/motd", {"value": "undeclared"})
    ]
    assert Host.objects.get().name == "web-1"


def test_a_host_is_not_renamed_away_from_its_layer_unless_it_is_meant_so(ben: Caller) -> None:
    host("web-1")
    Repository(OWN)
    told = problem(ben.post("hosts/web-1/rename/", {"name": "edge-1"}), 409)
    assert "Commit a copy of it as hosts/edge-1/ first" in told["detail"]
    assert ben.post("hosts/web-1/rename/", {"name": "edge-1", "accept_layer": True}).json()["renamed"]


@pytest.mark.parametrize(("name", "status"), [("web-2", 409), ("../etc", 400), ("", 400)])
def test_a_name_that_can_not_be_had_is_refused(ben: Caller, name: str, status: int) -> None:
    host("web-1")
    host("web-2")
    problem(ben.post("hosts/web-1/rename/", {"name": name}), status)


def test_sent_twice_with_one_key_it_is_done_once(ben: Caller) -> None:
    host("web-1")
    first = ben.post("hosts/web-1/rename/", {"name": "edge-1"}, Idempotency_Key="k")
    again = ben.post("hosts/web-1/rename/", {"name": "edge-1"}, Idempotency_Key="k")
    assert first.json() == again.json() and again.headers["Idempotent-Replay"] == "true"


# Installed anew


def test_a_reimaged_host_has_its_new_key_and_no_other(cy: Caller, shows: Any) -> None:
    web = host("web-1")
    HostKey.objects.create(
        host=web, algorithm="ssh-ed25519", public_key=public_key("old"), fingerprint=fingerprint("old"),
        pinned_at=web.created_at,
    )  # fmt: skip
    shows("new")
    body = cy.post(
        "hosts/web-1/reimage/", {"fingerprints": [fingerprint("new")], "reason": "disk died"}
    ).json()
    assert [key["fingerprint"] for key in body["host_keys"]] == [fingerprint("new")]
    assert body["reimaged_at"] is not None and body["facts"] == {}
    assert HostKey.objects.get(fingerprint=fingerprint("old")).revoked_at is not None


def test_a_fingerprint_that_it_does_not_show_is_refused_and_nothing_begins_again(
    cy: Caller, shows: Any
) -> None:
    host("web-1")
    shows("new")
    problem(cy.post("hosts/web-1/reimage/", {"fingerprints": [fingerprint("other")]}), 409)
    problem(cy.post("hosts/web-1/reimage/", {}), 400)
    assert Host.objects.get().reimaged_at is None and not HostKey.objects.exists()


# Out of service, and back


def test_a_decommissioned_host_is_told_from_one_that_never_was_and_comes_back(ben: Caller) -> None:
    host("web-1")
    ben.post("hosts/web-1/decommission/")
    assert ben.get("hosts/web-1/").json()["state"] == "decommissioned"
    assert [one["name"] for one in ben.get("hosts/?state=decommissioned").json()["results"]] == ["web-1"]
    problem(ben.get("hosts/web-2/"), 404)
    problem(ben.send("DELETE", "hosts/web-1/"), 405)
    body = ben.post("hosts/web-1/recommission/").json()
    assert (body["state"], body["decommissioned_at"]) == ("active", None)
    problem(ben.post("hosts/web-1/recommission/"), 409)


# Host CAs


def test_a_ca_is_trusted_changed_and_revoked(cy: Caller) -> None:
    host("web-1")
    host("db-1", host_roles=["db"])

    def enrolled() -> dict[str, bool]:
        """What the list says, which has to agree with its own filter."""
        said = {one["name"]: one["enrolled"] for one in cy.get("hosts/").json()["results"]}
        for value in (True, False):
            found = cy.get(f"hosts/?enrolled={str(value).lower()}").json()["results"]
            assert {one["name"] for one in found} == {name for name in said if said[name] is value}
        return said

    assert enrolled() == {"web-1": False, "db-1": False}
    made = cy.post(
        "host-cas/", {"name": "fleet", "public_key": f"{public_key('ca')} me@here", "hosts": "role=web"}
    )
    assert made.status_code == 201, made.content
    body = made.json()
    assert (body["fingerprint"], body["public_key"]) == (fingerprint("ca"), public_key("ca"))
    assert cy.get("hosts/web-1/").json()["host_cas"] == ["fleet"]
    assert enrolled() == {"web-1": True, "db-1": False}
    changed = cy.patch("host-cas/fleet/", {"hosts": "*"}, If_Match=made.headers["ETag"])
    assert changed.json()["hosts"] == "*"
    assert enrolled() == {"web-1": True, "db-1": True}
    problem(cy.patch("host-cas/fleet/", {"hosts": "web-1"}, If_Match=made.headers["ETag"]), 412)
    assert cy.post("host-cas/fleet/revoke/").json()["revoked_at"] is not None
    assert cy.get("hosts/web-1/").json()["enrolled"] is False
    assert [one["name"] for one in cy.get("host-cas/?revoked=true").json()["results"]] == ["fleet"]
    problem(cy.patch("host-cas/fleet/", {"hosts": "*"}), 409)


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"hosts": "colour=red"}, "/hosts"),
        ({"public_key": "nonsense"}, "/public_key"),
        ({"name": "a b"}, "/name"),
    ],
)
def test_a_ca_that_can_not_be_is_refused(cy: Caller, wrong: dict[str, str], pointer: str) -> None:
    body = {"name": "fleet", "public_key": public_key("ca"), "hosts": "*"} | wrong
    assert problem(cy.post("host-cas/", body), 400)["errors"][0]["pointer"] == pointer
