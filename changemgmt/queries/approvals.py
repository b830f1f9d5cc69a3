"""Who may approve a change, which approvals of it stand, and whether those are all that it takes."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils.module_loading import import_string

from changemgmt.core import words
from changemgmt.core.requirements import Approver, counts_for, missing
from changemgmt.models import Approval, Change
from common import clock
from common.core import roles
from common.models import Person
from inventory.models import Team

APPROVER_ROLES = tuple(role for role in roles.ROLES if roles.may(role, "change.approve"))
# Every filing asks for it: a statement that is written, not put together.
_MAY_APPROVE = """
SELECT * FROM common_person WHERE is_active AND role = ANY(%s) AND NOT id = ANY(%s::uuid[]) ORDER BY username
"""
WAITING = ("proposed", "logged", "disputed")
"""States in which a change takes approvals; an approved one, too, when those have run out."""


def makers_of(change: Change) -> set[UUID]:
    """Who made by hand what it decides on, as far as is known now: somebody may have logged or claimed it since
    it was proposed."""
    if not change.is_decision:
        return set(change.made_by)
    makers = (import_string(path)(change) for path in settings.CHANGE_MAKERS)
    return set(change.made_by).union(*makers)


def approvals_of(change: Change) -> list[Approval]:
    """Every verdict on it, void ones too, in the order they were given."""
    approvals = list(Approval.objects.filter(change=change).select_related("approver").order_by("created_at"))
    for approval in approvals:
        approval.change = change
    return approvals


def approvers_for(change: Change, approvals: Sequence[Approval] | None = None) -> list[Person]:
    """Active people whose approval it still needs: with the right to approve, who neither proposed it, own it, nor
    made what it decides on, and whose role and team are asked for. `approvals`, where they are known, save a query."""
    now = clock.now()
    approvals = approvals_of(change) if approvals is None else approvals
    left = missing_approvals(change, now, approvals)
    given = {one.approver_id for one in approvals if _is_given(one) and one.expires_at > now}
    involved = {change.requested_by_id, change.owner_id, *makers_of(change)}
    found = list(Person.objects.raw(_MAY_APPROVE, [list(APPROVER_ROLES), list(involved | given)]))
    if all(not one.get("role") and not one.get("team_id") for one in left):
        return found
    approvers = as_approvers(found)
    return [
        person
        for person, approver in zip(found, approvers, strict=True)
        if not left or any(counts_for(one, approver) for one in left)
    ]


def as_approvers(people: list[Person]) -> list[Approver]:
    """The same people, with the teams that they are in or lead."""
    ids = [person.pk for person in people]
    teams: dict[UUID, set[str]] = {pk: set() for pk in ids}
    for person, team in Team.members.through.objects.filter(person__in=ids).values_list("person", "team"):
        teams[person].add(str(team))
    for person, team in Team.objects.filter(lead__in=ids).values_list("lead", "pk"):
        teams[person].add(str(team))
    return [Approver(person.pk, person.role, frozenset(teams[person.pk])) for person in people]


def _is_given(approval: Approval) -> bool:
    return approval.verdict == words.APPROVED and approval.voided_at is None


def missing_approvals(
    change: Change, now: datetime, approvals: Sequence[Approval] | None = None
) -> list[dict[str, Any]]:
    """The requirements that the approvals in force don't fulfil, with how many each still takes as `count`."""
    approvals = approvals_of(change) if approvals is None else approvals
    given = [one for one in approvals if _is_given(one) and one.digest == change.digest]
    return _left(change, [one.approver for one in given if one.expires_at > now])


def why_not_in_force(change: Change, now: datetime) -> str:
    """Why what was approved is not any more, as the end of a sentence: time went by, or somebody who said yes to it
    has another role or team since."""
    given = [one for one in approvals_of(change) if _is_given(one) and one.digest == change.digest]
    over = [one for one in given if one.expires_at <= now]
    if not given:
        return "no approval of it as it is now stands"
    ran_out = "its approval ran out"
    if not _left(change, [one.approver for one in given]):
        return ran_out
    who = ", ".join(one.approver.username for one in given)
    moved = f"who approved it ({who}) no longer has the role or team that it takes"
    return f"{ran_out}; {moved}" if over else moved


def _left(change: Change, people: list[Person]) -> list[dict[str, Any]]:
    # Whose teams they are is only asked when somebody wants to know.
    by_team = any(one.get("team_id") for one in change.requirements)
    approvers = (
        as_approvers(people) if by_team else [Approver(one.pk, one.role, frozenset()) for one in people]
    )
    return missing(change.requirements, approvers)


def approval_in_force(change: Change, *, digest: str, now: datetime) -> Approval | None:
    """The first of the approvals that allow carrying out exactly this content now; None when one that it takes is
    missing, void, expired, or of another content."""
    return next(iter(approvals_in_force(change, digest=digest, now=now)), None)


def approvals_in_force(change: Change, *, digest: str, now: datetime) -> list[Approval]:
    """All of them, in the order they were given; none when they are not enough."""
    approvals = approvals_of(change)
    if digest != change.digest or missing_approvals(change, now, approvals):
        return []
    return [one for one in approvals if _is_given(one) and one.digest == digest and one.expires_at > now]
