"""Hosts, imports, teams, people, credentials and enrolment over the API."""

import json
from typing import Any
from uuid import uuid4

import asyncssh
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client, override_settings

from common.models import Job, LedgerEntry
from deployments.services.enrolment import Offer
from deployments.transport.host_keys import describe
from inventory.core.sealing import generate_key_pair
from inventory.models import Credential, Host, HostKey, Team
from inventory.services.host_keys import pin_host_keys
from tests.factories import acting, person, team, token

pytestmark = pytest.mark.django_db

PUBLIC, PRIVATE = generate_key_pair()
web_process = override_settings(SEAL_PUBLIC_KEY=PUBLIC, SEAL_PRIVATE_KEY=b"")


class Api:
    """A client of one of the cast."""

    def __init__(self, who: str) -> None:
        role = person(who).role
        self._client = Client(
            headers={"Authorization": f"Bearer {token(who, name=f'{who}-cli', role=role)[1]}"}
        )

    def get(self, path: str, **query: Any) -> Any:
        return self._client.get(f"/api/v1/{path}", query)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self._client.post(
            f"/api/v1/{path}", body or {}, content_type="application/json", headers=headers
        )

    def patch(self, path: str, body: Any, **headers: str) -> Any:
        return self._client.patch(f"/api/v1/{path}", body, content_type="application/json", headers=headers)

    def upload(self, path: str, name: str, content: str | bytes, **fields: Any) -> Any:
        data = content.encode() if isinstance(content, str) else content
        return self._client.post(f"/api/v1/{path}", {"file": SimpleUploadedFile(name, data), **fields})


def problem(answer: Any, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["status"] == status and body["detail"]
    return body


@pytest.fixture
def cy() -> Api:
    return Api("cy")


@pytest.fixture
def ben() -> Api:
    return Api("ben")


@pytest.fixture
def dee() -> Api:
    return Api("dee")


# Hosts


def test_a_host_is_created_and_read_by_name_and_by_id(ben: Api) -> None:
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
    assert body["html_url"].endswith("/hosts/web-1/")
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
    ben: Api, body: Any, pointer: str
) -> None:
    told = problem(ben.post("hosts/", body), 400)
    assert pointer in [error["pointer"] for error in told["errors"]]
    assert not Host.objects.exists()


@pytest.mark.parametrize("body", ["{", "[]", '"x"', "\xff"])
def test_a_body_that_is_no_object_is_a_problem(ben: Api, body: str) -> None:
    answer = ben._client.post("/api/v1/hosts/", body.encode("latin-1"), content_type="application/json")
    problem(answer, 400)


def test_a_taken_name_is_a_conflict(ben: Api) -> None:
    ben.post("hosts/", {"name": "web-1", "environment": "prod"})
    assert (
        "There is a host web-1 already"
        in problem(ben.post("hosts/", {"name": "WEB-1", "environment": "x"}), 409)["detail"]
    )


def test_a_patch_needs_the_etag_that_was_read(ben: Api) -> None:
    etag = ben.post("hosts/", {"name": "web-1", "environment": "prod"})["ETag"]
    first = ben.patch("hosts/web-1/", {"port": 2222}, **{"If-Match": etag})
    assert (first.status_code, first.json()["port"]) == (200, 2222)
    assert first["ETag"] != etag
    problem(ben.patch("hosts/web-1/", {"port": 23}, **{"If-Match": etag}), 412)
    assert ben.patch("hosts/web-1/", {"team": None}).status_code == 200
    problem(ben.patch("hosts/web-1/", {"name": "web-2"}), 400)
    problem(ben.patch("hosts/web-1/", {"port": 0}), 400)
    problem(ben.patch("hosts/web-9/", {"port": 1}), 404)


def test_a_key_makes_a_repeated_post_one_host(ben: Api) -> None:
    body = {"name": "web-1", "environment": "prod"}
    first = ben.post("hosts/", body, **{"Idempotency-Key": "k-1"})
    again = ben.post("hosts/", body, **{"Idempotency-Key": "k-1"})
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert Host.objects.count() == 1
    problem(ben.post("hosts/", body | {"environment": "x"}, **{"Idempotency-Key": "k-1"}), 422)


