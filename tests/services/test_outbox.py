"""Events: written with what happened, heard at least once, taken effect exactly once."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import IntegrityError, transaction

from common import clock
from common.models import EventDelivery, OutboxEvent, Person
from common.services.deliveries import MAX_ATTEMPTS, deliver_event, take_turn
from common.services.outbox import emit_event
from tests.factories import person

pytestmark = pytest.mark.django_db

HEARD: list[tuple[str, UUID, dict[str, Any]]] = []


def hears(*, event_id: UUID, type: str, subject_id: UUID, data: dict[str, Any]) -> None:
    HEARD.append((type, subject_id, data))


def breaks(*, event_id: UUID, type: str, subject_id: UUID, data: dict[str, Any]) -> None:
    Person.objects.filter(pk=subject_id).update(name="half done")
    raise RuntimeError("the other side is away")


def breaks_the_transaction(*, event_id: UUID, type: str, subject_id: UUID, data: dict[str, Any]) -> None:
    Person.objects.create(username="ana")


HEARS, BREAKS, BREAKS_TRANSACTION = (
    f"tests.services.test_outbox.{name}" for name in ("hears", "breaks", "breaks_the_transaction")
)


@pytest.fixture(autouse=True)
def listeners(settings: Any) -> None:
    HEARD.clear()
    settings.EVENT_CONSUMERS = {
        "tea.ready": [HEARS],
        "kettle.broken": [BREAKS, HEARS],
        "cup.broken": [BREAKS_TRANSACTION],
    }


def deliveries(event: OutboxEvent) -> list[EventDelivery]:
    return list(event.deliveries.order_by("consumer"))


def test_each_consumer_gets_a_delivery_of_its_own() -> None:
    event = emit_event(type="kettle.broken", subject=person("ana"), data={"at": "noon"})
    assert sorted(d.consumer for d in deliveries(event)) == sorted([BREAKS, HEARS])


def test_an_event_that_nobody_hears_is_kept_all_the_same() -> None:
    event = emit_event(type="tree.fell", subject=person("ana"))
    assert not event.deliveries.exists()
    assert OutboxEvent.objects.filter(type="tree.fell").exists()


def test_an_event_vanishes_with_the_transaction_it_was_written_in() -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        emit_event(type="tea.ready", subject=person("ana"))
        raise RuntimeError("changed my mind")
    assert not OutboxEvent.objects.exists()
    assert not EventDelivery.objects.exists()


def test_delivering_runs_the_consumer_once_and_marks_it() -> None:
    [delivery] = deliveries(emit_event(type="tea.ready", subject=person("ana"), data={"cups": 2}))
    assert deliver_event(delivery_id=delivery.pk) is True
    assert deliver_event(delivery_id=delivery.pk) is False
    assert list(HEARD) == [("tea.ready", person("ana").pk, {"cups": 2})]
    delivery.refresh_from_db()
    assert delivery.done_at is not None


def test_one_broken_consumer_does_not_keep_the_others_from_hearing() -> None:
    ana = person("ana")
    broken, fine = deliveries(emit_event(type="kettle.broken", subject=ana))
    assert deliver_event(delivery_id=broken.pk) is False
    assert deliver_event(delivery_id=fine.pk) is True
    assert len(HEARD) == 1
    ana.refresh_from_db()
    assert ana.name == "Ana"  # what the broken one had half done is undone
    broken.refresh_from_db()
    assert (broken.attempts, broken.error) == (1, "RuntimeError: the other side is away")
    assert broken.done_at is None


def test_a_consumer_that_breaks_its_transaction_is_noted_too() -> None:
    [delivery] = deliveries(emit_event(type="cup.broken", subject=person("ana")))
    assert deliver_event(delivery_id=delivery.pk) is False
    delivery.refresh_from_db()
    assert delivery.attempts == 1
    assert "IntegrityError" in delivery.error


def test_a_consumer_that_never_works_is_set_aside_visibly() -> None:
    broken = EventDelivery.objects.get(
        event=emit_event(type="kettle.broken", subject=person("ana")), consumer=BREAKS
    )
    for _ in range(MAX_ATTEMPTS):
        assert EventDelivery.objects.get(pk=broken.pk).set_aside_at is None
        deliver_event(delivery_id=broken.pk)
    broken.refresh_from_db()
    assert broken.set_aside_at is not None
    assert broken.attempts == MAX_ATTEMPTS
    deliver_event(delivery_id=broken.pk)
    broken.refresh_from_db()
    assert broken.attempts == MAX_ATTEMPTS


def test_the_database_keeps_one_delivery_for_each_event_and_consumer() -> None:
    event = emit_event(type="tea.ready", subject=person("ana"))
    with pytest.raises(IntegrityError, match="delivery_once"), transaction.atomic():
        EventDelivery.objects.create(event=event, consumer=HEARS)


def test_one_turn_delivers_what_else_is_due_the_oldest_first() -> None:
    ana = person("ana")
    first, second, third = (
        deliveries(emit_event(type="tea.ready", subject=ana, data={"cups": n}))[0] for n in range(3)
    )
    EventDelivery.objects.filter(pk=second.pk).update(not_before=clock.now() + timedelta(minutes=1))
    assert take_turn(delivery_id=third.pk) == 2
    assert [data["cups"] for _, _, data in HEARD] == [2, 0]
    assert list(EventDelivery.objects.filter(done_at=None)) == [second]
    assert take_turn(delivery_id=first.pk) == 0


def test_a_turn_ends_while_there_is_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch waits for its own."""
    monkeypatch.setattr("common.services.deliveries.TURN_SECONDS", 0.0)
    sent = [deliveries(emit_event(type="tea.ready", subject=person("ana")))[0] for _ in range(3)]
    assert take_turn(delivery_id=sent[0].pk) == 1
    assert EventDelivery.objects.filter(done_at=None).count() == 2


def test_what_breaks_is_not_tried_again_in_the_same_turn() -> None:
    broken, _ = deliveries(emit_event(type="kettle.broken", subject=person("ana")))
    assert take_turn(delivery_id=broken.pk) == 1
    broken.refresh_from_db()
    assert broken.attempts == 1


def test_batches_and_events_wait_in_queues_of_their_own() -> None:
    """Bound alike, each would get what is sent to the other."""
    from config.celery import app

    queues = app.amqp.queues
    assert {name: (one.exchange.name, one.routing_key) for name, one in queues.items()} == {
        "celery": ("celery", "celery"),
        "batches": ("batches", "batches"),
    }
    router = app.amqp.router
    assert router.route({}, "common.run_batch")["queue"].name == "batches"
    assert router.route({}, "common.deliver_event")["queue"].name == "celery"
