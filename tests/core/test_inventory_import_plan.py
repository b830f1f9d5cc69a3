"""What holds for every format: mapping, variables, secrets, and what an import would do."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inventory.core.imports.compare import KnownHost, compare
from inventory.core.imports.plan import InventoryError
from inventory.core.imports.reader import FORMATS, format_of
from inventory.core.variables import secret_in
from tests.core.inventories import host, read

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
        plan,
        {"web-1": known("web-1", port=2222, team="payments", variables={"x": 1})},
        teams=["payments"],
        credentials=[],
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
