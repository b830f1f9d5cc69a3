"""Events delivered to their consumers: at least once announced, exactly once in effect."""

from datetime import timedelta
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Q
from django.utils.module_loading import import_string

from common import clock
from common.clock import monotonic
from common.core.actor import SYSTEM
from common.models import EventDelivery
from common.services.ledger import record_entry

log = structlog.get_logger()
MAX_ATTEMPTS = 20
TURN_SECONDS = 2.0


def take_turn(*, delivery_id: UUID) -> int:
    """Deliver this event and then others that are due, the oldest first, for up to two seconds; returns how many.

    Batches have their turn between: see `CELERY_TASK_ROUTES`. So neither waits for as long as there are any of the other.
    """
    until = monotonic() + TURN_SECONDS
    count = int(deliver_event(delivery_id=delivery_id))
    while monotonic() < until and (due := _next_due()) is not None:
        count += deliver_event(delivery_id=due)
    return count


def _next_due() -> UUID | None:
    """One that nobody is at; somebody may be quicker."""
    now = clock.now()
    with transaction.atomic():
        return (
            EventDelivery.objects.select_for_update(skip_locked=True)
            .filter(done_at=None, set_aside_at=None)
            .filter(Q(not_before=None) | Q(not_before__lte=now))
            .order_by("created_at")
            .values_list("pk", flat=True)
            .first()
        )


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
        set_aside = attempts >= MAX_ATTEMPTS
        said = f"{type(error).__name__}: {error}"[:2000]
        EventDelivery.objects.filter(pk=delivery_id).update(
            attempts=attempts,
            error=said,
            not_before=clock.now() + _pause_after(attempts),
            announced_at=None,
            set_aside_at=clock.now() if set_aside else None,
        )
        if set_aside:
            data = {"consumer": delivery.consumer, "error": said[:500]}
            record_entry(actor=SYSTEM, action="event.set_aside", subject=delivery.event, data=data)


def _pause_after(attempts: int) -> timedelta:
    """1 s, 2 s, 4 s, … an hour at most: a consumer that waits for something gets half a day in all."""
    return timedelta(seconds=min(2 ** (attempts - 1), 3600))


def set_aside_count() -> int:
    """Deliveries that were given up after MAX_ATTEMPTS: somebody has to look."""
    return EventDelivery.objects.exclude(set_aside_at=None).count()
