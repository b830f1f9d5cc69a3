"""Reading Ansible's inventories, CSV and JSON: what becomes of a file, and what a broken one is told."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inventory.core.imports import yaml_nodes
from inventory.core.imports.compare import KnownHost, compare
from inventory.core.imports.host_ranges import HostPatternError, expand_hosts
from inventory.core.imports.plan import HostRow, ImportPlan, InventoryError
from inventory.core.imports.reader import FORMATS, format_of, read_inventory
from inventory.core.variables import secret_in

INI = """\
# our fleet
[all:vars]
ntp=pool.example

[role_web]
web[01:03].example ansible_host=10.0.0.5 http_port=8080 title="'two words'"   # a comment
web-9:2222 tags="['a', 'b']"

[role_web:vars]
workers = 4
colour = "quoted"
port_text = 0755

[role_cache]
web-9

[prod:children]
role_web

[env_prod:children]
prod

[team_payments]
web-9 ansible_user=deploy ansible_become=true
"""

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


def read(text: str, format: str = "ansible-ini", mapping: Mapping[str, str] | None = None) -> ImportPlan:
    return read_inventory(text, path="hosts", format=format, mapping=mapping)


def host(plan: ImportPlan, name: str) -> HostRow:
    return next(row for row in plan.rows if row.name == name)


def problems(
    text: str | bytes, format: str = "ansible-ini", mapping: Mapping[str, str] | None = None
) -> list[str]:
    with pytest.raises(InventoryError) as caught:
        read_inventory(text, path="hosts", format=format, mapping=mapping)
    assert all(problem.remedy for problem in caught.value.problems)
    return [str(problem) for problem in caught.value.problems]


# Ansible INI


def test_an_ini_inventory_gives_environment_roles_team_and_fields() -> None:
    plan = read(INI)
    assert [row.name for row in plan.rows] == ["web01.example", "web02.example", "web03.example", "web-9"]
    row = host(plan, "web-9")
    assert (row.environment, row.roles, row.team, row.port, row.user) == (
        "prod",
        ("web", "cache"),
        "payments",
        2222,
        "deploy",
    )
    row = host(plan, "web02.example")
    assert (row.address, row.team, row.port, row.line) == ("10.0.0.5", None, None, 6)


def test_ini_values_are_read_as_ansible_reads_them() -> None:
    assert host(read(INI), "web01.example").variables == {
        "ntp": "pool.example",
        "http_port": 8080,
        "title": "two words",
        "workers": 4,
        "colour": "quoted",
        "port_text": "0755",
    }
    assert host(read(INI), "web-9").variables["tags"] == ["a", "b"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("5", 5),
        ("5.5", 5.5),
        ("True", True),
        ("true", "true"),
        ("None", None),
        ("plain", "plain"),
        ("with#hash", "with"),
        ("'with#hash'", "with#hash"),
        ("'single quoted'", "single quoted"),
        ('"double quoted"', "double quoted"),
        ("\"'5'\"", "5"),
        ("\"{'a': 1}\"", {"a": 1}),
        ("\"('a', 'b')\"", ["a", "b"]),
        ("\"{'b', 'a'}\"", ["a", "b"]),
        ("a=b=c", "a=b=c"),
        ("1_000", 1000),
        ("3j", "3j"),
        ("''", ""),
    ],
)
def test_a_value_on_a_hosts_line(written: str, value: Any) -> None:
    plan = read(f"[env_prod]\nweb-1 x={written}\n")
    assert host(plan, "web-1").variables == {"x": value}


def test_inner_groups_win_over_outer_ones_and_the_host_over_all() -> None:
    plan = read(
        "[all:vars]\na=1\nb=1\nc=1\nd=1\n[env_prod:vars]\nb=2\nc=2\nd=2\n[env_prod:children]\nweb\n"
        "[web:vars]\nc=3\nd=3\n[web]\nweb-1 d=4\n"
    )
    assert host(plan, "web-1").variables == {"a": 1, "b": 2, "c": 3, "d": 4}


def test_at_one_depth_the_later_name_wins_unless_a_priority_says_otherwise() -> None:
    text = "[env_prod]\nweb-1\n[aa]\nweb-1\n[bb]\nweb-1\n[aa:vars]\nx=aa\n[bb:vars]\nx=bb\n"
    assert host(read(text), "web-1").variables == {"x": "bb"}
    assert host(read(text + "[aa:vars]\nansible_group_priority=10\n"), "web-1").variables == {"x": "aa"}


def test_roles_come_in_the_order_of_the_file() -> None:
    assert host(read("[role_b]\nh\n[role_a]\nh\n[env_x]\nh\n"), "h").roles == ("b", "a")
    assert host(read("[role_a]\nh\n[role_b]\nh\n[env_x]\nh\n"), "h").roles == ("a", "b")


def test_a_mapping_gives_other_names_a_meaning() -> None:
    text = "[webservers]\nweb-1\n[production]\nweb-1\n[role_old]\nweb-1\n[pay]\nweb-1\n"
    mapping = {
        "webservers": "role:web",
        "production": "environment:prod",
        "role_old": "ignore",
        "pay": "team:payments",
    }
    row = host(read(text, mapping=mapping), "web-1")
    assert (row.environment, row.roles, row.team) == ("prod", ("web",), "payments")


def test_hosts_of_a_skipped_group_are_left_out_and_counted() -> None:
    plan = read(
        "localhost ansible_connection=local\n[env_prod]\nweb-1\n",
        mapping={"ungrouped": "skip"},
    )
    assert [row.name for row in plan.rows] == ["web-1"]
    assert any("1 host in groups that the mapping skips" in note.message for note in plan.notes)


def test_a_group_without_a_meaning_is_told_and_its_variables_are_used() -> None:
    plan = read("[env_prod]\nweb-1\n[rack4]\nweb-1\n[rack4:vars]\nrack=4\n", mapping={"rack5": "ignore"})
    assert host(plan, "web-1").variables == {"rack": 4}
    assert [str(note) for note in plan.notes] == [
        "line 3: group rack4 means nothing here, so only its variables are used; map it to role:NAME, "
        "environment:NAME, team:NAME or ignore if it should",
        "the mapping names the group rack5, which is not in this inventory",
    ]


def test_connection_variables_are_left_out_and_listed_once() -> None:
    plan = read(
        "[env_prod]\nweb-1\nweb-2\n[all:vars]\nansible_become_password=hunter2\nansible_python_interpreter=/x\n"
    )
    assert host(plan, "web-1").variables == {}
    listed = [str(note) for note in plan.notes]
    assert listed == [
        "line 5: ansible_become_password is left out on 2 hosts: it is meant for Ansible itself",
        "line 6: ansible_python_interpreter is left out on 2 hosts: it is meant for Ansible itself",
    ]
    assert "hunter2" not in repr(plan)


def test_variables_that_look_like_secrets_are_never_kept() -> None:
    plan = read("[env_prod]\nweb-1 db_password=hunter2 nested=\"{'api_token': 'hunter3'}\" ok=1\n")
    assert host(plan, "web-1").variables == {"ok": 1}
    assert "hunter" not in repr(plan)
    assert [note.message.split(" is left out")[0] for note in plan.notes] == [
        "db_password",
        "nested.api_token",
    ]


def test_a_local_host_has_a_root_and_a_credential_can_be_named() -> None:
    plan = read(
        "[env_lab]\nimage foldback_transport=local foldback_root=/srv/image\nweb-1 foldback_credential=deploy\n"
    )
    assert (host(plan, "image").transport, host(plan, "image").root) == ("local", "/srv/image")
    assert host(plan, "web-1").credential == "deploy"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[env_prod\nweb-1\n", "hosts:1: '[env_prod' has a bracket without its partner"),
        ("[env prod]\nweb-1\n", "hosts:1: [env prod] is not a section"),
        ("[env_prod:host]\nweb-1\n", "hosts:1: [env_prod:host] is not a kind of section"),
        ("[env_prod]\nweb-1 title='oops\n", "hosts:2: the quotes don't match"),
        ("[env_prod]\nweb-1 8080\n", "hosts:2: '8080' is not a variable"),
        ("[env_prod]\nweb-1\n[env_prod:vars]\nno value\n", "hosts:4: 'no value' is not a variable"),
        (
            "[env_prod]\nweb-1\n[x:vars]\na=1\n",
            "hosts:3: [x:vars] belongs to the group x, which is nowhere declared",
        ),
        (
            "[env_prod:children]\nwebs\n",
            "hosts:2: [env_prod:children] has the group webs, which is nowhere declared",
        ),
        ("[a:children]\nb\n[b:children]\na\n", "hosts:4: group a is inside itself: a < b < a"),
        ("[a:children]\na\n", "hosts:2: group a is inside itself: a < a"),
        ("[env_prod]\nweb[12:1]\n", "hosts:2: [12:1] in 'web[12:1]' runs backwards"),
        ("[env_prod]\nweb[1:x]\n", "hosts:2: [1:x] in 'web[1:x]' is not a range"),
        ("[env_prod]\nweb[01:9]\n", "hosts:2: [01:9] in 'web[01:9]' has numbers of different length"),
        (
            "[env_prod]\nweb[1:200000]\n",
            "hosts:2: [1:200000] in 'web[1:200000]' makes more than 100,000 hosts",
        ),
        ("[env_prod]\na[1:1000]b[1:1000]\n", "hosts:2: 'a[1:1000]b[1:1000]' makes more than 100,000 hosts"),
        ("web-1\n", "hosts:1: web-1 has no environment"),
        (
            "[env_prod]\nweb-1\n[env_test]\nweb-1\n",
            "hosts:2: web-1 is in more than one environment: prod, test",
        ),
        (
            "[env_prod]\nweb-1\n[team_a]\nweb-1\n[team_b]\nweb-1\n",
            "hosts:2: web-1 is in more than one team: a, b",
        ),
        ("[env_prod]\nweb-1 ansible_port=ssh\n", "hosts:2: 'ssh' is not a port"),
        ("[env_prod]\nweb-1:70000\n", "hosts:2: 70000 is not a port"),
        (
            "[env_prod]\nweb-1 ansible_host='{{ ip }}'\n",
            "hosts:2: the address is a template of Ansible's ({{ ip }})",
        ),
        (
            "[env_prod]\nweb-1 ansible_host='10.0.0.1; rm'\n",
            "hosts:2: '10.0.0.1; rm' is neither a host name nor an IP",
        ),
        ("[env_prod]\nweb-1 ansible_user='a b'\n", "hosts:2: 'a b' is not a login name"),
        ("[env_prod]\nweb-1 ansible_connection=winrm\n", "hosts:2: web-1 has ansible_connection=winrm"),
        ("[env_prod]\nweb-1 foldback_roots=/x\n", "hosts:2: foldback_roots is not known"),
        ("[env_prod]\nweb-1 foldback_transport=local\n", "hosts:2: the transport local needs a root"),
        ("[env_prod]\nweb-1 foldback_root=/x\n", "hosts:2: only the transport local has a root"),
        (
            "[env_prod]\nx foldback_transport=local foldback_root=/a/../etc\n",
            "hosts:2: '/a/../etc' is not an absolute path",
        ),
        ("[env_prod]\nweb-1 http-port=80\n", "hosts:2: 'http-port' can't be a variable"),
        ("[env_prod]\n-web\n", "hosts:2: '-web' is not a host name"),
        (
            "[env_prod]\nWeb-1\nweb-1\n",
            "hosts:3: web-1 and Web-1 (line 2) differ only in upper and lower case",
        ),
        (
            "[env_prod]\nweb-1 key='$ANSIBLE_VAULT;1.1;AES256 6638'\n",
            "hosts:2: key is encrypted with ansible-vault",
        ),
        ("$ANSIBLE_VAULT;1.1;AES256\n6638\n", "hosts:1: the whole file is encrypted with ansible-vault"),
        ("---\nall:\n  hosts:\n", "hosts:1: this is a YAML file"),
        ("# nothing\n", "hosts: there is no host in this inventory"),
        (f"[env_prod]\nweb-1 x={'y' * 70_000}\n", "hosts:2: a value is longer than 65,536 characters"),
    ],
)
def test_a_broken_ini_inventory_is_told_file_line_and_remedy(text: str, expected: str) -> None:
    found = problems(text)
    assert len(found) == 1, found
    assert found[0].startswith(expected)


def test_every_problem_is_told_at_once_in_the_order_of_the_file() -> None:
    found = problems("[env_prod]\nweb[3:1]\nweb-1 x\n[bad\n[also bad]\n[q:vars]\nx\n")
    assert [problem.split(": ")[0] for problem in found] == [
        "hosts:2",
        "hosts:3",
        "hosts:4",
        "hosts:5",
        "hosts:6",
        "hosts:7",
    ]


def test_thousands_of_problems_are_cut_with_their_number() -> None:
    found = problems("\n".join(f"web-{number}" for number in range(1500)))
    assert len(found) == 1001
    assert "500 more problems" in found[-1] or "500 more problems" in "".join(found)


def test_a_file_that_is_not_text_is_told_where() -> None:
    assert problems(b"[env_prod]\nweb-\xff\n")[0].startswith("hosts:2: this is not UTF-8 text")
    assert problems("[env_prod]\nweb-\x00\n")[0].startswith("hosts:2: there is a NUL byte")
    assert (
        host(read_inventory(b"\xef\xbb\xbf[env_prod]\nweb-1\n", path="hosts"), "web-1").environment == "prod"
    )


@pytest.mark.parametrize(
    ("pattern", "names", "port"),
    [
        ("web-1", ["web-1"], None),
        ("web-1:22", ["web-1"], 22),
        ("web[1:3]", ["web1", "web2", "web3"], None),
        ("web[08:10]", ["web08", "web09", "web10"], None),
        ("web[1:5:2]:2222", ["web1", "web3", "web5"], 2222),
        ("db-[a:c]", ["db-a", "db-b", "db-c"], None),
        ("[a:b]-[1:2]", ["a-1", "a-2", "b-1", "b-2"], None),
        ("web[:2]", ["web0", "web1", "web2"], None),
    ],
)
def test_host_ranges_expand_as_ansible_expands_them(pattern: str, names: list[str], port: int | None) -> None:
    assert expand_hosts(pattern) == (names, port)


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
        ("[" * 300_000, "hosts: this is nested too deeply"),
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


# The way in


def test_the_format_follows_the_files_name() -> None:
    assert [format_of(name) for name in ("hosts", "a/b.ini", "x.YML", "x.yaml", "x.csv", "x.json")] == [
        "ansible-ini", "ansible-ini", "ansible-yaml", "ansible-yaml", "csv", "json",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"web": "rôle"}, "group web: 'rôle' is not a meaning"),
        ({"web": "colour:red"}, "group web: 'colour:red' is not a meaning"),
        ({"web": "role:"}, "group web: the role is empty"),
        ({"web": "role:a/b"}, "the role can't be named"),
    ],
)
def test_a_mapping_that_means_nothing_is_refused(mapping: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read("[env_prod]\nweb-1\n", mapping=mapping)


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(ValueError, match="the formats are ansible-ini, ansible-yaml, csv, json"):
        read("x", "toml")


@settings(max_examples=40)
@given(st.text(max_size=300), st.sampled_from(FORMATS))
def test_any_text_is_a_plan_or_problems_with_remedies(text: str, format: str) -> None:
    try:
        plan = read(text, format)
    except InventoryError as error:
        assert all(problem.message and problem.remedy and problem.line >= 0 for problem in error.problems)
    else:
        assert plan.rows


@given(
    st.dictionaries(
        st.from_regex(r"[a-z]{1,8}", fullmatch=True),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(alphabet="ab 'é\"\\#={}:\n", max_size=8),
            lambda items: (
                st.lists(items, max_size=3)
                | st.dictionaries(st.text(alphabet="abc", min_size=1), items, max_size=3)
            ),
            max_leaves=6,
        ),
        max_size=4,
    ).filter(
        lambda values: (
            not any("{{" in repr(value) or secret_in(name, value) for name, value in values.items())
        )
    )
)
@settings(max_examples=30)
def test_json_variables_arrive_unchanged(variables: dict[str, Any]) -> None:
    text = json.dumps([{"name": "web-1", "environment": "prod", "variables": variables}])
    assert host(read(text, "json"), "web-1").variables == variables


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        ("password", "hunter2", "password"),
        ("db_password", 12345, "db_password"),
        ("app", {"db": {"pass": "x"}}, "app.db.pass"),
        ("users", [{"token": "x"}], "users[0].token"),
        ("note", "-----BEGIN RSA PRIVATE KEY-----\nabc", "note"),
        ("aws_secret_access_key", "abc", "aws_secret_access_key"),
        ("password", "", None),
        ("password", None, None),
        ("use_token", True, None),
        ("password", "{{ vault_password }}", None),
        ("ssl_private_key", "/etc/ssl/key.pem", None),
        ("nginx_proxy_pass", "http://127.0.0.1", None),
        ("password_min_length", 12, None),
        ("tokens_per_minute", 5, None),
        ("compass", "north", None),
    ],
)
def test_what_looks_like_a_secret(name: str, value: Any, secret: str | None) -> None:
    assert secret_in(name, value) == secret


# What an import would do


def known(name: str, decommissioned: bool = False, **values: Any) -> KnownHost:
    fields = {
        "environment": "prod",
        "roles": ["web"],
        "team": None,
        "address": None,
        "port": 22,
        "user": "",
        "variables": {},
    }
    return KnownHost(name, decommissioned, fields | values)


def test_a_comparison_tells_created_changed_and_unchanged() -> None:
    plan = read("[env_prod]\nweb-1 x=1\nweb-2\nweb-3\n[role_web]\nweb-1\nweb-2\n")
    result = compare(plan, {"web-1": known("web-1"), "web-2": known("web-2")}, teams=[], credentials=[])
    assert [row.name for row in result.created] == ["web-3"]
    assert [(change.name, dict(change.fields)) for change in result.changed] == [
        ("web-1", {"variables": ({}, {"x": 1})})
    ]
    assert result.unchanged == ("web-2",)
    assert not result.problems


def test_what_the_file_does_not_say_is_left_as_it_is() -> None:
    plan = read("name,environment,roles,port\nweb-1,prod,web,\n", "csv")
    result = compare(
        plan, {"web-1": known("web-1", port=2222, team="payments", variables={"x": 1})}, teams=["payments"], credentials=[]
    )
    assert result.unchanged == ("web-1",)


REFERENCES = """\
name,environment,team,credential
web-1,prod,pay,
web-2,prod,,main
web-3,prod,,
web-4,prod,,
web-5,prod,Search,
"""


def test_unknown_teams_and_credentials_and_gone_hosts_are_problems() -> None:
    hosts = {"web-3": known("web-3", decommissioned=True), "web-4": known("WEB-4")}
    result = compare(read(REFERENCES, "csv"), hosts, teams=["search"], credentials=[])
    assert [str(problem).split(". ")[0] for problem in result.problems] == [
        "hosts:2: the team pay of web-1 is not known",
        "hosts:3: the credential main of web-2 is not known",
        "hosts:4: web-3 has been decommissioned",
        "hosts:5: web-4 is known as WEB-4",
        "hosts:6: the team Search is known as search",
    ]


def test_teams_that_an_import_creates_are_named_once() -> None:
    plan = read("name,environment,team\na,prod,pay\nb,prod,pay\nc,prod,Pay\nd,prod,ops\n", "csv")
    result = compare(plan, {}, teams=["ops"], credentials=[], creates_teams=True)
    assert result.new_teams == ("pay",)
    assert [str(problem).split(". ")[0] for problem in result.problems] == [
        "hosts:4: the team Pay is known as pay"
    ]


def test_a_local_host_that_becomes_an_ssh_host_loses_its_root() -> None:
    plan = read("name,environment,roles,transport\nweb-1,prod,web,ssh\n", "csv")
    result = compare(
        plan, {"web-1": known("web-1", transport="local", root="/srv/image")}, teams=[], credentials=[]
    )
    assert dict(result.changed[0].fields) == {"transport": ("local", "ssh"), "root": ("/srv/image", "")}


def test_a_pattern_error_carries_its_remedy() -> None:
    with pytest.raises(HostPatternError) as caught:
        expand_hosts("web[1:2:0]")
    assert "step" in caught.value.remedy
