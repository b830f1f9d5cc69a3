"""Starts the launcher as a person would, and watches the processes below it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from config.data_dir import free_port
from config.engines import remove_home
from config.supervise import descendants

CHECKOUT = Path(__file__).resolve().parents[2]


def clean_environment(**more: str) -> dict[str, str]:
    """A new shell's: none of this run's servers, secrets or settings."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return kept | more


def identity(pid: int) -> tuple[int, str] | None:
    """The process and when it started, since numbers are used again; None when it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else (pid, fields[19])


def until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)


class Launched:
    """`python -m config.launch MODE` in a session of its own, its output in a file."""

    def __init__(self, *arguments: str, directory: Path, **environment: str) -> None:
        self.data = directory / "data"
        self.output = directory / "output"
        self.seen: set[tuple[int, str]] = set()
        with self.output.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "config.launch", *arguments],
                cwd=CHECKOUT,
                env=clean_environment(DATA_DIR=str(self.data), **environment),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # Whoever runs the tests with nohup has it ignored, which children inherit.
                preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
            )

    def said(self) -> str:
        return self.output.read_text()

    def wait_for(self, words: str, seconds: float) -> None:
        def there() -> bool:
            self.look()
            assert self.process.poll() is None or words in self.said(), self.said()
            return words in self.said()

        until(there, seconds, f"{words!r} in {self.said()}")

    def look(self) -> set[int]:
        """The processes below the launcher now; all that were ever seen are remembered."""
        now = {found for pid in descendants(self.process.pid) if (found := identity(pid))}
        self.seen |= now
        return {pid for pid, _ in now}

    def find(self, words: str, *, but: frozenset[int] = frozenset()) -> set[int]:
        """Processes below the launcher, started by the supervisor, whose command holds these words."""
        found = set()
        for pid in self.look() - but:
            try:
                command = Path(f"/proc/{pid}/cmdline").read_text(errors="replace").replace("\0", " ")
            except OSError:
                continue
            if words in command and "child.py" not in command:
                found.add(pid)
        return found

    def left(self) -> set[tuple[int, str]]:
        return {each for each in self.seen if identity(each[0]) == each}

    def stop(self, number: signal.Signals, seconds: float = 60) -> int:
        self.look()
        self.process.send_signal(number)
        return self.process.wait(timeout=seconds)

    def end(self) -> None:
        """Whatever the test found, nothing of it stays."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        until_gone = time.monotonic() + 15
        while self.left() and time.monotonic() < until_gone:
            time.sleep(0.1)
        for pid, _ in self.left():
            os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="session")
def running_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Launched]]:
    """`running_service()` is what `make up` starts: the same for all tests of a run, until one of them ends it."""
    started: list[Launched] = []

    def running() -> Launched:
        if not started or started[-1].process.poll() is not None:
            port = str(free_port())
            started.append(Launched("up", directory=tmp_path_factory.mktemp("up"), PORT=port))
            started[-1].wait_for("Ctrl-C stops everything", seconds=240)
        return started[-1]

    yield running
    for each in started:
        each.end()
        remove_home(each.data)
