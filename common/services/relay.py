"""The only publisher to Celery: announces what is pending, and announces again what was lost on the way.

Rows say what there is to do; a message is only a hint. So Redis may lose any of it: what is still pending
half a lease later, or whose lease ran out, is announced again.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q

from common import clock
from common.models import EventDelivery, JobBatch

CHUNK = 500


def _quiet_since() -> datetime:
    return clock.now() - timedelta(seconds=settings.LEASE_SECONDS / 2)


def announce_pending(*, publish: Callable[[str, UUID], None]) -> int:
    """Publish every batch and delivery that is due; returns how many.

    `publish(task name, id)` talks to the broker, so it is called after the transaction that marked the rows. If
    it raises, what was not published loses its mark, and the next round tries again at once.
    """
    count = 0
    for task, model, claim in (
        ("common.deliver_event", EventDelivery, _due_deliveries),
        ("common.run_batch", JobBatch, _due_batches),
    ):
        while due := claim():
            for index, row_id in enumerate(due):
                try:
                    publish(task, row_id)
                except Exception:
                    model._default_manager.filter(pk__in=due[index:]).update(announced_at=None)
                    raise
                count += 1
    return count


def _due_deliveries() -> list[UUID]:
    now = clock.now()
    with transaction.atomic():
        due = list(
            EventDelivery.objects.select_for_update(skip_locked=True)
            .filter(done_at=None, set_aside_at=None)
            .filter(Q(not_before=None) | Q(not_before__lte=now))
            .filter(Q(announced_at=None) | Q(announced_at__lt=_quiet_since()))
            .order_by("created_at")
            .values_list("pk", flat=True)[:CHUNK]
        )
        EventDelivery.objects.filter(pk__in=due).update(announced_at=now)
    return due


def _due_batches() -> list[UUID]:
    now = clock.now()
    rested = Q(not_before=None) | Q(not_before__lte=now)
    quiet = Q(announced_at=None) | Q(announced_at__lt=_quiet_since())
    with transaction.atomic():
        due = list(
            JobBatch.objects.select_for_update(skip_locked=True)
            .filter(Q(state="pending") & rested & quiet | Q(state="running", lease_until__lt=now) & quiet)
            .order_by(F("announced_at").asc(nulls_first=True), "created_at")
            .values_list("pk", flat=True)[:CHUNK]
        )
        JobBatch.objects.filter(pk__in=due).update(announced_at=now)
    return due
