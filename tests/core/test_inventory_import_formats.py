"""Reading Ansible's YAML inventories, CSV and JSON."""

import json
from typing import Any

import pytest

from inventory.core.imports import yaml_nodes
from tests.core.inventories import host, problems, read

YAML = """\
all:
  vars: {ntp: pool.example}
  children:
    env_prod:
      children:
        prod:
          hosts:
            web[01:02]:
              ansible_host: 10.0.0.5
              http_port: 8080
              limits: {files: 1024, names: [a, b]}
    role_web:
      hosts:
        web01:
        web02:
      vars:
        workers: 4
        debug: no
        mode: "0644"
    team_payments:
      hosts: web02
"""


# Ansible YAML


def test_a_yaml_inventory_gives_the_same_rows() -> None:
    plan = read(YAML, "ansible-yaml")
    row = host(plan, "web02")
    assert (row.environment, row.roles, row.team, row.address) == ("prod", ("web",), "payments", "10.0.0.5")
    assert row.variables == {
        "ntp": "pool.example",
        "http_port": 8080,
        "limits": {"files": 1024, "names": ["a", "b"]},
        "workers": 4,
        "debug": False,
        "mode": "0644",
    }
    assert host(plan, "web01").team is None
    assert row.line == 8


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("yes", True),
        ("Off", False),
        ("0644", 0o644),
        ("'0644'", "0644"),
        ("0x10", 16),
        ("1_000", 1000),
        ("1:30", 90),
        ("1.5e+3", 1500.0),
        ("1e3", "1e3"),
        ("y", "y"),
        ("+5", 5),
        ("~", None),
        ("2026-01-01", "2026-01-01"),
        ("!unsafe 'a'", "a"),
        ("[1, {a: b}]", [1, {"a": "b"}]),
    ],
)
def test_yaml_values_are_read_as_yaml_1_1(written: str, value: Any) -> None:
    plan = read(f"env_prod:\n  hosts:\n    web-1:\n      x: {written}\n", "ansible-yaml")
    assert host(plan, "web-1").variables == {"x": value}


def test_anchors_and_merged_mappings_are_followed() -> None:
    plan = read(
        "env_prod:\n  hosts:\n    a: &common {x: 1, y: 1}\n    b:\n      <<: *common\n      y: 2\n",
        "ansible-yaml",
    )
    assert host(plan, "b").variables == {"x": 1, "y": 2}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("all:\n  hosts:\n   - web-1\n", "hosts:3: a mapping is expected for the hosts of all"),
        ("all:\n  host:\n    web-1:\n", "hosts:2: group all has 'host', which is not part of an inventory"),
        ("all: {hosts: [\n", "hosts:2: this is not YAML"),
        (
            "all:\n  hosts:\n    web-1:\n  hosts:\n    web-2:\n",
            "hosts:4: hosts is written twice here, first on line 2",
        ),
        (
            "env_prod:\n  hosts:\n    web-1:\n      x: !vault |\n        $ANSIBLE_VAULT;1.1\n        66\n",
            "hosts:4: x is encrypted with",
        ),
        (
            "env_prod:\n  hosts:\n    web-1: {x: !!python/object:os.system 1}\n",
            "hosts:3: the tag tag:yaml.org,2002:python/object",
        ),
        ("env_prod:\n  hosts:\n    web-1: {x: .nan}\n", "hosts:3: x is not a number that JSON knows"),
        ("env_prod:\n  hosts:\n    web[2:1]:\n", "hosts:3: [2:1] in 'web[2:1]' runs backwards"),
        ("env_prod:\n  hosts:\n    web-1: 5\n", "hosts:3: a mapping is expected for the host web-1"),
        (
            "env_prod:\n  hosts:\n    web-1:\n      ? [a]\n      : 1\n",
            "hosts:4: a key is a list or a mapping",
        ),
        ("- a\n- b\n", "hosts:1: this is not an inventory"),
        ("plugin: amazon.aws.aws_ec2\n", "hosts:1: this configures an inventory plugin"),
        ("a: &a\n  children: {b: *a}\n", "hosts:"),
        ("all: {hosts: {h: &h {v: *h}}}\n", "hosts:1: this is nested too deeply"),
        ("[" * 20_000, "hosts: this is nested too deeply"),
        ("a: 1\n---\nb: 1\n", "hosts:"),
        ("", "hosts: there is no host"),
    ],
)
def test_a_broken_yaml_inventory_is_told_file_line_and_remedy(text: str, expected: str) -> None:
    found = problems(text, "ansible-yaml")
    assert found[0].startswith(expected), found


