"""Who may approve a change, and whether one is approved."""

from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.utils.module_loading import import_string

from changemgmt.core import words
from changemgmt.models import Approval, Change
from common.core import roles
from common.models import Person

APPROVER_ROLES = tuple(role for role in roles.ROLES if roles.may(role, "change.approve"))


def makers_of(change: Change) -> set[UUID]:
    """Who made by hand what it decides on, as far as is known now: somebody may have logged or claimed it since
    it was proposed."""
    makers = (import_string(path)(change) for path in settings.CHANGE_MAKERS)
    return set(change.made_by).union(*makers)


def approvers_for(change: Change) -> list[Person]:
    """Active people with the right to approve, who neither proposed it, own it, nor made what it decides on."""
    involved = {change.requested_by_id, change.owner_id, *makers_of(change)}
    people = Person.objects.filter(is_active=True, role__in=APPROVER_ROLES).exclude(pk__in=involved)
    return list(people.order_by("username"))


def approval_in_force(change: Change, *, digest: str, now: datetime) -> Approval | None:
    """The approval that allows carrying out exactly this content now, or None: void, expired, or of another."""
    live = Approval.objects.filter(change=change, verdict=words.APPROVED, voided_at=None)
    return (
        live.select_related("approver")
        .filter(digest=digest, expires_at__gt=now)
        .order_by("created_at")
        .first()
    )
