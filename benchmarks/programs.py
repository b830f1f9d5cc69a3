"""The service's own programs, started for a benchmark: real workers and relay, each in a process group of its own."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from config.data_dir import free_port
from config.engines import child_command
from config.supervise import CHECKOUT, descendants

_READY = {"worker": " ready.", "web": "Booting worker", "bare": "Booting worker"}
_START_SECONDS = 90.0
_KIB = 1024


class Programs:
    """`with bench.programs as programs: programs.start("worker", "relay")`. Leaving it ends them all.

    `worker` has `concurrency` processes for work, as everywhere in this service two by default.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str] | None = None) -> None:
        self._folder = folder
        self.environment = dict(os.environ) | dict(environment or {})
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self.port, self.bare_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> "Programs":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in list(self._processes):
            self.stop(name)

    def start(self, *names: str, concurrency: int = 2) -> None:
        """Start programs ("web", "bare", "worker", "relay", "beat") and wait until they are ready, the first time."""
        python = sys.executable
        celery = [python, "-m", "celery", "-A", "config"]
        gunicorn = [
            python,
            "-m",
            "gunicorn",
            "--no-control-socket",
            "-w",
            "2",
            "--threads",
            "4",
            "--keep-alive",
            "30",
        ]
        commands = {
            "web": [*gunicorn, "-b", f"127.0.0.1:{self.port}", "config.wsgi"],
            "bare": [*gunicorn, "-b", f"127.0.0.1:{self.bare_port}", "benchmarks.bare_django"],
            "worker": [*celery, "worker", "--concurrency", str(concurrency), "--loglevel", "INFO"],
            "relay": [python, "manage.py", "relay"],
            "beat": [*celery, "beat", "--schedule", str(self._folder / "beat"), "--pidfile", ""],
        }
        for name in names:
            with self.log(name).open("ab") as log:
                self._processes[name] = subprocess.Popen(
                    # Should the benchmark be killed itself, nothing of it stays.
                    child_command("--signal", "SIGKILL", command=tuple(commands[name])),
                    cwd=CHECKOUT,
                    env=self.environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
        deadline = time.monotonic() + _START_SECONDS
        for name in names:
            while (words := _READY.get(name)) and words not in self.log(name).read_text(errors="replace"):
                if time.monotonic() > deadline or self._processes[name].poll() is not None:
                    raise RuntimeError(f"{name} does not start:\n{self.tail(name)}")
                time.sleep(0.1)

    def stop(self, name: str, *, seconds: float = 15.0) -> None:
        """As a supervisor does: asked first, then killed; with everything that it started."""
        process = self._processes.pop(name)
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=seconds)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def runs(self, name: str) -> bool:
        return self._processes[name].poll() is None

    def kill(self, name: str) -> None:
        """Without a word of warning."""
        process = self._processes.pop(name)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def log(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    def tail(self, name: str, lines: int = 20) -> str:
        return "\n".join(self.log(name).read_text(errors="replace").splitlines()[-lines:])

    def pids(self, name: str) -> list[int]:
        """The program's process and all below it."""
        pid = self._processes[name].pid
        return [pid, *descendants(pid)]

    def rss_mb(self, name: str) -> dict[int, float]:
        """Resident memory of each process of a program, in MB (10⁶ bytes). Shared pages count for each."""
        return {pid: size for pid in self.pids(name) if (size := _status_mb(pid, "VmRSS")) is not None}

    def pss_mb(self, name: str) -> float:
        """The same with shared pages divided among those that share them: what the program as a whole takes."""
        return sum(size for pid in self.pids(name) if (size := _pss_mb(pid)) is not None)

    def cpu_seconds(self, name: str) -> float:
        """What its living processes took so far."""
        ticks = os.sysconf("SC_CLK_TCK")
        total = 0.0
        for pid in self.pids(name):
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                total += (int(fields[11]) + int(fields[12])) / ticks
        return total


def _status_mb(pid: int, field: str) -> float | None:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1]) * _KIB / 1e6
    return None


def _pss_mb(pid: int) -> float | None:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * _KIB / 1e6
    return None
