"""Who is reached through whom, and what inventories say of it."""

import pytest

from inventory.core.imports.ansible_rows import jump_in
from inventory.core.imports.compare import KnownHost, compare
from inventory.core.jump_hosts import chain_problem, jump_problems
from tests.core.inventories import host, problems, read


def test_up_to_three_in_a_row_are_fine_and_a_fourth_is_not() -> None:
    jumps = {"web": "a", "a": "b", "b": "c"}
    assert chain_problem("web", jumps) is None
    assert chain_problem("web", jumps | {"c": "d"}) == (
        "that is more than 3 jump hosts in a row: web → a → b → c → d"
    )


@pytest.mark.parametrize(
    ("jumps", "told"),
    [
        ({"web": "web"}, "web would be reached through itself: web → web"),
        ({"web": "a", "a": "web"}, "web would be reached through itself: web → a → web"),
        ({"web": "a", "a": "b", "b": "a"}, "a would be reached through itself: web → a → b → a"),
    ],
)
def test_a_ring_is_told_as_it_is_walked(jumps: dict[str, str], told: str) -> None:
    assert chain_problem("web", jumps) == told


def test_a_host_that_others_are_behind_makes_their_chain_too_long() -> None:
    jumps = {"web": "a", "a": "b", "b": "c", "c": "d"}
    assert list(jump_problems(jumps, ["c"])) == ["c"]
    assert jump_problems(jumps, ["elsewhere"]) == {}


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ("-o ProxyJump=bastion", "bastion"),
        ("-oProxyJump=bastion -o ServerAliveInterval=5", "bastion"),
        ("-C -J bastion", "bastion"),
        ("-Jbastion", "bastion"),
        ("-o 'ProxyJump bastion'", "bastion"),
        ("-J user@bastion:2222,other", "user@bastion:2222,other"),
        ("-o ProxyCommand='ssh -W %h:%p bastion'", None),
        ("-o ProxyJump=none", None),
        ("-o Unbalanced='", None),
        (7, None),
    ],
)
def test_what_ssh_is_told_of_a_jump_host(arguments: object, found: str | None) -> None:
    assert jump_in(arguments) == found


ANSIBLE = """\
[env_prod]
bastion
web-1
web-2
web-3
[far]
web-1
web-2
web-3 foldback_jump_host=web-1
[far:vars]
ansible_ssh_common_args='-o ProxyJump=bastion -o ControlPersist=60s'
foldback_site=berlin
"""


def test_ansibles_proxy_jump_is_the_jump_host_where_it_names_one_of_the_inventory() -> None:
    plan = read(ANSIBLE)
    assert host(plan, "bastion").jump_host is None
    assert (host(plan, "web-1").jump_host, host(plan, "web-1").site) == ("bastion", "berlin")
    assert host(plan, "web-3").jump_host == "web-1"
    assert host(plan, "web-1").variables == {}


@pytest.mark.parametrize("jump", ["admin@bastion", "bastion,second", "elsewhere.example"])
def test_any_other_proxy_jump_is_left_out_and_that_is_said(jump: str) -> None:
    plan = read(ANSIBLE.replace("ProxyJump=bastion", f"ProxyJump={jump}"))
    assert host(plan, "web-1").jump_host is None
    notes = [str(note) for note in plan.notes]
    assert any("write foldback_jump_host=NAME" in note for note in notes), notes


def test_csv_and_json_have_columns_for_both() -> None:
    rows = read("name,environment,jump_host,site\nweb-1,prod,bastion,berlin\nbastion,prod,,\n", "csv")
    assert (host(rows, "web-1").jump_host, host(rows, "web-1").site) == ("bastion", "berlin")
    assert (host(rows, "bastion").jump_host, host(rows, "bastion").site) == (None, None)
    text = '[{"name": "web-1", "environment": "prod", "jump_host": "bastion", "site": "berlin"}]'
    row = host(read(text, "json"), "web-1")
    assert (row.jump_host, row.site) == ("bastion", "berlin")


def test_a_jump_host_or_site_that_is_none_is_told_with_its_line() -> None:
    text = "name,environment,transport,root,jump_host,site\nweb-1,prod,,,we/b,\nweb-2,prod,,,web-2,\nimg,prod,local,/srv,web-1,\nweb-4,prod,,,,a b\n"
    told = problems(text, "csv")
    assert [line.split(":")[1] for line in told] == ["2", "3", "4", "5"]
    assert "can't be reached through itself" in told[1]
    assert "a local folder is not reached through a jump host" in told[2]


def test_an_import_is_refused_that_would_make_a_ring_or_names_nobody() -> None:
    plan = read("name,environment,jump_host\na,prod,b\nb,prod,c\nd,prod,nobody\n", "csv")
    known = {"c": KnownHost("c", False, {})}
    found = compare(
        plan, known, teams=(), credentials=(), jump_hosts=["c"], jumps={"c": "a"}, sites=()
    ).problems
    assert [str(problem).split(". ")[0] for problem in found] == [
        "hosts:4: the jump host nobody of d is not a known host that is reached by ssh",
        "hosts:2: a would be reached through itself: a → b → c → a",
        "hosts:3: b would be reached through itself: b → c → a → b",
    ]
