"""What an import found: rows of hosts, or every problem with its file, line and remedy."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

MAX_HOSTS = 100_000
MAX_PROBLEMS = 1_000


def hosts(count: int) -> str:
    """`1 host`, `2,400 hosts`."""
    return f"{count:,} host" if count == 1 else f"{count:,} hosts"


@dataclass(frozen=True)
class Problem:
    """One thing that must be mended before anything is imported. `line` counts from 1; 0 is the whole file."""

    path: str
    line: int
    message: str
    remedy: str

    def __str__(self) -> str:
        where = f"{self.path}:{self.line}" if self.line else self.path
        return f"{where}: {self.message}. {self.remedy}"


class InventoryError(Exception):
    """The inventory can't be imported; `problems` has all of them, in the order of the file."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


@dataclass(frozen=True)
class Note:
    """Something left out or not understood that does not stop the import."""

    line: int
    message: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.message}" if self.line else self.message


@dataclass(frozen=True)
class HostRow:
    """One host as the file describes it. None means that the file says nothing, so a known host keeps its value."""

    name: str
    environment: str
    roles: tuple[str, ...]
    line: int
    team: str | None = None
    address: str | None = None
    port: int | None = None
    user: str | None = None
    transport: str | None = None
    root: str | None = None
    credential: str | None = None
    jump_host: str | None = None
    site: str | None = None
    variables: Mapping[str, Any] | None = None

    def said(self) -> dict[str, Any]:
        """The fields that the file speaks of, without the name and the line."""
        values = {
            "environment": self.environment,
            "roles": list(self.roles),
            "team": self.team,
            "address": self.address,
            "port": self.port,
            "user": self.user,
            "transport": self.transport,
            "root": "" if self.transport == "ssh" else self.root,  # only a local host has a root
            "credential": self.credential,
            "jump_host": self.jump_host,
            "site": self.site,
            "variables": None if self.variables is None else dict(self.variables),
        }
        return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True)
class ImportPlan:
    """A readable inventory: one row a host in the order of the file, and notes for the person who imports."""

    path: str
    format: str
    rows: tuple[HostRow, ...]
    notes: tuple[Note, ...] = ()


@dataclass
class Findings:
    """Collects problems and notes while a file is read, so that one reading tells everything."""

    path: str
    problems: list[Problem] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    _left_out: dict[str, tuple[int, int, str]] = field(default_factory=dict)

    def problem(self, line: int, message: str, remedy: str) -> None:
        problem = Problem(self.path, line, message, remedy)
        if problem not in self.problems[-20:]:  # a range of hosts repeats the problem of its one line
            self.problems.append(problem)

    def note(self, line: int, message: str) -> None:
        self.notes.append(Note(line, message))

    def left_out(self, variable: str, line: int, why: str) -> None:
        """A variable that isn't stored; counted by name, so that ten thousand hosts give one note."""
        first, count, _ = self._left_out.get(variable, (line, 0, why))
        self._left_out[variable] = (first, count + 1, why)

    def all_notes(self) -> tuple[Note, ...]:
        left_out = (
            Note(line, f"{variable} is left out on {hosts(count)}: {why}")
            for variable, (line, count, why) in sorted(self._left_out.items())
        )
        return (*self.notes, *left_out)

    def check(self) -> None:
        """Raise InventoryError if there was any problem."""
        if not self.problems:
            return
        problems = sorted(self.problems, key=lambda problem: problem.line)
        if len(problems) > MAX_PROBLEMS:
            more = len(problems) - MAX_PROBLEMS
            problems = problems[:MAX_PROBLEMS]
            problems.append(Problem(self.path, 0, f"and {more:,} more problems", "Mend these first."))
        raise InventoryError(problems)
