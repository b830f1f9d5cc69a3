"""Ledger entries and lifecycle transitions: state, entry and event in one transaction."""

from typing import Any

import structlog
from django.db import models, transaction

from common.core.actor import Actor
from common.core.errors import Conflict
from common.core.lifecycle import Lifecycle
from common.models import LedgerEntry
from common.services.outbox import emit_event


def record_entry(
    *, actor: Actor, action: str, subject: models.Model, data: dict[str, Any] | None = None
) -> LedgerEntry:
    """Insert what `actor` did to `subject`. Call it inside the transaction of the act itself."""
    return LedgerEntry.objects.create(
        actor_kind=actor.kind,
        actor_label=actor.label,
        person_id=actor.person_id,
        token_id=actor.token_id,
        action=action,
        subject_type=subject._meta.label_lower,
        subject_id=subject.pk,
        subject_label=str(subject)[:300],
        data=data or {},
        request_id=structlog.contextvars.get_contextvars().get("request_id", ""),
    )


def transition(
    *,
    actor: Actor,
    lifecycle: Lifecycle,
    subject: Any,
    event: str,
    action: str,
    data: dict[str, Any] | None = None,
    fields: dict[str, Any] | None = None,
    emits: str | None = None,
) -> None:
    """Move `subject.state` by compare-and-set, with its ledger entry and (when `emits` is given) its event.

    Raises IllegalTransition when the table has no such row, and Conflict, saying who was first, when the
    state moved since `subject` was read; nothing is written in either case.
    """
    old = subject.state
    new = lifecycle.next(old, event)
    fields = fields or {}
    with transaction.atomic():
        moved = type(subject)._default_manager.filter(pk=subject.pk, state=old).update(state=new, **fields)
        if not moved:
            raise Conflict(_who_was_first(subject))
        subject.state = new
        for name, value in fields.items():
            setattr(subject, name, value)
        record_entry(
            actor=actor, action=action, subject=subject, data={"from": old, "to": new, **(data or {})}
        )
        if emits:
            emit_event(type=emits, subject=subject, data={"state": new})


def _who_was_first(subject: Any) -> str:
    last = LedgerEntry.objects.filter(subject_id=subject.pk).order_by("-created_at").first()
    if last is None:
        return f"{subject} has changed since you read it. Read it again and decide anew."
    return (
        f"{subject} has changed since you read it: {last.action} by {last.actor_label} at "
        f"{last.created_at:%H:%M:%S} UTC. Read it again and decide anew."
    )