def test_aliases_that_multiply_are_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_nodes, "MAX_NODES", 10_000)
    lines = ["env_prod:", "  hosts:", "    web-1:", "      a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"      a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert "multiply" in problems("\n".join(lines), "ansible-yaml")[0]


# CSV and JSON


def test_a_csv_gives_rows_and_an_empty_cell_says_nothing() -> None:
    plan = read(
        "name,environment,roles,team,address,port,user,var:rack,credential\n"
        'web-1,prod,web cache,payments,10.0.0.5,2222,deploy,"4, left",main\n'
        "\n"
        "web-2,prod,web;cache,,,,,,\n",
        "csv",
    )
    first, second = plan.rows
    assert (first.roles, first.port, first.variables, first.credential) == (
        ("web", "cache"),
        2222,
        {"rack": "4, left"},
        "main",
    )
    assert (second.roles, second.team, second.port, second.variables, second.line) == (
        ("web", "cache"),
        None,
        None,
        {},
        4,
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name;environment\nweb-1;prod\n", "hosts:1: the columns are separated by semicolons"),
        ("name,environment,colour\n", "hosts:1: the column 'colour' is not known"),
        ("name,roles\nweb-1,web\n", "hosts:1: there is no column 'environment'"),
        ("name,environment,name\n", "hosts:1: the column 'name' is there twice"),
        ("name,environment\nweb-1\n", "hosts:2: this line has 1 cells, and the header 2"),
        ('name,environment\n"web-1,prod\n', "hosts:2: this is not CSV"),
        ("name,environment\nweb-1,\n", "hosts:2: web-1 has no environment"),
        ("name,environment\n,prod\n", "hosts:2: a host needs a name"),
        ("name,environment\nweb-1,prod\nweb-1,test\n", "hosts:3: web-1 is already on line 2"),
        ("name,environment\nweb 1,prod\n", "hosts:2: 'web 1' is not a host name"),
        ("name,environment,port\nweb-1,prod,99999\n", "hosts:2: '99999' is not a port"),
        ("name,environment,transport\nweb-1,prod,telnet\n", "hosts:2: 'telnet' is not a transport"),
        ("name,environment\nweb-1,pr/od\n", "hosts:2: the environment can't be named 'pr/od'"),
        ("", "hosts:1: there is no column 'name'"),
    ],
)
def test_a_broken_csv_is_told_file_line_and_remedy(text: str, expected: str) -> None:
    assert problems(text, "csv")[0].startswith(expected)


def test_json_gives_rows_located_by_their_objects_line() -> None:
    hosts = [
        {"name": "web-1", "environment": "prod", "roles": ["web", "cache"], "variables": {"rack": 4}},
        {"name": "web-2", "environment": "prod", "port": 2222},
    ]
    for text in (json.dumps(hosts, indent=1), json.dumps({"hosts": hosts}, indent=1)):
        first, second = read(text, "json").rows
        assert (first.roles, first.variables, second.port, second.variables) == (
            ("web", "cache"),
            {"rack": 4},
            2222,
            None,
        )
        assert text.splitlines()[first.line - 1].strip() == "{"
        assert second.line > first.line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[{"name": "web-1",]', "hosts:1: this is not JSON"),
        ('[\n{"name": "a", "environment": "p"},\n{"name": "b"}]', "hosts:3: b has no environment"),
        (
            '[{"name": "a", "environment": "p", "name": "b"}]',
            "hosts:1: this is not JSON: 'name' is there twice",
        ),
        ('[{"name": "a", "environment": "p", "colour": 1}]', "hosts:1: 'colour' is not known"),
        ('[{"name": "a", "environment": "p", "roles": "web"}]', "hosts:1: roles is not a list"),
        ('[{"name": "a", "environment": "p", "variables": [1]}]', "hosts:1: variables is not an object"),
        (
            '[{"name": "a", "environment": "p", "variables": {"password": "x"}}, 3]',
            "hosts:1: a host is not an object",
        ),
        ('[{"name": "a", "environment": "p", "port": true}]', "hosts:1: True is not a port"),
        ('[{"name": "a", "environment": ["p"]}]', "hosts:1: the environment is not a text"),
        ('{"name": "a"}', "hosts:1: this is not a list of hosts"),
        ("[] x", "hosts:1: something follows the end"),
        ("[NaN]", "hosts:1: this is not JSON: NaN is not a JSON number"),
        ("[" * 100_000, "hosts: this is nested too deeply"),
        ("[]", "hosts: there is no host"),
    ],
)
def test_broken_json_is_told_file_line_and_remedy(text: str, expected: str) -> None:
    assert problems(text, "json")[0].startswith(expected)
