"""`kill -9` of the programs of a service, at random, and what a supervisor does about it.

Web, worker, beat and relay are started again here; PostgreSQL and Valkey by the supervisor of the embedded engines.
"""

import contextlib
import os
import random
import signal
from collections import Counter
from pathlib import Path

from benchmarks.programs import Programs
from config.supervise import descendants

PROGRAMS = ("web", "worker", "beat", "relay")
ENGINES = {"valkey": "valkey-server", "postgres": "postgres"}
NAMES = (*PROGRAMS, *ENGINES)


class Killer:
    """`kill()` kills one process of one program, chosen by `chance`; `revive()` starts again whatever has ended."""

    def __init__(self, programs: Programs, chance: random.Random) -> None:
        self.programs, self.chance = programs, chance
        self.killed: Counter[str] = Counter()
        self.revived: Counter[str] = Counter()
        self._supervisor = int((Path(os.environ["DATA_DIR"]) / "run/supervisord.pid").read_text())

    def kill(self) -> str | None:
        """What was killed; None where the one that was chosen does not run just now."""
        name = self.chance.choice(NAMES)
        pids = self.processes(name)
        if not pids:
            return None
        # The first is the one that started the others: it is as likely as all of them together.
        pid = pids[0] if self.chance.random() < 0.5 else self.chance.choice(pids)
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return None
        self.killed[name] += 1
        return f"{name}{'' if pid == pids[0] else ' (one of its processes)'}"

    def processes(self, name: str) -> list[int]:
        if name in PROGRAMS:
            return self.programs.pids(name) if self.programs.runs(name) else []
        return [pid for pid in descendants(self._supervisor) if ENGINES[name] in _command(pid)]

    def revive(self) -> None:
        for name in PROGRAMS:
            if not self.programs.runs(name):
                self.programs.kill(name)  # what it left
                self.programs.start(name)
                self.revived[name] += 1


def _command(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace").replace("\0", " ")
    return ""
