"""What is pure in the command: times, scopes, what is hidden, what a terminal is spared."""

import re
import time
from typing import Any

import pytest

from tests.cli.command import load

foldback = load()
NOW = time.mktime((2026, 3, 1, 4, 0, 0, 0, 0, -1))


def local(*parts: int) -> float:
    return time.mktime((*parts, 0, 0, -1))


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("now", NOW),
        ("10m", NOW - 600),
        ("2h ago", NOW - 7200),
        ("1h 30m", NOW - 5400),
        ("-5m", NOW - 300),
        ("03:12", local(2026, 3, 1, 3, 12, 0)),
        ("23:50", local(2026, 2, 28, 23, 50, 0)),  # still to come today: it was yesterday
        ("yesterday 03:12", local(2026, 2, 28, 3, 12, 0)),
        ("2026-02-03 04:05", local(2026, 2, 3, 4, 5, 0)),
        ("2026-03-01T03:12:00Z", 1772334720.0),
        ("2026-03-01T04:12:00+01:00", 1772334720.0),
    ],
)
def test_a_time_is_taken_as_people_say_it(said: str, meant: float) -> None:
    assert foldback.told_time(said, "--at", NOW) == meant


@pytest.mark.parametrize("said", ["soon", "25:00", "2026-13-01", "", "10 parsecs", "9" * 400 + "h"])
def test_what_is_no_time_says_how_to_say_one(said: str) -> None:
    with pytest.raises(foldback.Stop) as stop:
        foldback.told_time(said, "--at", NOW)
    assert "no time" in stop.value.text
    assert "03:12" in stop.value.do
    assert stop.value.code == foldback.USAGE


def test_a_moment_is_written_in_utc_and_read_back() -> None:
    assert foldback.moment(1772334720.25) == "2026-03-01T03:12:00.250000Z"
    assert foldback.read_moment("2026-03-01T03:12:00.25Z") == 1772334720.25


@pytest.mark.parametrize(
    ("arguments", "scope"),
    [
        (["--on", "web-3"], {"hosts": ["web-3"]}),
        (
            ["--on", "web-1,web-2", "--on", "db-1.eu.example"],
            {"hosts": ["web-1", "web-2", "db-1.eu.example"]},
        ),
        (["--on", "web-[1-7,9]"], {"selector": "web-[1-7,9]"}),
        (["--on", "role=web env=prod"], {"selector": "role=web env=prod"}),
        (["--on", "role=web", "--on", "-web-9"], {"selector": "role=web -web-9"}),
        (["--on", "*"], {"selector": "*"}),
        ([], {}),
    ],
)
def test_plain_names_are_hosts_and_all_else_a_selector(arguments: list[str], scope: dict[str, Any]) -> None:
    _, given = foldback.parse(["log", "title", *arguments])
    assert foldback.scope_of(given) == scope


SECRET = "hunter2"


@pytest.mark.parametrize(
    "words",
    [
        ["mysql", "-p" + SECRET, "shop"],
        ["app", "--password", SECRET],
        ["app", "--db-password=" + SECRET],
        ["env", "API_TOKEN=" + SECRET, "app"],
        ["sh", "-c", f"PGPASSWORD='{SECRET}' psql"],
        ["curl", "-H", f"Authorization: Bearer {SECRET}", "https://x"],
        ["git", "clone", f"https://ana:{SECRET}@git.example/x"],
        ["app", "--api-key", SECRET, "--verbose"],
        ["vault", "write", f"secret={SECRET}"],
    ],
)
def test_a_secret_on_the_command_line_is_not_recorded(words: list[str]) -> None:
    told = foldback.told_command(words)
    assert SECRET not in told
    assert words[0] in told


def test_a_command_is_recorded_as_a_shell_takes_it() -> None:
    assert foldback.told_command(["sed", "-i", "s/a b/c/", "/etc/hosts"]) == "sed -i 's/a b/c/' /etc/hosts"


