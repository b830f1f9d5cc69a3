"""`hosts/import/`: a whole inventory, as a file or as text; dry run; nothing or everything."""

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from common.models import LedgerEntry
from inventory.models import Host, Team
from tests.api.client import Caller, problem
from tests.factories import person

pytestmark = pytest.mark.django_db


@pytest.fixture
def ben() -> Caller:
    return Caller.person("ben")


@pytest.fixture
def cy() -> Caller:
    return Caller.person("cy")


def upload(
    caller: Caller, content: str | bytes, name: str = "hosts.ini", path: str = "hosts/import/", **fields: Any
) -> Any:
    """As `curl -F file=@hosts.ini` does."""
    data = content.encode() if isinstance(content, str) else content
    form = {"file": SimpleUploadedFile(name, data), **fields}
    return caller.client.post(f"/api/v1/{path}", form, headers=caller.headers)


INI = "[env_prod]\nweb-[1:3] http_port=8080\n[role_web]\nweb-[1:3]\n"


def test_an_inventory_is_imported_from_a_file_after_a_dry_run(ben: Caller) -> None:
    dry = upload(ben, INI, dry_run="true")
    assert dry.status_code == 200, dry.content
    assert dry.json() | {"notes": []} == {
        "id": None, "dry_run": True, "format": "ansible-ini", "created": ["web-1", "web-2", "web-3"], "changed": [],
        "unchanged": 0, "teams_created": [], "notes": [],
    }  # fmt: skip
    assert not Host.objects.exists()
    done = upload(ben, INI)
    assert (done.status_code, done.json()["created"]) == (201, ["web-1", "web-2", "web-3"])
    assert Host.objects.get(name="web-2").variables == {"http_port": 8080}
    changed = upload(ben, INI.replace("8080", "9090"), path="hosts/import/?dry_run=true")
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
def test_an_inventory_as_text_with_a_mapping_of_its_groups(ben: Caller, format: str, text: str) -> None:
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
def test_csv_and_json_are_imported_too(ben: Caller, format: str, text: str) -> None:
    assert ben.post("hosts/import/", {"format": format, "text": text}).status_code == 201
    assert Host.objects.get(name="web-1").roles == ["web"]


def test_a_broken_inventory_lists_every_problem_with_its_line_and_changes_nothing(ben: Caller) -> None:
    text = "[env_prod]\nweb-1\nweb[3:1]\nweb-2 oops\n[bad section]\n"
    told = problem(upload(ben, text), 400)
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
def test_an_import_that_cannot_be_done_says_why(ben: Caller, body: dict[str, Any], detail: str) -> None:
    assert detail in str(problem(ben.post("hosts/import/", body), 400))
    assert not Host.objects.exists()


def test_an_import_asks_for_a_known_content_type_and_parameter(ben: Caller) -> None:
    problem(ben.send("POST", "hosts/import/", INI.encode(), content_type="text/plain"), 415)
    problem(ben.post("hosts/import/?dry_run=maybe", {"text": INI}), 400)
    problem(ben.post("hosts/import/?colour=red", {"text": INI}), 400)
    problem(ben.get("hosts/import/"), 405)
    assert not Host.objects.exists()


def test_an_admins_import_creates_missing_teams(cy: Caller) -> None:
    person("ben")
    body = {"text": INI + "[team_pay]\nweb-1\n", "team_lead": "ben"}
    answer = cy.post("hosts/import/", body)
    assert (answer.status_code, answer.json()["teams_created"]) == (201, ["pay"])
    assert Team.objects.get(name="pay").lead.username == "ben"


def test_a_repeated_import_with_the_same_key_happens_once(ben: Caller) -> None:
    first = ben.post("hosts/import/", {"text": INI}, Idempotency_Key="i-1")
    again = ben.post("hosts/import/", {"text": INI}, Idempotency_Key="i-1")
    assert first.json() == again.json()
    assert LedgerEntry.objects.filter(action="hosts.imported").count() == 1
