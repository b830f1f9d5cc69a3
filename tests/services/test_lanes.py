"""Lanes: of some batches only so many run at once, whoever runs them; nothing is announced that can't be taken."""

from datetime import timedelta
from typing import Any

import pytest

from common import clock
from common.core.jobs import Lane, places_for
from common.models import Job, JobBatch
from common.services.jobs import (
    Claim,
    LeaseKeeper,
    LostLease,
    cancel_job,
    claim_batch,
    create_job,
    fail_batch,
    finish_batch,
    run_batch,
)
from common.services.lanes import set_lane_places
from common.services.relay import announce_pending
from tests.factories import acting, in_threads, person

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def handlers(settings: Any) -> None:
    settings.EVENT_CONSUMERS = {}
    settings.LEASE_SECONDS = 30
    settings.SCAN_CONCURRENCY = 50
    settings.JOB_HANDLERS = {"scan": "tests.services.test_lanes.stopped"}


def stopped(*, claim: Claim, keeper: LeaseKeeper) -> None:
    raise LostLease


def batches(count: int, lane: Lane | None) -> list[JobBatch]:
    made = create_job(
        actor=acting("cy"),
        kind="scan",
        subject=person("ana"),
        batches=[[n] for n in range(count)],
        lanes=[lane] * count,
    )
    return list(made.batches.order_by("position"))


def taken(of: list[JobBatch]) -> list[Claim]:
    return [claim for batch in of if (claim := claim_batch(batch_id=batch.pk)) is not None]


def announced() -> list[Any]:
    published: list[Any] = []
    announce_pending(publish=lambda task, pk: published.append(pk))
    return published


@pytest.mark.parametrize(
    ("limit", "wanted", "places"),
    [(1, 50, 1), (8, 50, 8), (50, 50, 50), (51, 50, 25), (100, 50, 50), (120, 50, 40), (7, 3, 2)],
)
def test_a_limit_is_shared_in_equal_parts(limit: int, wanted: int, places: int) -> None:
    assert places_for(limit, wanted) == places


def test_no_more_run_at_once_than_fit_and_what_ends_makes_room() -> None:
    of = batches(5, Lane("site berlin", 120))
    claims = taken(of)
    assert [claim.places for claim in claims] == [40, 40, 40]
    assert taken(of) == []
    finish_batch(claim=claims[0])
    fail_batch(claim=claims[1], error="unlucky")
    assert len(taken(of[3:])) == 2


def test_other_lanes_and_batches_without_one_are_not_held_up() -> None:
    full = batches(2, Lane("site berlin", 5))
    assert [claim.places for claim in taken(full)] == [5]
    assert [claim.places for claim in taken(batches(2, None))] == [0, 0]
    assert [claim.places for claim in taken(batches(2, Lane("site oslo", 5)))] == [5]


def test_who_died_keeps_nobody_out() -> None:
    of = batches(2, Lane("site berlin", 5))
    assert len(taken(of)) == 1
    with clock.shifted(timedelta(seconds=31)):
        assert len(taken(of[1:])) == 1
        assert taken(of[:1]) == [], "its own place has been given away"


def test_a_cancelled_batch_holds_its_places_until_its_worker_has_left() -> None:
    of = batches(1, Lane("site berlin", 5))
    batch = of[0]
    Job.objects.filter(pk=batch.job_id).update(state="running")
    claim = claim_batch(batch_id=batch.pk)
    assert claim is not None
    cancel_job(actor=acting("cy"), job=Job.objects.get(pk=batch.job_id))
    waiting = batches(1, Lane("site berlin", 5))
    assert taken(waiting) == []
    with clock.shifted(timedelta(seconds=31)):
        assert len(taken(waiting)) == 1


def test_a_worker_that_stops_leaves_its_lane() -> None:
    of = batches(1, Lane("site berlin", 5))
    run_batch(batch_id=of[0].pk)  # the handler says that the lease was lost
    assert JobBatch.objects.get(pk=of[0].pk).held == 0


def test_a_keeper_that_can_not_renew_gives_up_before_another_may_come_in() -> None:
    claim = taken(batches(1, Lane("site berlin", 5)))[0]
    keeper = LeaseKeeper(claim)
    assert not keeper.lost
    keeper._ends_at = clock.monotonic() - 1
    assert keeper.lost


def test_only_what_can_be_taken_is_announced_one_by_one() -> None:
    first, second, third = batches(3, Lane("site berlin", 5))
    free = batches(1, None)[0]
    assert set(announced()) == {first.pk, free.pk}
    claim = claim_batch(batch_id=first.pk)
    assert claim is not None
    with clock.shifted(timedelta(seconds=20)):
        assert second.pk not in announced(), "the lane is full"
    finish_batch(claim=claim)
    assert announced() == [second.pk]
    assert announced() == []
    assert claim_batch(batch_id=second.pk) is not None
    assert claim_batch(batch_id=third.pk) is None


def test_what_was_announced_and_found_no_room_is_announced_again_as_soon_as_there_is_some() -> None:
    first, second = batches(2, Lane("site berlin", 5))
    claim = claim_batch(batch_id=first.pk)
    assert claim is not None
    JobBatch.objects.filter(pk=second.pk).update(announced_at=clock.now())
    assert claim_batch(batch_id=second.pk) is None
    assert announced() == []
    finish_batch(claim=claim)
    assert announced() == [second.pk]


def test_another_limit_holds_for_those_that_wait() -> None:
    first, second, third = batches(3, Lane("site berlin", 5))
    claim = claim_batch(batch_id=first.pk)
    assert claim is not None
    set_lane_places(lane="site berlin", places=2)
    assert claim_batch(batch_id=second.pk) is None
    finish_batch(claim=claim)
    assert [claim.places for claim in taken([second])] == [2]
    set_lane_places(lane="site berlin", places=None)
    assert [claim.places for claim in taken([third])] == [0]


@pytest.mark.django_db(transaction=True)
def test_of_many_workers_at_once_no_more_get_in_than_fit() -> None:
    for _ in range(5):
        of = batches(6, Lane("site berlin", 100))
        claims = in_threads(*[lambda pk=batch.pk: claim_batch(batch_id=pk) for batch in of])
        assert sum(isinstance(claim, Claim) for claim in claims) == 2
        JobBatch.objects.all().delete()
