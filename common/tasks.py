"""Celery's way in: an id, one service call."""

from uuid import UUID

from celery import shared_task

from common.services import deliveries, idempotency, jobs


@shared_task(name="common.run_batch")
def run_batch_task(batch_id: str) -> None:
    jobs.run_batch(batch_id=UUID(batch_id))


@shared_task(name="common.deliver_event")
def deliver_event_task(delivery_id: str) -> None:
    deliveries.take_turn(delivery_id=UUID(delivery_id))


@shared_task(name="common.tasks.purge_idempotency_keys_task")
def purge_idempotency_keys_task() -> None:
    idempotency.purge_old_keys()
