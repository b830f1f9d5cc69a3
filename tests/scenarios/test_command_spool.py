"""What is said while Foldback is down arrives exactly once, whoever is killed meanwhile: real web processes, a real database.

The test keeps its own journal of what the command acknowledged. Its seed is printed; FOLDBACK_SEED repeats it.
"""

import contextlib
import os
import random
import subprocess
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from changemgmt.models import Change
from tests.cli.command import Shell, load
from tests.factories import token
from tests.scenarios.stack import Stack

pytestmark = pytest.mark.slow

ENTRIES = 1_000
LOGGED_LIVE = 24
FIRST_KILLS, MOST_KILLS = 3, 20


@pytest.fixture
def chance() -> random.Random:
    seed = int(os.environ.get("FOLDBACK_SEED") or random.randrange(10**6))
    print(f"FOLDBACK_SEED={seed}")
    return random.Random(seed)


def test_a_thousand_kept_records_arrive_once_while_command_and_service_are_killed(
    stack: Stack, tmp_path: Path, chance: random.Random, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell = Shell(tmp_path / "host", stack.url, token("ana", name="ana-cli", role="ops")[1])
    journal = keep_many(shell, monkeypatch)
    assert kept(shell) == ENTRIES

    # Nobody listens yet: nothing is lost by asking. How long that takes is the measure of when to kill.
    began = time.monotonic()
    assert shell("sync").returncode == 5
    usual = time.monotonic() - began

    stack.start("web")
    kills = 0
    while left := kept(shell):
        process = shell.start("sync")
        # The first are killed while records are on their way, however fast this machine is; then at any moment.
        # The last ones are let through, so that a slow one gets to the end.
        if kills < FIRST_KILLS:
            delivered = chance.randrange(1, left // 4 + 2)
            while process.poll() is None and left - kept(shell) < delivered:
                time.sleep(0.001)
        else:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=usual * chance.uniform(0.3, 3) if kills < MOST_KILLS else None)
        if process.poll() is None:
            process.kill()
            kills += 1
            if kills in (3, 6):
                stack.restart("web")
        process.communicate()
    assert kills >= FIRST_KILLS, "it went by before anybody was killed"

    # Commands that are killed at any moment: what was acknowledged is there, and nothing is there twice.
    acknowledged = log_live(shell, chance, usual)
    while kept(shell):
        assert shell("sync").returncode == 0
    found: dict[str, Any] = {}
    for change in Change.objects.all():
        assert change.title not in found, f"{change.title} is there twice"
        found[change.title] = change
    assert set(journal) | acknowledged <= set(found)
    for title, happened_at in journal.items():
        change = found[title]
        assert change.happened_at == happened_at < change.created_at
        assert (change.owner.username, change.hosts) == ("ana", ["web-1"])


def kept(shell: Shell) -> int:
    return len(list(shell.spool.glob("*.json")))


def keep_many(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> dict[str, datetime]:
    """A thousand records as `foldback log` keeps them when nobody answers: title → when it happened."""
    foldback = load()
    monkeypatch.setenv("FOLDBACK_SPOOL", str(shell.spool))
    journal = {}
    for number in range(ENTRIES):
        title = f"kept {number}"
        entry = foldback.new_entry("changes/", {"title": title, "hosts": ["web-1"]})
        said = entry["body"]["happened_at"] = foldback.moment(time.time())
        _, lock = foldback.keep(entry)
        os.close(lock)
        journal[title] = datetime.fromisoformat(said)
    return journal


def log_live(shell: Shell, chance: random.Random, usual: float) -> set[str]:
    """Titles that `foldback log` said it recorded or kept, some of the commands being killed on the way."""
    acknowledged = set()
    for number in range(LOGGED_LIVE):
        title = f"live {number}"
        process = shell.start("log", title)
        try:
            process.wait(timeout=usual * chance.uniform(0.1, 3) if number else None)
        except subprocess.TimeoutExpired:
            process.kill()
        if title in process.communicate()[0]:
            acknowledged.add(title)
    assert "live 0" in acknowledged, "nobody killed that one"
    return acknowledged
