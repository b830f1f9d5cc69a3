"""What an import would do to the hosts that are known: created, changed and unchanged, field by field."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from inventory.core.imports.plan import HostRow, ImportPlan, Problem
from inventory.core.jump_hosts import jump_problems


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
    jump_hosts: Collection[str] = (),
    jumps: Mapping[str, str] | None = None,
    sites: Collection[str] = (),
) -> Comparison:
    """Compare rows with what is stored. `known` is keyed by the name in lower case; `renamed` are names that a host
    gave up, in lower case, with what it is called now: most likely the file is older than that. `jump_hosts` are the known
    hosts that others can be reached through, and `jumps` who is reached through whom by now.

    A field that the file does not speak of is left as it is. A decommissioned host, a name that differs from
    the stored one in case, a credential that doesn't exist, and, unless `creates_teams`, such a team, are problems.
    """
    created, changed, unchanged, problems = [], [], [], []
    references = _References(plan, teams, credentials, creates_teams, jump_hosts, sites)
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
    problems += _problems_on_the_way(plan, known, jumps or {})
    return Comparison(
        tuple(created),
        tuple(changed),
        tuple(unchanged),
        tuple(references.new_teams.values()),
        tuple(problems),
    )


class _References:
    """Checks the names of teams, credentials, sites and jump hosts; names are the same in upper and lower case."""

    def __init__(
        self,
        plan: ImportPlan,
        teams: Collection[str],
        credentials: Collection[str],
        creates_teams: bool,
        jump_hosts: Collection[str],
        sites: Collection[str],
    ) -> None:
        self._path = plan.path
        self._hosts = {name.lower(): name for name in jump_hosts}
        self._hosts |= {row.name.lower(): row.name for row in plan.rows if row.transport != "local"}
        self._sites = {name.lower(): name for name in sites}
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
        if row.jump_host is not None:
            known = self._hosts.get(row.jump_host.lower())
            if known is None:
                message = (
                    f"the jump host {row.jump_host} of {row.name} is not a known host that is reached by ssh"
                )
                found.append(Problem(self._path, row.line, message, "Add it to the file."))
            elif known != row.jump_host:
                found.append(_renamed(self._path, row, f"the jump host {row.jump_host}", known))
        if row.site is not None and self._sites.get(row.site.lower(), row.site) != row.site:
            found.append(_renamed(self._path, row, f"the site {row.site}", self._sites[row.site.lower()]))
        return found


def _problems_on_the_way(
    plan: ImportPlan, known: Mapping[str, KnownHost], jumps: Mapping[str, str]
) -> list[Problem]:
    """Rings and chains of jump hosts that the import would make, and local folders behind one."""
    lines = {row.name: row.line for row in plan.rows}
    after = dict(jumps) | {row.name: row.jump_host for row in plan.rows if row.jump_host is not None}
    problems = jump_problems(after, lines)
    for row in plan.rows:
        host = known.get(row.name.lower())
        transport = row.transport or (host.values.get("transport") if host else None)
        if transport == "local" and row.name in after:
            problems.setdefault(
                row.name, f"{row.name} is a local folder, and has the jump host {after[row.name]}"
            )
    remedy = "Let each host be reached through one that is nearer."
    return [Problem(plan.path, lines[name], text, remedy) for name, text in problems.items()]


def _renamed(path: str, row: HostRow, written: str, known: str) -> Problem:
    return Problem(path, row.line, f"{written} is known as {known}", f"Write {known} in the file.")
