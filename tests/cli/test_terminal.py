"""At a real terminal: it asks, it hides a token, and colours only what a terminal shows."""

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.command import COMMAND, Shell
from tests.cli.service import FakeService, serving


@pytest.fixture
def fake() -> Iterator[FakeService]:
    with serving(FakeService()) as fake:
        yield fake


def typed(shell: Shell, *arguments: str, answers: list[tuple[str, str]]) -> tuple[int, str]:
    """Exit code and screen of a command on a terminal; each answer is typed when its question is on the screen."""
    ours, theirs = pty.openpty()
    environment = {**shell.environment, "TERM": "xterm"}
    process = subprocess.Popen(
        [sys.executable, str(COMMAND), *arguments],
        env=environment, cwd=shell.home, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    screen, waiting, deadline = "", list(answers), time.monotonic() + 60
    while time.monotonic() < deadline:
        if select.select([ours], [], [], 0.2)[0]:
            try:
                screen += os.read(ours, 65536).decode()
            except OSError:  # the other end is closed
                break
        if waiting and waiting[0][0] in screen:
            os.write(ours, waiting.pop(0)[1].encode() + b"\n")
    os.close(ours)
    return process.wait(timeout=30), screen


CHANGE = {
    "reference": "CHG-1043",
    "title": "Fold back DRF-88",
    "digest": "a" * 64,
    "kind": "normal",
    "state": "proposed",
}


def test_an_approval_shows_what_it_is_and_asks(fake: FakeService, tmp_path: Path) -> None:
    fake.on("GET", "changes/CHG-1043/", (200, CHANGE))
    fake.on("POST", "changes/CHG-1043/approvals/", (201, {"verdict": "approved"}))
    shell = Shell(tmp_path, fake.url)
    code, screen = typed(shell, "approve", "CHG-1043", answers=[("[y/N]", "n")])
    assert code == 1 and "Fold back DRF-88" in screen and "Nothing was done" in screen
    assert fake.paths("POST") == []
    code, screen = typed(shell, "approve", "CHG-1043", answers=[("[y/N]", "y")])
    assert code == 0 and fake.paths("POST") == ["changes/CHG-1043/approvals/"]


def test_a_token_is_not_shown_while_it_is_typed(fake: FakeService, tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    code, screen = typed(shell, "login", answers=[("Address", fake.url), ("Token", "fb_secret")])
    assert code == 0, screen
    assert "fb_secret" not in screen and "Logged in" in screen


def test_what_was_done_is_asked_for_and_coloured(fake: FakeService, tmp_path: Path) -> None:
    shell = Shell(tmp_path, fake.url)
    code, screen = typed(shell, "log", answers=[("What did you do?", "restarted the workers")])
    assert code == 0 and "\x1b[" in screen
    assert fake.made[0]["title"] == "restarted the workers"
    shell.environment["NO_COLOR"] = "1"
    _, plain = typed(shell, "log", "x", answers=[])
    assert "\x1b[" not in plain
