"""Real workers, relay and beat say that they are alive, and are missed when they were killed."""

import signal
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from django.db.models import F
from prometheus_client.parser import text_string_to_metric_families

from common.models import Heartbeat
from common.queries.processes import ALIVE_FOR
from tests.factories import host, token
from tests.scenarios.stack import Stack, wait_until

pytestmark = pytest.mark.slow

PROCESSES = ("worker", "relay", "beat")


def test_who_is_killed_is_missed_and_who_is_alive_is_seen(stack: Stack, tmp_path: Path) -> None:
    host("web-1")
    text = token("ana", scopes=("metrics.read",))[1]

    def checks() -> dict[str, str]:
        answer = httpx.get(f"{stack.url}/readyz")
        assert answer.status_code == 200
        found: dict[str, str] = answer.json()["checks"]
        return found

    def alive() -> dict[str, float]:
        answer = httpx.get(f"{stack.url}/metrics", headers={"Authorization": f"Bearer {text}"})
        families = text_string_to_metric_families(answer.text)
        return {
            s.labels["process"]: s.value
            for f in families
            for s in f.samples
            if s.name == "foldback_processes"
        }

    stack.start("valkey", "web")
    assert all("until" in checks()[name] for name in PROCESSES)
    stack.start("worker", "relay", "beat")
    wait_until(lambda: {checks()[name] for name in PROCESSES} == {"ok"}, what="every process")
    everybody = {"worker": 2, "relay": 1, "beat": 1}  # a worker of two processes
    wait_until(lambda: alive() == everybody, what="both processes of the worker")
    assert not Heartbeat.objects.filter(resident_bytes__lt=1_000_000).exists()

    for name in ("worker", "relay", "beat"):
        stack.kill(name, signal.SIGTERM if name != "worker" else signal.SIGKILL)
    assert "relay" in checks()["relay"] and "beat" in checks()["beat"]  # they said farewell
    assert (
        checks()["worker"] == "ok"
    )  # it could not; so it is missed when its time is over, which is nearly so
    Heartbeat.objects.update(seen_at=F("seen_at") - ALIVE_FOR + timedelta(seconds=12))
    wait_until(lambda: "no worker takes work" in checks()["worker"], seconds=20, what="that it is missed")
