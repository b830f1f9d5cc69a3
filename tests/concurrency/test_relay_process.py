"""The relay as it really runs: a process that hears of work at commit, and survives losing its database."""

import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pytest
from django.db import connection

from tests.factories import job

pytestmark = pytest.mark.django_db(transaction=True)

CHECKOUT = Path(__file__).resolve().parents[2]
RELAY = """
import django
from django.conf import settings
django.setup()
settings.WORK_PUBLISHER = "tests.concurrency.test_relay_process.publish"
from django.core.management import call_command
call_command("relay")
"""


def publish(task: str, row_id: UUID) -> None:
    print(task, row_id, flush=True)


class Relay:
    """Its poll is far off, so that what it announces soon, it heard of by a notification."""

    def __init__(self) -> None:
        database = connection.settings_dict
        address = f"{database['HOST']}:{database['PORT'] or 5432}"
        user = f"{quote(database['USER'])}:{quote(database['PASSWORD'] or '')}"
        self.process = subprocess.Popen(
            [sys.executable, "-c", RELAY],
            cwd=CHECKOUT,
            env=os.environ
            | {
                "DATABASE_URL": f"postgres://{user}@{address}/{database['NAME']}",
                "DJANGO_SETTINGS_MODULE": "config.settings",
                "PYTHONPATH": ".",
                "FOLDBACK_RELAY_POLL_SECONDS": "600",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self.process.stdout is not None
        self.out = self.process.stdout
        os.set_blocking(self.out.fileno(), False)
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.out, selectors.EVENT_READ)

    def announced(self, count: int, seconds: float = 15) -> list[str]:
        """The next `count` announcements; fails when they don't come in time."""
        end, text = time.monotonic() + seconds, ""
        while len(found := [line for line in text.split("\n")[:-1] if line.startswith("common.")]) < count:
            left = end - time.monotonic()
            assert left > 0, f"only {found} were announced in {seconds} s"
            if self.selector.select(left):
                text += (self.out.read() or b"").decode()
                assert self.process.poll() is None, "the relay ended"
        return found


@pytest.fixture
def relay() -> Iterator[Relay]:
    relay = Relay()
    yield relay
    relay.process.kill()
    relay.process.wait()


def lines(made: Any) -> list[str]:
    return [f"common.run_batch {pk}" for pk in made.batches.values_list("pk", flat=True)]


def listeners() -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND backend_type = 'client backend'"
        )
        return [pid for (pid,) in cursor.fetchall()]


def test_the_relay_announces_at_commit_survives_its_database_and_stops_at_once(relay: Relay) -> None:
    waiting = lines(job([[1]]))
    assert relay.announced(1) == waiting  # there before it was
    for _ in range(2):
        heard_of = lines(job([[1], [2]]))
        assert sorted(relay.announced(2)) == sorted(heard_of)
        [pid] = listeners()
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
        # What is committed while it is away is found when it is back.
        missed = lines(job([[3]]))
        assert relay.announced(1) == missed
    relay.process.send_signal(signal.SIGTERM)
    assert relay.process.wait(timeout=3) == 0