def test_a_decommissioned_host_stays_readable_and_leaves_selectors(ben: Api) -> None:
    for name in ("web-1", "web-2"):
        ben.post("hosts/", {"name": name, "environment": "prod"})
    assert ben.post("hosts/web-1/decommission/").json()["state"] == "decommissioned"
    problem(ben.post("hosts/web-1/decommission/"), 409)
    assert ben.get("hosts/web-1/").status_code == 200
    assert [host["name"] for host in ben.get("hosts/", selector="*").json()["results"]] == ["web-2"]
    assert [host["name"] for host in ben.get("hosts/", state="active").json()["results"]] == ["web-2"]
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
        ({"enrolled": "true"}, ["web-3"]),
        ({"state": "decommissioned"}, []),
    ],
)
def test_hosts_are_found_by_what_they_are(dee: Api, query: dict[str, Any], names: list[str]) -> None:
    fleet()
    key = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    pin_host_keys(actor=acting("cy"), host=Host.objects.get(name="web-3"), keys=[key])
    answer = dee.get("hosts/", **query)
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
    dee: Api, query: dict[str, str], pointer: str
) -> None:
    told = problem(dee.get("hosts/", **query), 400)
    assert told["errors"][0]["pointer"] == pointer


def test_a_list_goes_on_by_cursor_without_gaps_or_repeats(dee: Api) -> None:
    fleet()
    names: list[str] = []
    answer = dee.get("hosts/", limit=2, count="true")
    assert answer.json()["count"] == 6
    while True:
        names += [host["name"] for host in answer.json()["results"]]
        if not answer.json()["next"]:
            break
        answer = dee._client.get(answer.json()["next"])
    assert names == ["db-1", "web-1", "web-2", "web-3", "web-4", "web-5"]


def test_a_list_takes_the_same_queries_for_two_hosts_and_for_many(
    dee: Api, django_assert_max_num_queries: Any
) -> None:
    fleet()
    with django_assert_max_num_queries(6):
        assert len(dee.get("hosts/").json()["results"]) == 6


# Import

INI = "[env_prod]\nweb-[1:3] http_port=8080\n[role_web]\nweb-[1:3]\n"


def test_an_inventory_is_imported_from_a_file_after_a_dry_run(ben: Api) -> None:
    dry = ben.upload("hosts/import/", "hosts.ini", INI, dry_run="true")
    assert dry.status_code == 200, dry.content
    assert dry.json() | {"notes": []} == {
        "id": None, "dry_run": True, "format": "ansible-ini", "created": ["web-1", "web-2", "web-3"], "changed": [],
        "unchanged": 0, "teams_created": [], "notes": [],
    }  # fmt: skip
    assert not Host.objects.exists()
    done = ben.upload("hosts/import/", "hosts.ini", INI)
    assert (done.status_code, done.json()["created"]) == (201, ["web-1", "web-2", "web-3"])
    assert Host.objects.get(name="web-2").variables == {"http_port": 8080}
    changed = ben.upload("hosts/import/?dry_run=true", "hosts.ini", INI.replace("8080", "9090"))
    assert changed.json()["changed"][0] == {
        "name": "web-1", "changes": {"variables": [{"http_port": 8080}, {"http_port": 9090}]},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("format", "text"),
    [
        ("ansible-ini", "[live]\nweb-1\n[webs]\nweb-1\n"),
        ("ansible-yaml", "live: {hosts: {web-1: }}\nwebs: {hosts: {web-1: }}\n"),
    ],
)
def test_an_inventory_as_text_with_a_mapping_of_its_groups(ben: Api, format: str, text: str) -> None:
    body = {"format": format, "text": text, "mapping": {"live": "environment:prod", "webs": "role:web"}}
    assert ben.post("hosts/import/", body).status_code == 201
    host = Host.objects.get(name="web-1")
    assert (host.environment, host.roles) == ("prod", ["web"])


@pytest.mark.parametrize(
    ("format", "text"),
    [
        ("csv", "name,environment,roles\nweb-1,prod,web\n"),
        ("json", json.dumps([{"name": "web-1", "environment": "prod", "roles": ["web"]}])),
    ],
)
def test_csv_and_json_are_imported_too(ben: Api, format: str, text: str) -> None:
    assert ben.post("hosts/import/", {"format": format, "text": text}).status_code == 201
    assert Host.objects.get(name="web-1").roles == ["web"]


