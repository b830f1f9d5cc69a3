"""The only publisher to Celery: announces what is pending, and announces again what was lost on the way.

Rows say what there is to do; a message is only a hint. So Redis may lose any of it: what is still pending
half a lease later, or whose lease ran out, is announced again.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import DurationField, ExpressionWrapper, F, Q, Value
from django.db.models.functions import Least
from django.db.models.lookups import LessThan

from common import clock
from common.models import EventDelivery, JobBatch
from common.services.lanes import in_turn

CHUNK = 500
LONGEST_PAUSE = timedelta(minutes=5)


def announce_pending(*, publish: Callable[[str, UUID], None]) -> int:
    """Publish every batch and delivery that is due; returns how many.

    `publish(task name, id)` talks to the broker, so it is called after the transaction that marked the rows. If
    it raises, what was not published loses its mark, and the next round tries again at once.

    Each row is announced once a call, however long the call takes: a backlog that can't be published within half a lease
    would keep it here for ever. Batches come first: they are few, and people wait for them.
    """
    count = 0
    quiet_since = clock.now() - timedelta(seconds=settings.LEASE_SECONDS / 2)
    for task, model, claim in (
        ("common.run_batch", JobBatch, _due_batches),
        ("common.deliver_event", EventDelivery, _due_deliveries),
    ):
        while due := claim(quiet_since):
            for index, row_id in enumerate(due):
                try:
                    publish(task, row_id)
                except Exception:
                    model._default_manager.filter(pk__in=due[index:]).update(announced_at=None)
                    raise
                count += 1
    return count


def _due_deliveries(quiet_since: datetime) -> list[UUID]:
    """Announced again first after half a lease, then after as long as it had waited until then, and so on, up to five minutes:
    workers that can't keep up must not be told of all that waits each time anew, and do nothing but find out what is done."""
    now = clock.now()
    length = DurationField()
    waited = Least(
        ExpressionWrapper(F("announced_at") - F("created_at"), output_field=length),
        Value(LONGEST_PAUSE, output_field=length),
    )
    quiet_for = ExpressionWrapper(Value(now) - F("announced_at"), output_field=length)
    with transaction.atomic():
        due = list(
            EventDelivery.objects.select_for_update(skip_locked=True)
            .filter(done_at=None, set_aside_at=None)
            .filter(Q(not_before=None) | Q(not_before__lte=now))
            .filter(Q(announced_at=None) | Q(announced_at__lt=quiet_since) & Q(LessThan(waited, quiet_for)))
            .order_by("created_at")
            .values_list("pk", flat=True)[:CHUNK]
        )
        EventDelivery.objects.filter(pk__in=due).update(announced_at=now)
    return due


def _due_batches(quiet_since: datetime) -> list[UUID]:
    now = clock.now()
    rested = Q(not_before=None) | Q(not_before__lte=now)
    quiet = Q(announced_at=None) | Q(announced_at__lt=quiet_since)
    waiting = Q(state="pending") & rested | Q(state="running", lease_until__lt=now)
    may_run = Q(lane="") | Q(pk__in=in_turn(JobBatch.objects.filter(waiting)))
    with transaction.atomic():
        due = list(
            JobBatch.objects.select_for_update(skip_locked=True)
            .filter(waiting & quiet & may_run)
            .order_by(F("announced_at").asc(nulls_first=True), "created_at")
            .values_list("pk", flat=True)[:CHUNK]
        )
        JobBatch.objects.filter(pk__in=due).update(announced_at=now)
    return due
