"""`foldback log`, the whole process: with a service that answers, and with none."""

import os
import subprocess
import sys
from pathlib import Path

from benchmarks.api_filing import prepare, serving
from benchmarks.asking import percentile
from benchmarks.harness import Bench, timed
from changemgmt.models import Change
from config.data_dir import free_port
from config.supervise import CHECKOUT

COMMAND = CHECKOUT / "cli" / "foldback"
RUNS = 30


def log_by_command(bench: Bench) -> None:
    token = prepare()
    runs = bench.option("RUNS", RUNS)
    with serving(bench) as programs:
        programs.start("web")
        log_changes(bench.folder / "live", programs.url, token, 3)  # the server is warm
        live = log_changes(bench.folder / "live", programs.url, token, runs)
        if (there := Change.objects.count()) != runs + 3:
            raise RuntimeError(f"{runs + 3} changes were logged, and {there} are there")
    offline = log_changes(bench.folder / "offline", f"http://127.0.0.1:{free_port()}", token, runs)
    for key, times, most in (("cli_log_ms", live, 150), ("cli_log_offline_ms", offline, 100)):
        ordered = sorted(times)
        bench.record(
            key, times, most=most, unit="ms", p95_ms=percentile(ordered, 95), python=sys.version.split()[0]
        )


def log_changes(home: Path, url: str, token: str, count: int) -> list[float]:
    """Milliseconds of each run, in a home directory of its own."""
    home.mkdir(exist_ok=True)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "FOLDBACK_URL": url,
        "FOLDBACK_TOKEN": token,
    }

    def run() -> None:
        subprocess.run(
            [sys.executable, str(COMMAND), "log", "raised worker_connections to 4096", "--on", "web-1"],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )

    return [timed(run) * 1000 for _ in range(count)]
