"""docs/definition.md is in step: its examples form one definition, and nothing that can be written is left out."""

import re
from pathlib import Path

import pytest

from deployments.core.definition import bounds, parse, settings
from deployments.core.definition.parse import parse_definition
from deployments.core.definition.render import desired_manifest
from deployments.core.definition.sections import SECTIONS, WATCHABLE
from deployments.core.definition.yaml_read import MAX_DEPTH, MAX_NODES
from deployments.core.starter import STARTER
from deployments.core.states import ABSENT, Present
from inventory.core.host_view import HostView

TEXT = (Path(__file__).parents[2] / "docs" / "definition.md").read_text()


def examples() -> dict[str, bytes]:
    blocks = re.findall(
        r"^```(?:yaml)?\n(?:# (\S+\.yaml)|\{# (\S+) #\})\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL
    )
    return {yaml or template: text.encode() for yaml, template, text in blocks}


def test_the_examples_form_a_definition_that_renders() -> None:
    files = {
        **examples(),
        "roles/web/files/app.conf": b"\0",
        "environments/prod/roles/web/files/banner": b"production\n",
    }
    assert len(files) == 8
    definition = parse_definition(files)
    web_3 = desired_manifest(definition, HostView("web-3", "prod", ("web",), {}, {"cpus": 8}))
    assert web_3.resources["file:/etc/motd"].content == b"web-3 (prod), 8 processors\n\n"
    assert web_3.resources["file:/etc/app/banner"].content == b"production\n"
    assert "file:/etc/telnet.conf" not in web_3.resources
    app = web_3.resources["file:/etc/app/app.conf"]
    assert isinstance(app.state, Present) and app.state.data["owner"] == "app"
    assert app.notify == ()
    assert web_3.secret_paths == ("/etc/app/db.password",)
    assert web_3.exhaustive == ("/etc/app/conf.d",)
    assert web_3.watched == ("package", "port", "service")
    db_1 = desired_manifest(definition, HostView("db-1", "test", ("db",), {}, {"cpus": 2}))
    assert db_1.resources["sysctl:vm.swappiness"].state == Present({"value": "10"})
    assert {name.partition(":")[0] for name in db_1.resources} >= {SECTIONS[name].kind for name in WATCHABLE}
    assert db_1.resources["file:/etc/telnet.conf"].state == ABSENT
    assert db_1.resources["file:/etc/motd"].content == b"db-1 (test), 2 processors\nAuthorised use only\n\n"


@pytest.mark.parametrize("name", SECTIONS)
def test_every_attribute_has_its_row(name: str) -> None:
    part = TEXT.split(f"\n### {name}\n", 1)[1].split("\n### ", 1)[0]
    rows = re.findall(r"^\| (`.*?) \|", part, re.MULTILINE)
    assert {word for row in rows for word in re.findall(r"`(\w+)`", row)} == set(SECTIONS[name].attributes)


def test_every_setting_is_named_and_a_new_definition_watches_what_hosts_can_list() -> None:
    part = TEXT.split("\n## definition.yaml\n", 1)[1].split("\n## ", 1)[0]
    assert tuple(re.findall(r"^\| `(\w+)` \|", part, re.MULTILINE)) == settings.KEYS
    starter = parse_definition(STARTER)
    assert set(starter.watched) == {*WATCHABLE, "/etc"} - {"containers"}
    assert not starter.layers["base"].declarations
    shown = (
        STARTER["base/resources.yaml"].decode().split("#\n", 1)[1].replace("\n# ", "\n").removeprefix("# ")
    )
    example = {
        "base/resources.yaml": shown.encode(),
        "base/files/app.ini": b"",
        "base/templates/app.conf.j2": b"",
    }
    assert len(parse_definition({**STARTER, **example}).layers["base"].declarations) == 11


def test_the_limits_are_those_of_the_code() -> None:
    assert f"{bounds.MAX_STEPS:,} steps" in TEXT
    assert f"{bounds.MAX_WIDTH:,} columns" in TEXT
    assert f"{bounds.MAX_SIZE // 2**20} MiB of output" in TEXT
    assert bounds.CALL_STEPS == 4
    assert f"{parse.MAX_YAML_BYTES // 2**20} MiB for a YAML file" in TEXT
    assert f"{parse.MAX_SOURCE_BYTES // 2**20} MiB for a source" in TEXT
    assert f"{MAX_NODES:,} values" in TEXT
    assert f"{MAX_DEPTH} levels" in TEXT
