"""The programs of one running service, and the supervisor that restarts those that die.

supervisord runs in the foreground in a session of its own, from a configuration generated into DATA_DIR/run. It
is told to stop by the kernel should the launcher die. Each program is started through child.py.
"""

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from config.child import PR_SET_CHILD_SUBREAPER, prctl
from config.data_dir import CannotStart, DataDir, write_private
from config.engines import EngineProgram, child_command

CHECKOUT = Path(__file__).resolve().parent.parent

# Who is given what. What isn't named here is kept from every program of the service.
_WORKERS = (
    "FOLDBACK_SEAL_PRIVATE",
    "FOLDBACK_HMAC_KEY",
    "DEFINITION_TOKEN",
    "DEFINITION_SSH_KEY",
    "EMAIL_URL",
)
GUARDED = ("DATABASE_OWNER_URL", *_WORKERS)
WORKER_KEYS = frozenset(_WORKERS)


@dataclass(frozen=True)
class AppProgram:
    """A program of the service itself; `keys` are the guarded variables that it is given."""

    name: str
    command: tuple[str, ...]
    keys: frozenset[str] = frozenset()


def python(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, *arguments)


def service_programs(*, host: str, port: int, data: DataDir, fleet: bool) -> list[AppProgram]:
    """web, worker, beat, relay; and the demonstration fleet."""
    bind = ("--bind", f"{host}:{port}", "--workers", "2", "--threads", "4", "--keep-alive", "30")
    quiet = ("--no-control-socket", "--access-logfile", "-", "--graceful-timeout", "5")
    celery = ("-m", "celery", "-A", "config")
    schedule = ("--schedule", str(data.run / "beat"), "--pidfile", "")
    programs = [
        AppProgram("web", python("-m", "gunicorn", *bind, *quiet, "config.wsgi:application")),
        AppProgram(
            "worker", python(*celery, "worker", "--concurrency", "2", "--loglevel", "INFO"), WORKER_KEYS
        ),
        AppProgram("beat", python(*celery, "beat", "--loglevel", "INFO", *schedule)),
        AppProgram("relay", python("manage.py", "relay")),
    ]
    if fleet:
        programs.append(AppProgram("fleet", python("manage.py", "demo_fleet")))
    return programs


def _group(name: str, programs: list[str], *, priority: int) -> str:
    return f"[group:{name}]\nprograms = {','.join(programs)}\npriority = {priority}\n\n" if programs else ""


def _section(name: str, command: tuple[str, ...], *, log: Path, stop_signal: str) -> str:
    lines = {
        "command": shlex.join(command),
        "directory": str(CHECKOUT),
        "autorestart": "true",
        "startsecs": "1",
        "startretries": "1000",
        "stopsignal": stop_signal.removeprefix("SIG"),
        "stopwaitsecs": "8",
        "killasgroup": "true",
        "redirect_stderr": "true",
        "stdout_logfile": str(log / f"{name}.log"),
        "stdout_logfile_maxbytes": "10MB",
        "stdout_logfile_backups": "2",
    }
    # supervisor expands % and takes " ;" for a comment.
    text = "".join(f"{key} = {value.replace('%', '%%')}\n" for key, value in lines.items())
    if " ;" in text:
        raise CannotStart(
            f"A path of this checkout or data directory holds ' ;', which can't be handled: {CHECKOUT}"
        )
    return f"[program:{name}]\n{text}\n"


class Supervisor:
    """supervisord with its programs. The engines start at once, the rest after `let_go()`."""

    def __init__(self, data: DataDir, environment: Mapping[str, str]) -> None:
        self.data = data
        self.environment = dict(environment)
        self.gate = data.run / "go"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, engines: list[EngineProgram], apps: list[AppProgram]) -> None:
        """Writes the configuration and starts supervisord."""
        own = {
            "nodaemon": "true",
            "silent": "true",
            "logfile": str(self.data.log / "supervisord.log"),
            "pidfile": str(self.data.run / "supervisord.pid"),
            "childlogdir": str(self.data.log),
            **({"user": "root"} if os.geteuid() == 0 else {}),
        }
        text = "[supervisord]\n" + "".join(f"{k} = {v.replace('%', '%%')}\n" for k, v in own.items()) + "\n"
        for engine in engines:
            text += _section(engine.name, engine.command, log=self.data.log, stop_signal=engine.stop_signal)
        for app in apps:
            dropped = [f"--without={name}" for name in GUARDED if name not in app.keys]
            command = child_command("--after", str(self.gate), *dropped, command=app.command)
            text += _section(app.name, command, log=self.data.log, stop_signal="SIGTERM")
        # A group is stopped at once, and one group after the other: the engines outlast what uses them.
        text += _group("engines", [engine.name for engine in engines], priority=1)
        text += _group("service", [app.name for app in apps], priority=10)
        configuration = self.data.run / "supervisord.conf"
        write_private(configuration, text)
        command = python("-m", "supervisor.supervisord", "-n", "-c", str(configuration))
        with (self.data.log / "supervisord.out").open("wb") as out:
            self._process = subprocess.Popen(
                child_command(command=command),
                cwd=CHECKOUT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def let_go(self) -> None:
        """The database is ready: the programs of the service may start."""
        self.gate.touch()

    def alive(self) -> bool:
        """Whether supervisord runs; on the way, orphans that have ended are taken off the process table."""
        if self._process is None or self._process.poll() is not None:
            return False
        while (ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) is not None:
            if ended.si_pid == self._process.pid:
                return self._process.poll() is None
            os.waitpid(ended.si_pid, 0)
        return True

    def stop(self) -> None:
        """Stops the programs in order: the service first, then the engines."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def log_size(self, name: str) -> int:
        """How much a program's log holds: what is said from now on stands behind it."""
        log = self.data.log / f"{name}.log"
        return log.stat().st_size if log.exists() else 0

    def has_said(self, name: str, words: str, *, since: int) -> bool:
        """Whether a program's log holds these words behind a place; a log that has been begun anew is read whole."""
        try:
            with (self.data.log / f"{name}.log").open("rb") as log:
                log.seek(since if log.seek(0, os.SEEK_END) >= since else 0)
                return words.encode() in log.read()
        except OSError:
            return False

    def tail(self, name: str, lines: int = 12) -> str:
        """The last lines of a program's log, for a person who must be told why it didn't start."""
        try:
            text = (self.data.log / f"{name}.log").read_text(errors="replace")
        except OSError:
            return ""
        return "\n".join(f"    {line}" for line in text.splitlines()[-lines:])


def adopt_orphans() -> None:
    """Processes below this one whose parent dies become ours, so that `end_children` finds them."""
    prctl(PR_SET_CHILD_SUBREAPER, 1)


def end_children() -> None:
    """Ends every process that is below this one: those we started, and orphans that the kernel gave to us."""
    for number, patience in ((signal.SIGTERM, 3.0), (signal.SIGKILL, 5.0)):
        deadline = time.monotonic() + patience
        for pid in descendants(os.getpid()):
            _kill(pid, number)
        while time.monotonic() < deadline:
            try:
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            except ChildProcessError:
                return
            time.sleep(0.02)


def _kill(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def descendants(root: int) -> list[int]:
    """Process ids below `root`, from /proc."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            after_name = stat.read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile
        children.setdefault(int(after_name[1]), []).append(int(stat.parent.name))
    found: list[int] = []
    waiting = [root]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found
