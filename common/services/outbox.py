"""Events, emitted in the transaction of what happened; delivered by common.services.deliveries."""

from typing import Any

from django.conf import settings
from django.db import connection, models

from common.models import EventDelivery, OutboxEvent

CHANNEL = "foldback_work"


def wake_relay() -> None:
    """Tell the relay, at commit, that there is something to announce."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, '')", [CHANNEL])


def emit_event(*, type: str, subject: models.Model, data: dict[str, Any] | None = None) -> OutboxEvent:
    """Write the event and one delivery for each consumer that config.events names for its type."""
    event = OutboxEvent.objects.create(type=type, subject_id=subject.pk, data=data or {})
    consumers = settings.EVENT_CONSUMERS.get(type, [])
    EventDelivery.objects.bulk_create(EventDelivery(event=event, consumer=consumer) for consumer in consumers)
    if consumers:
        wake_relay()
    return event
