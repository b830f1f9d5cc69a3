"""What an import would do to the hosts that are known: created, changed and unchanged, field by field."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from inventory.core.imports.plan import HostRow, ImportPlan, Problem


@dataclass(frozen=True)
class KnownHost:
    """A host as it is stored; `values` has the fields of HostRow.said()."""

    name: str
    decommissioned: bool
    values: Mapping[str, Any]


@dataclass(frozen=True)
class HostChange:
    """A known host and what would change: {field: (before, after)}."""

    name: str
    row: HostRow
    fields: Mapping[str, tuple[Any, Any]]


@dataclass(frozen=True)
class Comparison:
    """`new_teams` are those the import would create, in the order of the file."""

    created: tuple[HostRow, ...]
    changed: tuple[HostChange, ...]
    unchanged: tuple[str, ...]
    new_teams: tuple[str, ...]
    problems: tuple[Problem, ...]


def compare(
    plan: ImportPlan,
    known: Mapping[str, KnownHost],
    *,
    teams: Collection[str],
    credentials: Collection[str],
    creates_teams: bool = False,
    renamed: Mapping[str, str] | None = None,
) -> Comparison:
    """Compare rows with what is stored. `known` is keyed by the name in lower case; `renamed` are names that a host
    gave up, in lower case, with what it is called now: most likely the file is older than that.

    A field that the file does not speak of is left as it is. A decommissioned host, a name that differs from
    the stored one in case, a credential that doesn't exist, and, unless `creates_teams`, such a team, are problems.
    """
    created, changed, unchanged, problems = [], [], [], []
    references = _References(plan.path, teams, credentials, creates_teams)
    for row in plan.rows:
        problems += references.problems(row)
        host = known.get(row.name.lower())
        now = (renamed or {}).get(row.name.lower())
        if host is None and now is not None:
            problems.append(
                Problem(
                    plan.path,
                    row.line,
                    f"{row.name} is called {now} by now",
                    f"Write {now} in the file. If another machine is called {row.name}, add that one by itself first.",
                )
            )
        elif host is None:
            created.append(row)
        elif host.name != row.name:
            problems.append(_renamed(plan.path, row, row.name, host.name))
        elif host.decommissioned:
            problems.append(
                Problem(
                    plan.path,
                    row.line,
                    f"{row.name} has been decommissioned",
                    "Take it out of the file, or give the new machine a name of its own.",
                )
            )
        else:
            fields = {
                name: (host.values.get(name), value)
                for name, value in row.said().items()
                if host.values.get(name) != value
            }
            if fields:
                changed.append(HostChange(row.name, row, fields))
            else:
                unchanged.append(row.name)
    return Comparison(
        tuple(created),
        tuple(changed),
        tuple(unchanged),
        tuple(references.new_teams.values()),
        tuple(problems),
    )


class _References:
    """Checks the names of teams and credentials; names are the same in upper and lower case."""

    def __init__(
        self, path: str, teams: Collection[str], credentials: Collection[str], creates_teams: bool
    ) -> None:
        self._path = path
        self._teams = {name.lower(): name for name in teams}
        self._credentials = {name.lower(): name for name in credentials}
        self._creates_teams = creates_teams
        self.new_teams: dict[str, str] = {}

    def problems(self, row: HostRow) -> list[Problem]:
        found = []
        if row.team is not None:
            known = self._teams.get(row.team.lower()) or self.new_teams.get(row.team.lower())
            if known is None and self._creates_teams:
                self.new_teams[row.team.lower()] = row.team
            elif known is None:
                remedy = (
                    "Create it first, or name the person who is to lead the teams that the import creates."
                )
                found.append(
                    Problem(self._path, row.line, f"the team {row.team} of {row.name} is not known", remedy)
                )
            elif known != row.team:
                found.append(_renamed(self._path, row, f"the team {row.team}", known))
        if row.credential is not None:
            known = self._credentials.get(row.credential.lower())
            if known is None:
                message = f"the credential {row.credential} of {row.name} is not known"
                found.append(Problem(self._path, row.line, message, "Create it first."))
            elif known != row.credential:
                found.append(_renamed(self._path, row, f"the credential {row.credential}", known))
        return found


def _renamed(path: str, row: HostRow, written: str, known: str) -> Problem:
    return Problem(path, row.line, f"{written} is known as {known}", f"Write {known} in the file.")