def test_a_broken_inventory_lists_every_problem_with_its_line_and_changes_nothing(ben: Api) -> None:
    text = "[env_prod]\nweb-1\nweb[3:1]\nweb-2 oops\n[bad section]\n"
    told = problem(ben.upload("hosts/import/", "hosts.ini", text), 400)
    assert told["detail"].startswith("Nothing was imported: there are 3 problems. hosts.ini:3: ")
    assert [error["detail"].split(": ")[0] for error in told["errors"]] == [
        "hosts.ini:3",
        "hosts.ini:4",
        "hosts.ini:5",
    ]
    assert not Host.objects.exists()


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({}, "Send either a file"),
        ({"text": ""}, "there is no host in this inventory"),
        ({"text": INI, "format": "toml"}, "toml"),
        (
            {"text": INI, "mapping": {"web": "colour:red"}},
            "mapping: group web: 'colour:red' is not a meaning",
        ),
        ({"text": INI, "mapping": {"web": 5}}, "a meaning is a text"),
        ({"text": INI, "mapping": "web=role:web"}, "JSON object"),
        ({"text": INI, "team_lead": "nobody"}, "There is no person nobody"),
        ({"text": INI + "[team_pay]\nweb-1\n"}, "inventory:2: the team pay of web-1 is not known"),
        (
            {"text": "env_prod: {hosts: {w: {k: !vault x}}}", "format": "ansible-yaml"},
            "encrypted with ansible-vault",
        ),
        ({"text": INI, "colour": 1}, "Unknown field: colour"),
    ],
)
def test_an_import_that_cannot_be_done_says_why(ben: Api, body: dict[str, Any], detail: str) -> None:
    assert detail in str(problem(ben.post("hosts/import/", body), 400))
    assert not Host.objects.exists()


def test_an_import_asks_for_a_known_content_type_and_parameter(ben: Api) -> None:
    problem(ben._client.post("/api/v1/hosts/import/", INI, content_type="text/plain"), 415)
    problem(ben.post("hosts/import/?dry_run=maybe", {"text": INI}), 400)
    problem(ben.post("hosts/import/?colour=red", {"text": INI}), 400)
    problem(ben.get("hosts/import/"), 405)
    assert not Host.objects.exists()


def test_an_admins_import_creates_missing_teams(cy: Api) -> None:
    person("ben")
    body = {"text": INI + "[team_pay]\nweb-1\n", "team_lead": "ben"}
    answer = cy.post("hosts/import/", body)
    assert (answer.status_code, answer.json()["teams_created"]) == (201, ["pay"])
    assert Team.objects.get(name="pay").lead.username == "ben"


def test_a_repeated_import_with_the_same_key_happens_once(ben: Api) -> None:
    first = ben.post("hosts/import/", {"text": INI}, **{"Idempotency-Key": "i-1"})
    again = ben.post("hosts/import/", {"text": INI}, **{"Idempotency-Key": "i-1"})
    assert first.json() == again.json()
    assert LedgerEntry.objects.filter(action="hosts.imported").count() == 1


# Teams and people


def test_a_team_is_created_read_and_handed_over(cy: Api) -> None:
    person("ben"), person("ana")
    made = cy.post("teams/", {"name": "payments", "lead": "ben", "description": "money"})
    assert (made.status_code, made.json()["lead"]["username"]) == (201, "ben")
    assert cy.get("teams/payments/").json() == made.json()
    changed = cy.patch("teams/payments/", {"lead": "ana"}, **{"If-Match": made["ETag"]})
    assert changed.json()["lead"]["username"] == "ana"
    problem(cy.patch("teams/payments/", {"lead": "ben"}, **{"If-Match": made["ETag"]}), 412)
    assert [found["name"] for found in cy.get("teams/", lead="ana").json()["results"]] == ["payments"]
    assert "/lead" in str(problem(cy.post("teams/", {"name": "x", "lead": "nobody"}), 400))
    problem(cy.post("teams/", {"name": "Payments", "lead": "ben"}), 409)
    problem(cy.get("teams/nothing/"), 404)


def test_people_are_listed_with_the_teams_they_lead_and_no_password(dee: Api) -> None:
    team("payments", "ben")
    found = {found["username"]: found for found in dee.get("people/").json()["results"]}
    assert found["ben"]["leads"] == ["payments"]
    assert not any("password" in key for key in found["ben"])
    assert dee.get("people/ben/").json() == found["ben"]
    assert [p["username"] for p in dee.get("people/", role="auditor").json()["results"]] == ["dee"]
    problem(dee.get("people/nobody/"), 404)


