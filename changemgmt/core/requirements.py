"""Which approvals a change takes, and which of them are still missing."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID


@dataclass(frozen=True)
class Policy:
    """Changes in any of `environments`, of these `kinds` and `risks` (empty: any) take `count` approvals of people
    with `role` (empty: any role that may approve) and in the team (empty: any)."""

    name: str
    environments: Collection[str] = ()
    kinds: Collection[str] = ()
    risks: Collection[str] = ()
    count: int = 1
    role: str = ""
    team: str = ""
    team_id: str = ""

    def matches(self, *, kind: str, risk: str, environments: Collection[str]) -> bool:
        return (
            (not self.kinds or kind in self.kinds)
            and (not self.risks or risk in self.risks)
            and (not self.environments or bool(set(self.environments) & set(environments)))
        )


@dataclass(frozen=True)
class Approver:
    """Somebody whose approval stands: whose role and teams are asked for."""

    person: UUID
    role: str
    teams: frozenset[str]  # ids, as text


Requirement = Mapping[
    str, Any
]  # {"policy": "dba", "count": 1, "role": "", "team": "payments", "team_id": "…"}
ANYBODY: Requirement = {"policy": "", "count": 1, "role": "", "team": "", "team_id": ""}


def requirements_of(
    policies: Iterable[Policy], *, kind: str, risk: str, environments: Collection[str]
) -> list[dict[str, Any]]:
    """What every policy that matches asks for; one approval of anybody when none does. Kept with the change.

    An environment is not known for hosts that inventory doesn't know; a policy about environments can't match them.
    """
    found = [
        {
            "policy": policy.name,
            "count": policy.count,
            "role": policy.role,
            "team": policy.team,
            "team_id": policy.team_id,
        }
        for policy in sorted(policies, key=lambda policy: policy.name)
        if policy.matches(kind=kind, risk=risk, environments=environments)
    ]
    return found or [dict(ANYBODY)]


def approvals_needed(requirements: Sequence[Requirement]) -> int:
    """How many different people it takes at least: one approval may count for several requirements."""
    return max((int(requirement["count"]) for requirement in requirements), default=1)


def counts_for(requirement: Requirement, approver: Approver) -> bool:
    return (not requirement.get("role") or requirement["role"] == approver.role) and (
        not requirement.get("team_id") or requirement["team_id"] in approver.teams
    )


def missing(requirements: Sequence[Requirement], approvers: Collection[Approver]) -> list[dict[str, Any]]:
    """The requirements that these approvals don't fulfil, with how many each still takes as `count`."""
    people = {approver.person: approver for approver in approvers}.values()
    left = []
    for requirement in requirements or [ANYBODY]:
        count = int(requirement["count"]) - sum(counts_for(requirement, one) for one in people)
        if count > 0:
            left.append({**requirement, "count": count})
    return left


def in_words(requirement: Requirement) -> str:
    """`2 approvals of people with the role admin in the team payments (policy dba)`"""
    count = int(requirement["count"])
    text = "one approval" if count == 1 else f"{count} approvals"
    who = []
    if requirement.get("role"):
        who.append(f"with the role {requirement['role']}")
    if requirement.get("team"):
        who.append(f"in the team {requirement['team']}")
    if who:
        text += f" of {'somebody' if count == 1 else 'people'} {' '.join(who)}"
    return f"{text} (policy {requirement['policy']})" if requirement.get("policy") else text
