"""What the documentation says exists does exist: links, targets, commands, settings, routes, roles, verdicts."""

import ast
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import get_commands
from django.urls import URLResolver, get_resolver

from common.api import problems
from common.core import roles
from common.core.errors import FoldbackError
from drift.core import verdict
from tests.docs.markdown import CHECKOUT, Page, page, pages, rows, slug

PAGES = pytest.mark.parametrize("each", pages(), ids=lambda each: each.name)


@PAGES
def test_links_lead_somewhere(each: Page) -> None:
    for target in each.links():
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        there = (each.path.parent / name).resolve() if name else each.path
        assert there.exists(), f"{each.name}: {target}"
        if anchor and there.suffix == ".md":
            assert anchor in Page(there).anchors, f"{each.name}: {target}"


@PAGES
def test_contents_lists_name_every_section(each: Page) -> None:
    """A page that begins with a list of its sections lists all of them, in their order."""
    listed = re.findall(r"^- \[[^\]]+\]\(#([^)]+)\)", each.prose, re.MULTILINE)
    if listed:
        assert listed == [slug(h) for h in re.findall(r"^## (.+)$", each.prose, re.MULTILINE)]


@PAGES
def test_make_targets_exist(each: Page) -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", (CHECKOUT / "Makefile").read_text(), re.MULTILINE))
    named = re.findall(r"(?:`|^|\$ |&& )make (?:-s )?([a-z][a-z-]+)", each.text, re.MULTILINE)
    assert set(named) <= targets, f"{each.name} names make targets that are none"


@PAGES
def test_management_commands_exist(each: Page) -> None:
    named = re.findall(r"manage\.py ([a-z_]+)|ARGS=[\"']([a-z_]+)", each.text)
    assert {first or second for first, second in named} <= set(get_commands()), each.name


@PAGES
def test_files_named_in_code_marks_exist(each: Page) -> None:
    """`drift/core/verdict.py` and the like: paths below one of our own folders."""
    ours = "|".join(
        path.name for path in CHECKOUT.iterdir() if path.is_dir() and (path / "__init__.py").exists()
    )
    for name in re.findall(rf"`((?:{ours}|tests|docs)/[\w/.-]*)`", each.prose):
        assert (CHECKOUT / name).exists(), f"{each.name}: {name}"


# Whom the documentation may send people to, or name as an example.
ELSEWHERE = re.compile(
    r"localhost(:\d+)?|127\.0\.0\.1(:\d+)?|jinja\.palletsprojects\.com|www\.rfc-editor\.org|keepachangelog\.com|semver\.org"
    r"|(?:[\w-]+\.)*example(?:\.(?:com|org|net))?"
)


@PAGES
def test_nothing_tells_of_the_machine_it_was_written_on(each: Page) -> None:
    assert not re.search(r"(?:^|[\s`(\"'=])/(?:work|tmp|home|root)/\w", each.text), each.name
    assert not re.search(r"(?i)index-url[= ]\S*://", each.text), each.name
    for host in re.findall(r"https?://(?:[^/\s@]*@)?([\w.:-]+)", each.text):
        assert ELSEWHERE.fullmatch(host.rstrip(".:")), f"{each.name} names {host}"


# ---- settings


def environment_variables() -> Iterator[str]:
    """Every variable that config/settings.py reads."""
    for node in ast.walk(ast.parse((CHECKOUT / "config/settings.py").read_text())):
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            function = node.func
            reads_env = isinstance(function, ast.Attribute) and getattr(function.value, "id", "") == "env"
            reads_key = isinstance(function, ast.Name) and function.id in ("_required", "_key")
            if reads_env or reads_key:
                yield str(node.args[0].value)


def test_every_setting_has_its_row() -> None:
    said = {
        name
        for row in rows(page("docs/operations.md").part("Settings"))
        for name in re.findall(r"`([A-Z_]+)`", row[0])
    }
    read = set(environment_variables())
    assert len(read) > 20
    assert read - said == set(), "settings without a row in docs/operations.md"
    launcher = "".join(path.read_text() for path in (CHECKOUT / "config").glob("*.py"))
    assert {name for name in said - read if f'"{name}"' not in launcher} == set(), (
        "rows of settings that nobody reads"
    )


