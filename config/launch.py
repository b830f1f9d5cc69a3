"""python -m config.launch up | demo | engines | exec -- COMMAND… | with -- COMMAND…

up       a single-node service, data kept in DATA_DIR (default var/)
demo     the same with the demonstration fleet, data in var/demo; RESET=1 starts over
engines  PostgreSQL and Valkey alone, for development; says which file to source
exec     runs COMMAND against engines of its own that are thrown away afterwards: tests
with     runs COMMAND in the environment of the service that runs with DATA_DIR

DATABASE_URL and REDIS_URL take the place of the embedded engines. Ctrl-C, SIGTERM and a hang-up stop everything.
"""

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from config.child import signal_when_parent_dies
from config.data_dir import CannotStart, DataDir, port_is_free, read_env, reset
from config.engines import child_command, remove_home
from config.service import Service
from config.supervise import CHECKOUT

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
TEMPORARY_PREFIX = "foldback-"
DEMONSTRATION = "demonstration"  # in the data directory: "begun", then "made"


class Stop(BaseException):
    """A signal asked the launcher to stop. Not an Exception: nothing on the way may swallow it."""

    def __init__(self, number: int) -> None:
        self.number = signal.Signals(number)


def _raise_stop(number: int, _frame: object) -> None:
    for each in STOPPING:  # stopping is under way from here: a second Ctrl-C must not interrupt it
        signal.signal(each, signal.SIG_IGN)
    raise Stop(number)


def say(text: str) -> None:
    """Tells the person at the terminal, who may have gone."""
    with contextlib.suppress(OSError):
        print(text, flush=True)


def data_dir(default: str) -> Path:
    return (
        (CHECKOUT / os.environ.get("DATA_DIR", "")).resolve()
        if os.environ.get("DATA_DIR")
        else CHECKOUT / default
    )


def run_service(*, demo: bool) -> int:
    """Steps: reset, engines, migrations, definition or demonstration, programs, readiness; then waits for a signal."""
    path = data_dir("var/demo" if demo else "var")
    host = os.environ.get("BIND") or "127.0.0.1"
    port = _port()
    if not port_is_free(host, port):
        name = "demo" if demo else "up"
        raise CannotStart(
            f"Port {port} is in use: stop what uses it, or choose another with `make {name} PORT={port + 1}`."
        )
    if demo:
        _clear_demonstration(path)
    began = time.monotonic()
    with DataDir.hold(path) as data, Service(data, say=say) as service:
        if demo and not (path / DEMONSTRATION).exists():
            (path / DEMONSTRATION).write_text("begun")
        service.start_engines()
        service.start_programs(host=host, port=port, fleet=demo)
        service.prepare_database()
        if demo:
            _make_demonstration(service)
        else:
            service.manage("init_definition", "--if-missing")
        service.let_go(host=host, port=port)
        say(
            f"\nFoldback is at {service.environment['FOLDBACK_URL']}/ after {time.monotonic() - began:.0f} s."
        )
        if demo:
            service.manage("demo_links", quiet=False)
        else:
            say('The first person: make manage ARGS="create_person NAME --role admin"')
        say(f"Data and logs: {path}. Ctrl-C stops everything.")
        service.wait()
    return 1


def _clear_demonstration(path: Path) -> None:
    """Starts over when asked to, or when the last start was interrupted half-way. Never empties the data directory
    of another service."""
    state = path / DEMONSTRATION
    if not state.exists():
        if path.exists() and any(entry.name != ".foldback" for entry in path.iterdir()):
            raise CannotStart(
                f"{path} holds something that is no demonstration: choose another with DATA_DIR=…"
            )
        return
    if state.read_text() != "made" or os.environ.get("RESET", "") not in ("", "0"):
        reset(path)
        remove_home(path)


def _make_demonstration(service: Service) -> None:
    """Once. Its week of history is worked off by demo_seed itself: no worker may take part."""
    state = service.data.path / DEMONSTRATION
    if state.read_text() != "made":
        service.manage("demo_seed", quiet=False)
        state.write_text("made")


def run_engines() -> int:
    with DataDir.hold(data_dir("var/dev")) as data, Service(data, tests=True, say=say) as service:
        service.start_engines()
        service.start_supervisor()
        service.wait_for_engines()
        say(f"PostgreSQL and Valkey are up. In a shell: set -a; . {data.path / 'service.env'}; set +a")
        service.wait()
    return 1


def run_exec(command: list[str]) -> int:
    """Throw-away engines around one command; its exit status is ours."""
    _remove_stale_temporaries()
    path = Path(tempfile.mkdtemp(prefix=TEMPORARY_PREFIX))
    try:
        with DataDir.hold(path) as data, Service(data, tests=True, temporary=True, say=say) as service:
            service.start_engines()
            service.start_supervisor()
            service.wait_for_engines()
            child = subprocess.Popen(child_command(command=tuple(command)), env=service.environment)
            try:
                status = child.wait()
                return status if status >= 0 else 128 - status
            except Stop as stop:
                # A terminal's Ctrl-C has reached the command too: let it say its last words.
                if stop.number is not signal.SIGINT:
                    child.terminate()
                try:
                    child.wait(timeout=10)
                except subprocess.TimeoutExpired:
                    child.kill()
                raise
    finally:
        shutil.rmtree(path, ignore_errors=True)


def run_with(command: list[str]) -> int:
    candidates = (
        [data_dir("var")] if os.environ.get("DATA_DIR") else [CHECKOUT / "var", CHECKOUT / "var/demo"]
    )
    for path in candidates:
        if (path / "service.env").exists():
            return subprocess.run(command, env=os.environ | read_env(path / "service.env")).returncode
    raise CannotStart(
        f"No service runs with {' or '.join(map(str, candidates))}: start one with `make up` first."
    )


def _port() -> int:
    text = os.environ.get("PORT") or "8000"
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise CannotStart(f"PORT is {text!r}: give a number from 1 to 65535.")
    return int(text)


def _remove_stale_temporaries() -> None:
    """Data directories of `exec` runs that were killed before they could tidy up."""
    for path in Path(tempfile.gettempdir()).glob(f"{TEMPORARY_PREFIX}*"):
        try:
            if path.stat().st_uid == os.geteuid() and (path / ".foldback").exists():
                reset(path)
                shutil.rmtree(path)
        except (CannotStart, OSError):
            continue  # in use


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m config.launch",
        description=__doc__,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--die-with-parent", action="store_true", help="stop when the process that started this dies"
    )
    parser.add_argument("mode", choices=("up", "demo", "engines", "exec", "with"))
    parser.add_argument("command", nargs="*", help="after --")
    asked = parser.parse_args(arguments)
    if (asked.mode in ("exec", "with")) != bool(asked.command):
        parser.error("exec and with take a command after `--`; the others take none")
    return asked


def main() -> int:
    asked = parse(sys.argv[1:])
    # A service is eight processes and a test run some hundred: each would compile all of it anew.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    for number in STOPPING:
        if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:  # nohup means it
            signal.signal(number, _raise_stop)
    if asked.die_with_parent:
        signal_when_parent_dies(signal.SIGTERM)
    try:
        if asked.mode == "exec":
            return run_exec(asked.command)
        if asked.mode == "with":
            return run_with(asked.command)
        if asked.mode == "engines":
            return run_engines()
        return run_service(demo=asked.mode == "demo")
    except Stop as stop:
        say("Stopped." if asked.mode not in ("exec", "with") else "")
        return 0 if asked.mode in ("up", "demo", "engines") else 128 + stop.number
    except CannotStart as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
