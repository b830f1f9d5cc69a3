"""Events: emitted in the caller's transaction, delivered at least once, taken effect exactly once."""

from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connection, models, transaction
from django.utils.module_loading import import_string

from common import clock
from common.models import EventDelivery, OutboxEvent

log = structlog.get_logger()
CHANNEL = "foldback_work"
MAX_ATTEMPTS = 20


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


def deliver_event(*, delivery_id: UUID) -> bool:
    """Run one consumer for one event, in one transaction with the mark that it has run.

    A second worker with the same delivery finds the row locked or done and does nothing. A consumer that
    raises is tried again by the relay, up to MAX_ATTEMPTS, and then set aside, visibly.
    """
    try:
        with transaction.atomic():
            delivery = (
                EventDelivery.objects.select_for_update(skip_locked=True, of=("self",))
                .select_related("event")
                .filter(pk=delivery_id, done_at=None, set_aside_at=None)
                .first()
            )
            if delivery is None:
                return False
            event = delivery.event
            consume = import_string(delivery.consumer)
            consume(event_id=event.pk, type=event.type, subject_id=event.subject_id, data=event.data)
            EventDelivery.objects.filter(pk=delivery.pk).update(done_at=clock.now(), error="")
    except Exception as error:  # whatever a consumer raises must not stop the others
        log.exception("event delivery failed", delivery_id=str(delivery_id))
        _note_failure(delivery_id, error)
        return False
    return True


def _note_failure(delivery_id: UUID, error: Exception) -> None:
    with transaction.atomic():
        delivery = EventDelivery.objects.select_for_update().filter(pk=delivery_id, done_at=None).first()
        if delivery is None:
            return
        attempts = delivery.attempts + 1
        EventDelivery.objects.filter(pk=delivery_id).update(
            attempts=attempts,
            error=f"{type(error).__name__}: {error}"[:2000],
            set_aside_at=clock.now() if attempts >= MAX_ATTEMPTS else None,
        )
