"""docs/cli.md has what the command has: commands, exit codes, variables, and examples that it takes."""

import re
import shlex

import pytest

from tests.cli.command import COMMAND, load
from tests.docs.markdown import page, rows

foldback = load()
PAGE = page("docs/cli.md")


def test_every_command_has_its_place() -> None:
    said = {
        name
        for row in rows(PAGE.part("Commands"))
        for name in re.findall(r"`(?:foldback )?([a-z ]+)`", row[0])
    }
    known = {command.name for command in foldback.COMMANDS}
    assert {name.removeprefix("incident ") for name in known} == {
        name.removeprefix("incident ") for name in said
    }


def test_every_exit_code_is_told() -> None:
    said = {int(row[0]) for row in rows(PAGE.part("Exit codes"))}
    assert said == {
        getattr(foldback, name) for name in ("DONE", "FAILED", "USAGE", "WOULD_UNDO", "NEEDS_LOGIN", "KEPT")
    }


def test_every_variable_is_told() -> None:
    said = {
        name for row in rows(PAGE.part("Environment")) for name in re.findall(r"`(FOLDBACK_\w+)`", row[0])
    }
    assert said == set(re.findall(r'"(FOLDBACK_[A-Z_]+)"', COMMAND.read_text()))


@pytest.mark.parametrize("line", sorted(set(re.findall(r"^foldback .+$", PAGE.text, re.MULTILINE))))
def test_every_example_is_understood(line: str) -> None:
    foldback.parse(shlex.split(line.split("||")[0])[1:])
