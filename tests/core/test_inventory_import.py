"""Reading Ansible's INI inventories: what becomes of a file, and what a broken one is told."""

from typing import Any

import pytest

from inventory.core.imports import ansible_rows, groups
from inventory.core.imports.host_ranges import HostPatternError, expand_hosts
from inventory.core.imports.reader import read_inventory
from tests.core.inventories import host, problems, read

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


def test_a_host_of_another_group_is_not_ungrouped() -> None:
    plan = read("web-1 x=1\nlocalhost\n[env_prod]\nweb-1\n", mapping={"ungrouped": "skip"})
    assert [(row.name, row.variables) for row in plan.rows] == [("web-1", {"x": 1})]


@pytest.mark.parametrize(
    "text",
    [
        "[env_prod]\nweb[1:600]\ndb[1:600]\n",
        "[env_prod]\n" + "web[1:900] a=1 b=1 c=1\n" * 1000,
        "[env_prod]\n" + "web[1:900]\n" * 1000,
    ],
    ids=["many hosts", "many variables", "many mentions"],
)
def test_an_inventory_that_multiplies_is_stopped(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(groups, "MAX_HOSTS", 1_000)
    monkeypatch.setattr(groups, "_MAX_MENTIONS", 3_000)
    (found,) = problems(text)
    assert "more than 1,000 hosts, or they are named too often" in found


def test_groups_that_multiply_over_hosts_are_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ansible_rows, "_MAX_WORK", 10_000)
    nested = "".join(f"[g{n}:children]\ng{n + 1}\n" for n in range(100))
    (found,) = problems(f"{nested}[env_prod:children]\ng0\n[g100]\nweb[1:9999]\n")
    assert "multiply into too much" in found


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
        ("[env prod]\nweb-1\n", "hosts:1: '[env prod]' is not a section"),
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
            "hosts:2: the address is a template of Ansible's ('{{ ip }}')",
        ),
        (
            "[env_prod]\nweb-1 ansible_host='10.0.0.1; rm'\n",
            "hosts:2: '10.0.0.1; rm' is neither a host name nor an IP",
        ),
        ("[env_prod]\nweb-1 ansible_user='a b'\n", "hosts:2: 'a b' is not a login name"),
        ("[env_prod]\nweb-1 ansible_connection=winrm\n", "hosts:2: web-1 has ansible_connection='winrm'"),
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


def test_a_pattern_error_carries_its_remedy() -> None:
    with pytest.raises(HostPatternError) as caught:
        expand_hosts("web[1:2:0]")
    assert "step" in caught.value.remedy
