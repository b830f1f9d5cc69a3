"""What the services of changes and approvals share: the locked row, the acting person, the voiding."""

from typing import Any

from changemgmt.core.lifecycles import CHANGE
from changemgmt.models import Approval, Change
from common import clock
from common.core.actor import Actor
from common.core.errors import Conflict, Invalid
from common.models import LedgerEntry, Person
from common.services.ledger import transition


def lock_change(change: Change) -> Change:
    """The row as it is now, locked until the transaction ends. Approvals of it wait for each other here.

    Without a join: for whoever waited while the owner changed, the row would no longer join, and be gone.
    """
    return Change.objects.select_for_update().get(pk=change.pk)


def same_state(locked: Change, change: Change) -> None:
    """Raise Conflict, saying who was first, when the state moved since `change` was read."""
    if locked.state != change.state:
        raise Conflict(
            f"{locked} is {locked.state} already: {who_was_last(locked)}. Read it again and decide anew."
        )


def who_was_last(change: Change) -> str:
    entry = LedgerEntry.objects.filter(subject_id=change.pk).order_by("-created_at").first()
    if entry is None:
        return "it has changed since you read it"
    return f"{entry.action} by {entry.actor_label} at {entry.created_at:%Y-%m-%d %H:%M:%S} UTC"


def move(
    *,
    actor: Actor,
    change: Change,
    event: str,
    action: str,
    data: dict[str, Any] | None = None,
    **fields: Any,
) -> None:
    """Transition a locked change, with its ledger entry and an event of the same name as the action."""
    transition(
        actor=actor,
        lifecycle=CHANGE,
        subject=change,
        event=event,
        action=action,
        data=data,
        fields={"version": change.version + 1, "updated_at": clock.now(), **fields},
        emits=action,
    )


def void_live_approvals(*, change: Change, reason: str) -> int:
    """Void what stands of the approvals of a locked change; returns how many there were."""
    return Approval.objects.filter(change=change, voided_at=None).update(
        voided_at=clock.now(), void_reason=reason
    )


def person_of(actor: Actor) -> Person:
    """The person who answers for the actor; raises Invalid for Foldback itself."""
    person = Person.objects.filter(pk=actor.person_id, is_active=True).first() if actor.person_id else None
    if person is None:
        raise Invalid(f"{actor.label} is nobody who can answer for this: a change needs a person.")
    return person
