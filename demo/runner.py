"""Runs due work in this process, so that the demonstration's history is made by the real services."""

from common.models import EventDelivery, JobBatch
from common.services.deliveries import deliver_event
from common.services.jobs import run_batch


def work_until_done(rounds: int = 100) -> None:
    """Deliver events and run batches until nothing is due; raises RuntimeError for what was set aside."""
    for _ in range(rounds):
        deliveries = list(
            EventDelivery.objects.filter(done_at=None, set_aside_at=None).values_list("pk", flat=True)
        )
        batches = list(JobBatch.objects.filter(state="pending").values_list("pk", flat=True))
        if not deliveries and not batches:
            return
        for delivery_id in deliveries:
            deliver_event(delivery_id=delivery_id)
        for batch_id in batches:
            run_batch(batch_id=batch_id)
        failed = (
            EventDelivery.objects.filter(attempts__gte=3, done_at=None)
            .values_list("consumer", "error")
            .first()
        )
        if failed:
            raise RuntimeError(f"{failed[0]}: {failed[1]}")
        error = (
            JobBatch.objects.filter(attempts__gte=2).exclude(error="").values_list("error", flat=True).first()
        )
        if error:
            raise RuntimeError(error)
    raise RuntimeError("the demonstration's work does not come to an end")
