"""Who may do what, held against the table of PRODUCT's roles."""

import pytest

from common.core import roles
from common.core.actor import SYSTEM, Actor
from common.core.errors import NotPermitted

# fmt: off
MATRIX = {
    #                    ops  rel-man auditor autom. admin system
    "read":              (1,    1,      1,      1,     1,    1),
    "metrics.read":      (1,    1,      1,      1,     1,    0),
    "change.log":        (1,    1,      0,      1,     1,    1),
    "change.edit":       (1,    1,      0,      0,     1,    1),
    "change.carry-out":  (1,    1,      0,      1,     1,    1),
    "template.edit":     (1,    1,      0,      0,     1,    0),
    "change.approve":    (0,    1,      0,      0,     1,    0),
    "change.import":     (0,    1,      0,      0,     1,    1),
    "incident.open":     (1,    1,      0,      1,     1,    1),
    "incident.edit":     (1,    1,      0,      0,     1,    1),
    "decision.propose":  (1,    1,      0,      0,     1,    1),
    "finding.claim":     (1,    1,      0,      0,     1,    0),
    "scan.run":          (1,    1,      0,      1,     1,    1),
    "scan-policy.edit":  (0,    1,      0,      0,     1,    0),
    "window.edit":       (0,    1,      0,      0,     1,    0),
    "deployment.report": (0,    1,      0,      1,     1,    1),
    "host.edit":         (0,    1,      0,      0,     1,    1),
    "definition.edit":   (0,    1,      0,      0,     1,    0),
    "change.withdraw-any": (0,  0,      0,      0,     1,    0),
    "approval-policy.edit": (0, 0,      0,      0,     1,    0),
    "ledger.read":       (0,    0,      1,      0,     1,    0),
    "host.enrol":        (0,    0,      0,      0,     1,    0),
    "credential.edit":   (0,    0,      0,      0,     1,    0),
    "team.edit":         (0,    0,      0,      0,     1,    0),
    "person.edit":       (0,    0,      0,      0,     1,    0),
    "token.own":         (1,    1,      1,      0,     1,    0),
    "channel.own":       (1,    1,      1,      0,     1,    0),
    "token.any":         (0,    0,      0,      0,     1,    0),
}
# fmt: on
COLUMNS = (*roles.ROLES, "system")
CELLS = [
    (role, permission, bool(row[i])) for permission, row in MATRIX.items() for i, role in enumerate(COLUMNS)
]


def actor(role: str, **more: object) -> Actor:
    return Actor(kind="person", label="someone", role=role, **more)  # type: ignore[arg-type]


def test_the_matrix_has_a_row_for_every_permission() -> None:
    assert set(MATRIX) == roles.ALL_PERMISSIONS


@pytest.mark.parametrize(("role", "permission", "allowed"), CELLS)
def test_a_role_may_what_the_matrix_says(role: str, permission: str, allowed: bool) -> None:
    assert roles.may(role, permission) is allowed
    if allowed:
        roles.require(actor(role), permission)
    else:
        with pytest.raises(NotPermitted):
            roles.require(actor(role), permission)


def test_a_refusal_names_the_roles_that_may() -> None:
    with pytest.raises(
        NotPermitted, match=r"dee has the role auditor, which may not log changes\. Roles that may: ops,"
    ):
        roles.require(Actor(kind="person", label="dee", role="auditor"), "change.log")


def test_an_unknown_role_may_nothing() -> None:
    assert not any(roles.may("intern", permission) for permission in roles.ALL_PERMISSIONS)


def test_a_permission_that_does_not_exist_is_a_programming_error() -> None:
    with pytest.raises(ValueError, match=r"change\.aprove"):
        roles.require(actor("admin"), "change.aprove")


def test_narrowing_takes_away_and_never_gives() -> None:
    narrowed = actor("ops", narrowed_to=frozenset({"read", "change.approve"}))
    assert roles.allows(narrowed, "read")
    assert not roles.allows(narrowed, "change.log")
    assert not roles.allows(narrowed, "change.approve")
    with pytest.raises(NotPermitted, match="narrowed"):
        roles.require(narrowed, "change.log")


def test_narrowing_to_nothing_leaves_nothing() -> None:
    assert not any(roles.allows(actor("admin", narrowed_to=frozenset()), p) for p in roles.ALL_PERMISSIONS)


def test_foldback_itself_approves_nothing() -> None:
    assert not roles.allows(SYSTEM, "change.approve")
