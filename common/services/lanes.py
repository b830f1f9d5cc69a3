"""Lanes: batches that may only run so many at once, over all workers and machines.

A batch of a lane holds some of its places while its lease runs. What is free is counted from rows, under a lock of the
lane, when a batch is claimed; so there is nothing to give back that a dead worker could keep.
"""

from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import QuerySet, Sum

from common import clock
from common.core.jobs import places_for
from common.models import JobBatch
from common.services.outbox import wake_relay


def take_places(batch: JobBatch) -> int | None:
    """How many places a batch gets that is being claimed: none needed without a lane (0), None when too few are free.

    Nobody else can take any of the lane before the transaction has ended.
    """
    if not batch.lane or batch.lane_places is None:
        return 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"lane {batch.lane}"])
    others = _holding(clock.now()).filter(lane=batch.lane).exclude(pk=batch.pk)
    taken: int = others.aggregate(taken=Sum("held"))["taken"] or 0
    wanted = places_for(batch.lane_places, settings.SCAN_CONCURRENCY)
    if taken + wanted > batch.lane_places:
        JobBatch.objects.filter(pk=batch.pk).update(announced_at=None)  # due again once there is room
        return None
    wake_relay()  # there may be room for the next one
    return wanted


def leave_lane(*, batch_id: UUID, token: int) -> None:
    """Nothing of this batch is open any more, though its lease may still run: it was cancelled."""
    JobBatch.objects.filter(pk=batch_id, token=token).update(held=0)
    wake_relay()


def set_lane_places(*, lane: str, places: int | None) -> None:
    """Give those that wait another limit; those that run keep what they hold."""
    waiting = JobBatch.objects.filter(lane=lane, state="pending")
    waiting.update(lane_places=places, announced_at=None)
    wake_relay()


def in_turn(waiting: QuerySet[JobBatch]) -> list[UUID]:
    """Of each lane that has room, the first of `waiting`: to announce more, or others, would be of no use."""
    taken = dict(_holding(clock.now()).values_list("lane").annotate(Sum("held")))
    first = waiting.exclude(lane="").order_by("lane", "created_at", "position").distinct("lane")
    return [
        pk
        for pk, lane, places in first.values_list("pk", "lane", "lane_places")
        if places is None or taken.get(lane, 0) + places_for(places, settings.SCAN_CONCURRENCY) <= places
    ]


def _holding(now: datetime) -> QuerySet[JobBatch]:
    return JobBatch.objects.filter(held__gt=0, lease_until__gt=now).order_by()
