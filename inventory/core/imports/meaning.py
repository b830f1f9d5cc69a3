"""What the groups of an Ansible inventory mean: an environment, a role, a team, or nothing.

Without being told, `env_prod` is the environment prod, `role_web` the role web and `team_payments` the team
payments. A mapping says it for groups that are named otherwise.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from inventory.core.names import shown, word_problem

ENVIRONMENT, ROLE, TEAM = "environment", "role", "team"
IGNORE, SKIP = "ignore", "skip"
_PREFIXES = {"env_": ENVIRONMENT, "role_": ROLE, "team_": TEAM}
_KINDS = {"environment": ENVIRONMENT, "env": ENVIRONMENT, "role": ROLE, "team": TEAM}
_BUILT_IN = frozenset({"all", "ungrouped"})


@dataclass(frozen=True)
class Meaning:
    """`kind` is environment, role, team, ignore (the group says nothing) or skip (its hosts are not imported)."""

    kind: str
    value: str = ""


def parse_meaning(text: str) -> Meaning:
    """Read `role:web`, `environment:prod`, `team:payments`, `ignore` or `skip`; raises ValueError, saying which."""
    if text in {IGNORE, SKIP}:
        return Meaning(text)
    kind, colon, value = text.partition(":")
    if not colon or kind not in _KINDS:
        raise ValueError(
            f"{shown(text)} is not a meaning: write role:NAME, environment:NAME, team:NAME, ignore or skip "
            "(skip leaves the group's hosts out)"
        )
    problem = word_problem(_KINDS[kind], value)
    if problem:
        raise ValueError(problem)
    return Meaning(_KINDS[kind], value)


def parse_mapping(mapping: Mapping[str, str]) -> dict[str, Meaning]:
    """Read a whole mapping {group: meaning}; raises ValueError naming the group that is wrong."""
    meanings = {}
    for group, text in mapping.items():
        try:
            meanings[group] = parse_meaning(text)
        except ValueError as error:
            raise ValueError(f"group {group}: {error}") from None
    return meanings


def meaning_of(group: str, mapping: Mapping[str, Meaning]) -> Meaning | None:
    """What a group means, or None when neither the mapping nor its name tells."""
    if group in mapping:
        return mapping[group]
    if group in _BUILT_IN:
        return Meaning(IGNORE)
    for prefix, kind in _PREFIXES.items():
        value = group.removeprefix(prefix)
        if value != group and not word_problem(kind, value):
            return Meaning(kind, value)
    return None
