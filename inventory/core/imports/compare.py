"""What an import would do to the hosts that are known: created, changed and unchanged, field by field."""

from collections.abc import Mapping
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
    created: tuple[HostRow, ...]
    changed: tuple[HostChange, ...]
    unchanged: tuple[str, ...]
    problems: tuple[Problem, ...]


def compare(
    plan: ImportPlan, known: Mapping[str, KnownHost], teams: set[str], credentials: set[str]
) -> Comparison:
    """Compare rows with what is stored. `known` is keyed by the name in lower case.

    A field that the file does not speak of is left as it is. A decommissioned host, a name that differs from
    the stored one in case, and a team or credential that doesn't exist are problems.
    """
    created, changed, unchanged, problems = [], [], [], []
    for row in plan.rows:
        problems += _reference_problems(plan.path, row, teams, credentials)
        host = known.get(row.name.lower())
        if host is None:
            created.append(row)
        elif host.name != row.name:
            problems.append(
                Problem(
                    plan.path,
                    row.line,
                    f"{row.name} is known as {host.name}",
                    f"Write {host.name} in the file.",
                )
            )
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
    return Comparison(tuple(created), tuple(changed), tuple(unchanged), tuple(problems))


def _reference_problems(path: str, row: HostRow, teams: set[str], credentials: set[str]) -> list[Problem]:
    problems = []
    if row.team is not None and row.team not in teams:
        problems.append(
            Problem(
                path,
                row.line,
                f"the team {row.team} of {row.name} is not known",
                "Create it first, or name a person who leads the teams that the import creates.",
            )
        )
    if row.credential is not None and row.credential not in credentials:
        problems.append(
            Problem(
                path,
                row.line,
                f"the credential {row.credential} of {row.name} is not known",
                "Create it first.",
            )
        )
    return problems
