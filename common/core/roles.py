"""Roles and what each may do. One table: to learn who may do what, read it."""

from common.core.actor import Actor
from common.core.errors import NotPermitted

OPS = "ops"
RELEASE_MANAGER = "release-manager"
AUDITOR = "auditor"
AUTOMATION = "automation"
ADMIN = "admin"
ROLES = (OPS, RELEASE_MANAGER, AUDITOR, AUTOMATION, ADMIN)
PERSON_ROLES = (OPS, RELEASE_MANAGER, AUDITOR, ADMIN)

_EVERY_PERSON = {"read", "metrics.read", "token.own", "channel.own"}
_OPERATE = {
    "change.log",
    "change.edit",
    "change.carry-out",
    "template.edit",
    "incident.open",
    "incident.edit",
    "finding.claim",
    "scan.run",
    "decision.propose",
}
_RELEASE = _OPERATE | {
    "change.approve",
    "change.import",
    "window.edit",
    "deployment.report",
    "host.edit",
    "definition.edit",
    "scan-policy.edit",
}

PERMISSIONS: dict[str, frozenset[str]] = {
    OPS: frozenset(_EVERY_PERSON | _OPERATE),
    RELEASE_MANAGER: frozenset(_EVERY_PERSON | _RELEASE),
    AUDITOR: frozenset(_EVERY_PERSON | {"ledger.read"}),
    AUTOMATION: frozenset(
        {
            "read",
            "metrics.read",
            "change.log",
            "change.carry-out",
            "incident.open",
            "deployment.report",
            "scan.run",
        }
    ),
    ADMIN: frozenset(
        _EVERY_PERSON
        | _RELEASE
        | {
            "change.withdraw-any",
            "approval-policy.edit",
            "ledger.read",
            "host.enrol",
            "credential.edit",
            "team.edit",
            "person.edit",
            "token.any",
        }
    ),
    "system": frozenset(
        {
            "read",
            "change.log",
            "change.import",
            "change.edit",
            "change.carry-out",
            "incident.open",
            "incident.edit",
            "scan.run",
            "host.edit",
            "decision.propose",
            "deployment.report",
        }
    ),
}
ALL_PERMISSIONS = frozenset().union(*PERMISSIONS.values())

_WORDS = {
    "change.approve": "approve or refuse changes",
    "change.import": "import the history of another system",
    "change.edit": "edit or claim changes",
    "change.log": "log changes",
    "change.carry-out": "start, complete or fail changes",
    "template.edit": "write templates of changes",
    "approval-policy.edit": "say which approvals changes take",
    "incident.open": "open incidents or write into their timeline",
    "incident.edit": "lead, close or review incidents",
    "channel.own": "have channels of their own",
    "read": "read anything",
    "credential.edit": "create or rotate credentials",
    "decision.propose": "decide on findings, or on what the definition says",
    "deployment.report": "report deployments",
    "finding.claim": "claim findings",
    "host.edit": "add or change hosts",
    "host.enrol": "enrol hosts",
    "scan-policy.edit": "say which hosts are scanned how often",
    "window.edit": "say when pushes are frozen, or when there is maintenance",
    "metrics.read": "read the metrics",
    "scan.run": "start scans",
}


def may(role: str, permission: str) -> bool:
    return permission in PERMISSIONS.get(role, frozenset())


def allows(actor: Actor, permission: str) -> bool:
    """Whether this actor may: by role, and within what its token is narrowed to."""
    return may(actor.role, permission) and (actor.narrowed_to is None or permission in actor.narrowed_to)


def require(actor: Actor, permission: str) -> None:
    """Raise NotPermitted, naming what is missing and who has it."""
    if permission not in ALL_PERMISSIONS:
        raise ValueError(f"no such permission: {permission}")
    if allows(actor, permission):
        return
    what = _WORDS.get(permission, permission)
    if may(actor.role, permission):
        raise NotPermitted(
            f"The token of {actor.label} may not {what}: it is narrowed to other things, or its sponsor may not either."
        )
    who = ", ".join(role for role in ROLES if may(role, permission))
    raise NotPermitted(
        f"{actor.label} has the role {actor.role}, which may not {what}. Roles that may: {who}."
    )