@pytest.mark.parametrize(
    "path",
    ["/etc/shadow", "/root/.ssh/id_ed25519", "/etc/ssl/private/x", "/srv/app/.env", "/etc/db.password"],
)
def test_of_a_secret_file_there_is_no_digest(path: str, tmp_path: Any) -> None:
    there = tmp_path / path.lstrip("/")
    there.parent.mkdir(parents=True)
    there.write_text("x")
    assert re.search(foldback._SECRET_FILE, path)
    assert "sha256" not in foldback.look_at(str(there))


def test_what_became_of_a_file_is_told_without_its_text(tmp_path: Any) -> None:
    path = tmp_path / "nginx.conf"
    path.write_text("worker_connections 1024;\n")
    before = foldback.look_at(str(path))
    path.write_text("worker_connections 4096; # more\n")
    told = foldback.told_file(str(path), before, foldback.look_at(str(path)))
    assert "sha256" in told and "→" in told and "32 bytes" in told
    assert "worker" not in told
    path.unlink()
    assert "a file → absent" in foldback.told_file(str(path), before, foldback.look_at(str(path)))
    assert "as before" in foldback.told_file(str(path), before, before)


@pytest.mark.parametrize("nasty", ["\x1b[2J", "\x07", "\u202e", "\x9b31m", "\x00", "\u200b"])
def test_what_hosts_wrote_cannot_drive_the_terminal(nasty: str) -> None:
    shown = foldback.clean(f"motd{nasty}gone")
    assert nasty not in shown
    assert shown.startswith("motd\\x")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("foldback.example", "https://foldback.example"),
        ("https://foldback.example/", "https://foldback.example"),
        ("https://foldback.example/api/v1/", "https://foldback.example"),
        ("https://ops.example/foldback/", "https://ops.example/foldback"),
        ("localhost:8000", "http://localhost:8000"),
    ],
)
def test_an_address_is_taken_as_it_is_typed(typed: str, meant: str) -> None:
    assert foldback.normal_url(typed) == meant


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://foldback.example", (True, "foldback.example", 443, "/api/v1/")),
        ("http://[::1]:8000", (False, "::1", 8000, "/api/v1/")),
        ("https://ops.example:8443/foldback", (True, "ops.example", 8443, "/foldback/api/v1/")),
    ],
)
def test_an_address_is_taken_apart(url: str, place: tuple[Any, ...]) -> None:
    service = foldback.Service(url, "fb_x")
    assert (service.secure, service.host, service.port, service.prefix) == place


@pytest.mark.parametrize(
    "url", ["", "ftp://x", "https://", "https://a b", "https://u:p@x", "http://x:999999", "https://x?y"]
)
def test_what_is_no_address_is_said(url: str) -> None:
    with pytest.raises(foldback.Stop, match="no address"):
        foldback.Service(url, "fb_x")


@pytest.mark.parametrize(
    ("words", "suggested"),
    [
        (["lo"], {"log", "login"}),
        (["incident", ""], {"open", "note", "show", "list", "close"}),
        (["log", "--fi"], {"--file"}),
        (["incident", "open", "--severity", ""], {"critical", "major", "minor"}),
        (["decide", "f"], {"fold-back"}),
        (["completion", "z"], {"zsh"}),
        (["fix", "--", "sys"], set()),
    ],
)
def test_completion_suggests_what_is_taken(words: list[str], suggested: set[str]) -> None:
    assert set(foldback.complete(words)) == suggested


def test_every_command_has_help_that_fits_and_stands_in_the_list() -> None:
    listed = foldback.help_text()
    for command in foldback.COMMANDS:
        text = foldback.help_of(command)
        assert f"  {command.name}" in listed
        assert text.startswith(f"foldback {command.name}: ")
        assert max(len(line) for line in text.splitlines()) <= 120, command.name
        for option in command.options:
            assert "--" + option.name in text
    assert max(len(line) for line in listed.splitlines()) <= 100


def test_every_example_in_the_help_is_understood() -> None:
    import shlex

    examples = [line for command in foldback.COMMANDS for line in command.examples.splitlines()]
    assert len(examples) > 12
    for line in examples:
        words = shlex.split(line.split("||")[0])
        if words[0] == "foldback":
            foldback.parse(words[1:])