# Credentials


def key_file() -> str:
    return asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()


@web_process
def test_a_credential_goes_in_and_never_comes_out(cy: Api) -> None:
    secret = "correct-horse-battery-staple"
    made = cy.post(
        "credentials/",
        {"name": "legacy", "kind": "password", "secret": secret, "user": "root", "is_default": True},
        **{"Idempotency-Key": "c-1"},
    )
    assert made.status_code == 201, made.content
    key = key_file()
    answers = [
        made,
        cy.get("credentials/"),
        cy.get("credentials/legacy/"),
        cy.post("credentials/", {"name": "deploy", "kind": "private-key", "secret": key}),
        cy.post("credentials/deploy/rotate/", {"secret": key_file()}),
        cy.patch("credentials/legacy/", {"user": "admin"}, **{"If-Match": made["ETag"]}),
    ]
    assert [answer.status_code for answer in answers] == [201, 200, 200, 201, 200, 200]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT i::text FROM common_idempotencykey i UNION ALL SELECT l::text FROM common_ledgerentry l "
            "UNION ALL SELECT o::text FROM common_outboxevent o UNION ALL SELECT c::text FROM inventory_credential c"
        )
        everything = "\n".join(
            [str(row[0]) for row in cursor.fetchall()] + [a.content.decode() for a in answers]
        )
    assert secret not in everything and secret.encode().hex() not in everything
    assert key.splitlines()[2] not in everything
    assert "PRIVATE KEY" not in everything
    assert answers[3].json()["public_key"].startswith("ssh-ed25519 ")
    assert "sealed" not in made.json()


@web_process
@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": "x", "kind": "password"}, "/secret"),
        ({"name": "x", "kind": "token", "secret": "x"}, "/kind"),
        ({"name": "x", "kind": "private-key", "secret": "not-a-key-at-all"}, "/secret"),
        ({"name": "x y", "kind": "password", "secret": "x"}, "/name"),
    ],
)
def test_a_credential_that_cannot_work_is_a_problem_that_does_not_repeat_it(
    cy: Api, body: Any, pointer: str
) -> None:
    told = problem(cy.post("credentials/", body), 400)
    assert pointer in [error["pointer"] for error in told["errors"]]
    assert "not-a-key-at-all" not in str(told)


@web_process
def test_a_test_is_handed_to_a_worker(cy: Api) -> None:
    cy.post("credentials/", {"name": "legacy", "kind": "password", "secret": "x", "user": "root"})
    cy.post("hosts/", {"name": "web-1", "environment": "prod"})
    assert "is not enrolled" in problem(cy.post("credentials/legacy/test/", {"host": "web-1"}), 400)["detail"]
    key = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    pin_host_keys(actor=acting("cy"), host=Host.objects.get(name="web-1"), keys=[key])
    answer = cy.post("credentials/legacy/test/", {"host": "web-1"})
    job = Job.objects.get()
    assert (answer.status_code, answer["Location"]) == (202, f"/api/v1/jobs/{job.pk}/")
    assert (job.kind, job.subject_id) == ("credential-test", Credential.objects.get().pk)
    assert "/host" in str(problem(cy.post("credentials/legacy/test/", {"host": "web-9"}), 400))


# Enrolment (the network is tests/services/test_inventory_enrolment.py's part)


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """web-1 shows two keys; their fingerprints."""
    keys = [describe(asyncssh.generate_private_key("ssh-ed25519").convert_to_public()) for _ in range(2)]

    def fetch(*, actor: Any, host: Host) -> Offer:
        pinned = frozenset(host.keys.filter(revoked_at=None).values_list("fingerprint", flat=True))
        return Offer(host.pk, host.name, "10.0.0.5", 22, tuple(keys), pinned)

    monkeypatch.setattr("deployments.api.enrolment.fetch_offer", fetch)
    return [key.fingerprint for key in keys]


