"""Events, emitted in the transaction of what happened; delivered by common.services.deliveries."""

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.db import connection, models

from common.models import EventDelivery, OutboxEvent
from common.services.rows import insert_rows

CHANNEL = "foldback_work"
WAKE = f"SELECT pg_notify('{CHANNEL}', '')"
"""Tells the relay, at commit, that there is something to announce."""


def wake_relay() -> None:
    """Tell the relay, at commit, that there is something to announce."""
    with connection.cursor() as cursor:
        cursor.execute(WAKE)


def emit_event(*, type: str, subject: models.Model, data: dict[str, Any] | None = None) -> OutboxEvent:
    """Write the event and one delivery for each consumer that config.events names for its type."""
    return emit_events(type=type, subjects=[subject], data=data)[0]


def emit_events(
    *, type: str, subjects: Iterable[models.Model], data: dict[str, Any] | None = None
) -> list[OutboxEvent]:
    """The same event of many subjects, each with its deliveries."""
    events, deliveries = events_of(type, subjects, data or {})
    insert_rows(events, deliveries, ending=WAKE if deliveries else "SELECT")
    return events


def events_of(
    type: str, subjects: Iterable[models.Model], data: dict[str, Any]
) -> tuple[list[OutboxEvent], list[EventDelivery]]:
    """The same event of many subjects, and what each consumer of it has to hear; not written yet."""
    events = [OutboxEvent(type=type, subject_id=subject.pk, data=data) for subject in subjects]
    consumers = settings.EVENT_CONSUMERS.get(type, [])
    return events, [
        EventDelivery(event=event, consumer=consumer) for event in events for consumer in consumers
    ]
