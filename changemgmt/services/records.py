"""What the services of changes and approvals share: the locked row, the acting person, the voiding."""

from datetime import timedelta
from typing import Any

from django.conf import settings

from changemgmt.core.digest import content_digest
from changemgmt.core.lifecycles import CHANGE
from changemgmt.models import Approval, Change, ChangeTemplate, Incident, Window
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


def same_state(locked: Change | Incident, read: Change | Incident) -> None:
    """Raise Conflict, saying who was first, when the state moved since it was `read`."""
    if locked.state != read.state:
        raise Conflict(
            f"{locked} is {locked.state} already: {who_was_last(locked)}. Read it again and decide anew."
        )


def who_was_last(record: Change | ChangeTemplate | Incident | Window) -> str:
    entry = LedgerEntry.objects.filter(subject_id=record.pk).order_by("-created_at").first()
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
    emits: str = "",
    **fields: Any,
) -> None:
    """Transition a locked change, with its ledger entry and an event, of the same name as the action unless `emits`
    gives another."""
    transition(
        actor=actor,
        lifecycle=CHANGE,
        subject=change,
        event=event,
        action=action,
        data=data,
        fields={"version": change.version + 1, "updated_at": clock.now(), **fields},
        emits=emits or action,
    )


def void_live_approvals(*, change: Change, reason: str) -> int:
    """Void what stands of the approvals of a locked change; returns how many there were."""
    return Approval.objects.filter(change=change, voided_at=None).update(
        voided_at=clock.now(), void_reason=reason
    )


def void_verdicts(*, actor: Actor, change: Change, reason: str) -> int:
    """What was decided about a locked change is decided no more: its live verdicts are void, and it waits for
    somebody anew when it was approved or accepted. Returns how many verdicts there were. Emits `change.voided`.

    Before any write of what they bound: a trigger holds that.
    """
    voided = void_live_approvals(change=change, reason=reason)
    data = {"reason": reason, "verdicts_voided": voided}
    if change.state == "approved":
        move(actor=actor, change=change, event="void", action="change.voided", data=data)
    elif change.state == "accepted":
        due = clock.now() + timedelta(hours=settings.REVIEW_HOURS)
        move(
            actor=actor,
            change=change,
            event="void",
            action="change.voided",
            data=data,
            due_at=due,
            reminded_at=None,
        )
    return voided


def write(change: Change, **fields: Any) -> None:
    """Write these fields of a locked change, and its version."""
    for name, value in fields.items():
        setattr(change, name, value)
    change.version += 1
    change.updated_at = clock.now()
    change.save(update_fields=[*fields, "version", "updated_at"])


def digest_of(change: Change) -> str:
    """The digest of what an approval of this change binds, as it stands. Not of decisions: theirs is given."""
    return content_digest(
        {
            "kind": change.kind,
            "title": change.title,
            "description": change.description,
            "reason": change.reason,
            "hosts": change.hosts,
            "resources": change.resources,
            "selector": change.selector,
            "plan": change.plan,
            "backout": change.backout,
            "planned_start": change.planned_start,
            "planned_end": change.planned_end,
            "happened_at": change.happened_at if change.is_record else None,
            "template": str(change.template_id or ""),
            "risk": change.risk,
        }
    )


def person_of(actor: Actor) -> Person:
    """The person who answers for the actor; raises Invalid for Foldback itself."""
    person = Person.objects.filter(pk=actor.person_id, is_active=True).first() if actor.person_id else None
    if person is None:
        raise Invalid(f"{actor.label} is nobody who can answer for this: a change needs a person.")
    return person