def test_fingerprints_are_shown_and_only_the_confirmed_one_is_pinned(cy: Api, offered: list[str]) -> None:
    cy.post("hosts/", {"name": "web-1", "environment": "prod"})
    shown = cy.get("hosts/web-1/enrol/").json()
    assert [key["fingerprint"] for key in shown["keys"]] == offered
    assert cy.post("hosts/web-1/enrol/", {"dry_run": True}).json() == shown
    assert not HostKey.objects.exists()
    done = cy.post("hosts/web-1/enrol/", {"fingerprints": offered[:1]})
    assert [key["pinned"] for key in done.json()["keys"]] == [True, False]
    host = cy.get("hosts/web-1/").json()
    assert host["enrolled"] and [key["fingerprint"] for key in host["host_keys"]] == offered[:1]
    assert host["host_keys"][0]["pinned_by"]["username"] == "cy"


def test_a_fingerprint_that_is_not_shown_is_a_conflict_and_none_is_a_problem(
    cy: Api, offered: list[str]
) -> None:
    cy.post("hosts/", {"name": "web-1", "environment": "prod"})
    problem(cy.post("hosts/web-1/enrol/", {"fingerprints": ["SHA256:" + "A" * 43]}), 409)
    problem(cy.post("hosts/web-1/enrol/", {}), 400)
    problem(cy.post("hosts/web-1/enrol/", {"fingerprints": []}), 400)
    problem(cy.get("hosts/web-9/enrol/"), 404)
    assert not HostKey.objects.exists()


# Who may


WRITES = [
    ("post", "hosts/", {"name": "web-9", "environment": "prod"}, {"ben", "cy"}),
    ("patch", "hosts/web-1/", {"port": 23}, {"ben", "cy"}),
    ("post", "hosts/import/", {"text": INI}, {"ben", "cy"}),
    ("post", "hosts/web-1/decommission/", {}, {"ben", "cy"}),
    ("post", "hosts/web-1/enrol/", {"dry_run": True}, {"cy"}),
    ("post", "teams/", {"name": "search", "lead": "ben"}, {"cy"}),
    ("patch", "teams/payments/", {"description": "x"}, {"cy"}),
    ("post", "credentials/", {"name": "x", "kind": "password", "secret": "x"}, {"cy"}),
    ("patch", "credentials/legacy/", {"user": "x"}, {"cy"}),
    ("post", "credentials/legacy/rotate/", {"secret": "x"}, {"cy"}),
    ("post", "credentials/legacy/test/", {"host": "web-1"}, {"cy"}),
]


@web_process
@pytest.mark.parametrize("who", ["ana", "ben", "cy", "dee", "a program"])
@pytest.mark.parametrize(
    ("method", "path", "body", "allowed"), WRITES, ids=[f"{m} {p}" for m, p, _, _ in WRITES]
)
def test_each_write_is_for_those_who_may(
    who: str, method: str, path: str, body: dict[str, Any], allowed: set[str], offered: list[str]
) -> None:
    admin = Api("cy")
    team("payments", "ben")
    admin.post("hosts/", {"name": "web-1", "environment": "prod"})
    admin.post("credentials/", {"name": "legacy", "kind": "password", "secret": "x"})
    key = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    pin_host_keys(actor=acting("cy"), host=Host.objects.get(name="web-1"), keys=[key])
    if who == "a program":
        client = Api("ana")
        client._client = Client(headers={"Authorization": f"Bearer {token('ana')[1]}"})
    else:
        client = Api(who)
    answer = getattr(client, method)(path, body)
    if who in allowed:
        assert answer.status_code < 300, answer.content
    else:
        assert "may not" in problem(answer, 403)["detail"]


@pytest.mark.parametrize(
    "path", ["hosts/", "hosts/web-1/", "teams/", "people/", "credentials/", "hosts/web-1/enrol/"]
)
def test_without_a_token_nothing_is_shown(path: str) -> None:
    Host.objects.create(name="web-1", environment="prod")
    problem(Client().get(f"/api/v1/{path}"), 401)


@pytest.mark.parametrize("path", ["hosts/{}/", "teams/{}/", "people/{}/", "credentials/{}/"])
@pytest.mark.parametrize("name", ["nothing", "%00", str(uuid4()), "a" * 500, "..", "%F0%9F%92%A9"])
def test_what_is_not_there_is_not_found(dee: Api, path: str, name: str) -> None:
    assert dee._client.get(f"/api/v1/{path.format(name)}").status_code == 404
