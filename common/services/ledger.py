"""Ledger entries and lifecycle transitions: state, entry and event in one transaction."""

from collections.abc import Iterable, Sequence
from typing import Any

import structlog
from django.db import models, transaction

from common.core.actor import Actor
from common.core.errors import Conflict
from common.core.lifecycle import Lifecycle
from common.models import LedgerEntry
from common.services.outbox import WAKE, emit_event, events_of
from common.services.rows import insert_rows


def record_entry(
    *, actor: Actor, action: str, subject: models.Model, data: dict[str, Any] | None = None
) -> LedgerEntry:
    """Insert what `actor` did to `subject`. Call it inside the transaction of the act itself."""
    entry = _entry(actor, action, subject, data or {})
    insert_rows([entry])
    return entry


def record_entries(
    *, actor: Actor, action: str, subjects: Iterable[tuple[models.Model, dict[str, Any]]]
) -> None:
    """The same act on many (subject, data): an entry each, in one statement."""
    insert_rows([_entry(actor, action, subject, data) for subject, data in subjects])


def record_and_emit(
    *,
    actor: Actor,
    action: str,
    emits: str,
    subjects: Sequence[tuple[models.Model, dict[str, Any]]],
    event_data: dict[str, Any] | None = None,
    beside: Sequence[models.Model] = (),
) -> None:
    """The same act on many (subject, data): an entry and an event each, with its deliveries, and `beside` (rows of one
    more model), in one statement."""
    entries = [_entry(actor, action, subject, data) for subject, data in subjects]
    events, deliveries = events_of(emits, [subject for subject, _ in subjects], event_data or {})
    insert_rows(entries, events, deliveries, beside, ending=WAKE if deliveries else "SELECT")


def _entry(actor: Actor, action: str, subject: models.Model, data: dict[str, Any]) -> LedgerEntry:
    return LedgerEntry(
        actor_kind=actor.kind,
        actor_label=actor.label,
        person_id=actor.person_id,
        token_id=actor.token_id,
        action=action,
        subject_type=subject._meta.label_lower,
        subject_id=subject.pk,
        subject_label=str(subject)[:300],
        data=data,
        request_id=structlog.contextvars.get_contextvars().get("request_id", ""),
    )


def transition(
    *,
    actor: Actor,
    lifecycle: Lifecycle,
    subject: Any,
    event: str,
    action: str | None,
    data: dict[str, Any] | None = None,
    fields: dict[str, Any] | None = None,
    emits: str | None = None,
) -> None:
    """Move `subject.state` by compare-and-set, with its ledger entry and (when `emits` is given) its event.
    `action` is None for what the ledger is not told (see docs/adr, on scheduled looks).

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
        told = {"from": old, "to": new, **(data or {})}
        if action and emits:
            record_and_emit(
                actor=actor,
                action=action,
                emits=emits,
                subjects=[(subject, told)],
                event_data={"state": new},
            )
        elif action:
            record_entry(actor=actor, action=action, subject=subject, data=told)
        elif emits:
            emit_event(type=emits, subject=subject, data={"state": new})


def _who_was_first(subject: Any) -> str:
    last = LedgerEntry.objects.filter(subject_id=subject.pk).order_by("-created_at").first()
    if last is None:
        return f"{subject} has changed since you read it. Read it again and decide anew."
    return (
        f"{subject} has changed since you read it: {last.action} by {last.actor_label} at "
        f"{last.created_at:%H:%M:%S} UTC. Read it again and decide anew."
    )
