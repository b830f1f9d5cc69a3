"""Which approvals changes take. What was filed before keeps what it was told, until it is edited."""

from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction

from changemgmt.core import words
from changemgmt.core.filing import invalid
from changemgmt.core.texts import clean_text
from changemgmt.models import ApprovalPolicy
from changemgmt.queries.approvals import APPROVER_ROLES
from common.core import roles
from common.core.actor import Actor
from common.core.errors import Conflict, FieldError, Invalid, PreconditionFailed
from common.services.ledger import record_entry
from inventory.core.names import word_problem
from inventory.models import Team

EDITABLE = ("description", "environments", "kinds", "risks", "count", "role", "team", "is_active")
MOST_APPROVALS = 10


def create_policy(*, actor: Actor, name: str, **fields: Any) -> ApprovalPolicy:
    """Changes of these environments, kinds and risks (empty: any) take `count` approvals of people with `role` and in
    `team` (empty: anybody who may approve). Every policy that matches a change holds for it."""
    roles.require(actor, "approval-policy.edit")
    policy = ApprovalPolicy(name=_name(name))
    _take(policy, fields)
    try:
        with transaction.atomic():
            policy.save(force_insert=True)
            record_entry(actor=actor, action="approval-policy.created", subject=policy, data=_plain(policy))
    except IntegrityError:
        raise Conflict(f"There is a policy called {policy.name} already.") from None
    return policy


def update_policy(
    *, actor: Actor, policy: ApprovalPolicy, fields: Mapping[str, Any], expected_version: int | None = None
) -> ApprovalPolicy:
    """Another wording from now on; `is_active` false ends it. The ledger keeps what it asked for before."""
    roles.require(actor, "approval-policy.edit")
    with transaction.atomic():
        locked = ApprovalPolicy.objects.select_for_update().get(pk=policy.pk)
        if expected_version is not None and locked.version != expected_version:
            raise PreconditionFailed("Read it again, look at what changed, and send yours with the new ETag.")
        before = _plain(locked)
        _take(locked, fields)
        if _plain(locked) == before:
            return locked
        locked.version += 1
        locked.save()
        data = {"from": before, "to": _plain(locked)}
        record_entry(actor=actor, action="approval-policy.updated", subject=locked, data=data)
    return locked


def _name(name: str) -> str:
    name = name.strip()
    if problem := word_problem("policy", name):
        raise invalid("/name", problem)
    return name


def _take(policy: ApprovalPolicy, fields: Mapping[str, Any]) -> None:
    if unknown := set(fields) - set(EDITABLE):
        raise Invalid(
            f"These can't be set: {', '.join(sorted(unknown))}.",
            errors=[FieldError(f"/{name}", "unknown field") for name in sorted(unknown)],
        )
    if "description" in fields:
        policy.description = clean_text("description", fields["description"], most=300)
    if "environments" in fields:
        policy.environments = _words("environments", fields["environments"])
    if "kinds" in fields:
        policy.kinds = _words("kinds", fields["kinds"], words.KINDS)
    if "risks" in fields:
        policy.risks = _words("risks", fields["risks"], words.RISKS)
    if "count" in fields:
        policy.count = fields["count"]
        if not 1 <= policy.count <= MOST_APPROVALS:
            raise invalid("/count", f"from 1 to {MOST_APPROVALS} people")
    if "role" in fields:
        policy.role = fields["role"]
        if policy.role and policy.role not in APPROVER_ROLES:
            raise invalid("/role", f"a role that may approve: {', '.join(APPROVER_ROLES)}")
    if "team" in fields:
        team: Team | None = fields["team"]
        policy.team = team
    if "is_active" in fields:
        policy.is_active = fields["is_active"]


def _words(field: str, values: list[str], known: tuple[str, ...] = ()) -> list[str]:
    for index, value in enumerate(values):
        if known and value not in known:
            raise invalid(f"/{field}/{index}", f"{value[:80]!r} is not one of these: {', '.join(known)}")
        if problem := word_problem(field.rstrip("s"), value):
            raise invalid(f"/{field}/{index}", problem)
    return sorted(set(values))


def _plain(policy: ApprovalPolicy) -> dict[str, Any]:
    return {
        "environments": policy.environments,
        "kinds": policy.kinds,
        "risks": policy.risks,
        "count": policy.count,
        "role": policy.role,
        "team": policy.team.name if policy.team else "",
        "is_active": policy.is_active,
        "description": policy.description,
    }
