"""What empty pages teach is what works: each command is taken apart and tried."""

import json
import re
import shlex
from typing import Any

import pytest
from django.core.management import get_commands, load_command_class
from django.test import Client

from tests.factories import host, token
from web.core import commands

pytestmark = pytest.mark.django_db
CURL = {name: text for name, text in vars(commands).items() if name.isupper() and "curl" in str(text)}
MANAGE = [commands.INIT_DEFINITION, commands.IMPORT_HOSTS, commands.ENROL, commands.enrol("web-1")]


def sent(command: str) -> tuple[str, Any]:
    """The address and body that curl would send; a body from standard input is what the program before it prints."""
    before, _, curl = command.rpartition("| ")
    words = shlex.split(curl)
    assert words[:2] == ["curl", "--json"] and "-H" in words
    body = words[2]
    if body == "@-":
        program = shlex.split(before)
        assert program[:2] == ["python3", "-c"]
        printed: list[str] = []
        code = program[2].replace("print(", "printed.append(")
        exec(code, {"printed": printed, "open": lambda path: _Key(path)})
        body = printed[0]
    address = next(word for word in words if word.startswith("$FOLDBACK_URL"))
    return address.removeprefix("$FOLDBACK_URL"), json.loads(body)


class _Key:
    def __init__(self, path: str) -> None:
        self.path = path

    def read(self) -> str:
        import asyncssh

        return asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()


@pytest.mark.parametrize("name", sorted(CURL))
def test_a_curl_command_is_taken_by_the_api(name: str, settings: Any) -> None:
    for number in range(1, 8):
        host(f"web-{number}")
    _, text = token("cy", role="admin")
    address, body = sent(CURL[name])
    answer = Client().post(
        address,
        json.dumps(body),
        content_type="application/json",
        headers={"Authorization": f"Bearer {text}"},
    )
    assert answer.status_code in (201, 202), answer.content


@pytest.mark.parametrize("text", MANAGE)
def test_a_command_of_the_checkout_exists_with_these_options(text: str) -> None:
    words = shlex.split(text)
    assert words[0] == "manage.py"
    parser = load_command_class(get_commands()[words[1]], words[1]).create_parser("manage.py", words[1])
    parser.parse_args(words[2:])
    assert re.fullmatch(r"[a-z_]+", words[1])