def test_defaults_in_the_settings_table_are_those_of_the_code() -> None:
    from django.conf import settings

    said = {row[0].strip("`"): row[1].strip("`") for row in rows(page("docs/operations.md").part("Settings"))}
    source = (CHECKOUT / "config/settings.py").read_text()
    for name, default in re.findall(r'env\.int\("(\w+)", default=(\d+)\)', source):
        assert said[name] == default, name
    assert settings.LEASE_SECONDS > 0


# ---- the API


def api_routes() -> Iterator[str]:
    def walk(patterns: Any, before: str) -> Iterator[str]:
        for pattern in patterns:
            here = before + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                yield from walk(pattern.url_patterns, here)
            else:
                yield here

    for route in walk(get_resolver().url_patterns, ""):
        if route.startswith("api/v1/"):
            yield re.sub(r"<\w+:(\w+)>", r"{\1}", route.removeprefix("api/v1/"))


def test_every_route_of_the_api_has_its_row() -> None:
    said = [row[0].strip("`") for row in rows(page("docs/api.md").part("Addresses"))]
    assert len(said) == len(set(said))
    assert set(said) == set(api_routes()) - {"schema/", "docs/"}


def problem_types() -> set[str]:
    def below(kind: type[FoldbackError]) -> Iterator[type[FoldbackError]]:
        for child in kind.__subclasses__():
            yield child
            yield from below(child)

    kinds = [kind for kind in below(FoldbackError) if not kind.__module__.startswith(("tests.", "web."))]
    return {kind.type for kind in kinds} | {name for name, _ in problems._TITLES.values()} | {"internal"}


def test_every_type_of_problem_is_described_under_its_anchor() -> None:
    list(api_routes())  # imports every view, and with them every kind of error
    said = set(re.findall(r"^### ([\w-]+)$", page("docs/api.md").part("Errors"), re.MULTILINE))
    assert said == problem_types()


# ---- the console


def test_what_the_walk_tells_to_press_and_look_for_is_on_the_pages() -> None:
    words = re.findall(r"\*\*(.+?)\*\*", page("README.md").part("Five minutes in the browser"), re.DOTALL)
    assert len(words) >= 7
    places = [*CHECKOUT.glob("templates/**/*.html"), *CHECKOUT.glob("web/**/*.py")]
    shown = " ".join(path.read_text() for path in places).replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    assert [word for word in words if " ".join(word.split()) not in shown] == []


# ---- tables that repeat code


def test_the_roles_table_is_the_codes() -> None:
    said = {
        row[0].strip("`"): {role for role, cell in zip(roles.ROLES, row[1:], strict=True) if cell == "yes"}
        for row in rows(page("docs/security.md").part("Roles"))
    }
    assert said == {
        permission: {role for role in roles.ROLES if roles.may(role, permission)}
        for permission in roles.ALL_PERMISSIONS
    }


def test_the_verdict_table_is_the_codes() -> None:
    said = {
        tuple(cell == "yes" for cell in row[:3]): row[3]
        for row in rows(page("docs/concepts.md").part("Verdicts"))
    }
    assert said == {key: judgement.verdict.value for key, judgement in verdict._TABLE.items()}


def test_the_reasons_in_the_verdict_table_are_what_people_are_told() -> None:
    text = page("docs/concepts.md").part("Verdicts")
    assert all(judgement.reason in text for judgement in verdict._TABLE.values())


def test_decision_records_are_short_numbered_and_whole() -> None:
    records = [each for each in pages() if each.name.startswith("docs/adr/")]
    numbers = [int(each.path.name[:4]) for each in records]
    assert len(set(numbers)) == len(numbers) > 10
    for each, number in zip(records, numbers, strict=True):
        assert each.text.startswith(f"# {number}. "), each.name
        assert re.findall(r"^## (.+)$", each.text, re.MULTILINE) == ["Context", "Decision", "Consequences"], (
            each.name
        )
        assert len(each.text.splitlines()) <= 40, each.name


def test_the_readme_has_the_numbers_that_were_measured() -> None:
    """`python -m benchmarks.told` writes them."""
    from benchmarks.told import README, numbers, with_numbers

    assert README.read_text() == with_numbers(README.read_text(), numbers())
