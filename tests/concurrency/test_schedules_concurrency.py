"""Two beats, many workers, one slot; a beat that is away; policies changed and deleted meanwhile. Real connections."""

import random
import secrets
from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from kombu import Consumer, Queue

from common import clock
from common.core.errors import FoldbackError
from common.models import Job, JobBatch
from common.services.jobs import claim_batch, finish_batch
from config.celery import app
from drift.core.schedule import QUICK, last_slot, next_slot
from drift.models import Scan, ScanPolicy, ScanSlot
from drift.queries.scan_policies import plan_of
from drift.services.scan_policies import delete_scan_policy, update_scan_policy
from drift.services.schedules import run_policy, start_due_scans
from tests.factories import acting, host, in_threads
from tests.services.test_scan_policies import DAY, MINUTE, policy

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 6
BEATS = 4


@pytest.fixture(autouse=True)
def quiet(settings: object) -> None:
    settings.EVENT_CONSUMERS = {}  # type: ignore[attr-defined]


def end_all() -> None:
    """A worker does what there is to do, and its counts are written down."""
    for batch in JobBatch.objects.filter(state="pending"):
        claim = claim_batch(batch_id=batch.pk)
        assert claim is not None
        finish_batch(claim=claim)
    Scan.objects.filter(finished_at=None).update(finished_at=clock.now())


def test_a_slot_is_started_once_by_however_many_ask_at_once() -> None:
    host("web-1")
    policies = [policy(f"p-{number}", deep_every=None) for number in range(3)]
    now = clock.now() + timedelta(seconds=MINUTE)
    for number in range(ROUNDS):
        at = now + timedelta(seconds=number * MINUTE)
        outcomes = in_threads(*[lambda: start_due_scans(now=at)] * BEATS)  # noqa: B023
        assert all(isinstance(outcome, int) for outcome in outcomes), outcomes
        assert Scan.objects.count() == ScanSlot.objects.count() == len(policies) * (number + 1)
        end_all()
    assert set(ScanSlot.objects.values_list("outcome", flat=True)) == {"started"}


def test_beats_with_clocks_apart_that_come_and_go_start_each_slot_once_and_none_piles_up() -> None:
    """An hour of two beats that ask at random moments, seconds apart in time, one of them away for ten minutes."""
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    print("seed", seed)
    host("web-1")
    made = policy(quick_every=MINUTE, deep_every=15 * MINUTE)
    begin = clock.now()
    handled: Counter[tuple[str, datetime]] = Counter()
    seconds = 0
    while seconds < 3_600:
        away = 1_200 <= seconds < 1_800
        if not away:
            moments = [begin + timedelta(seconds=seconds + chance.uniform(-2, 2)) for _ in range(2)]
            outcomes = in_threads(*(lambda at=at: start_due_scans(now=at) for at in moments))
            assert all(isinstance(outcome, int) for outcome in outcomes), (seed, outcomes)
            for mode in ("quick", "deep"):
                running = Job.objects.filter(scan__mode=mode, state__in=("queued", "running")).count()
                assert running <= 1, (seed, mode)
            if chance.random() < 0.7:
                end_all()
        seconds += chance.randint(3, 40)
    slots = list(ScanSlot.objects.order_by("starts_at"))
    handled.update((slot.mode, slot.starts_at) for slot in slots)
    assert set(handled.values()) == {1}, seed
    assert Scan.objects.count() == sum(slot.outcome == "started" for slot in slots), seed
    for mode, every in (("quick", MINUTE), ("deep", 15 * MINUTE)):
        of_mode = [slot for slot in slots if slot.mode == mode]
        told = sum(slot.missed + 1 for slot in of_mode)
        first = next_slot(plan_of(made), mode, made.since)
        last = of_mode[-1].starts_at
        assert told == (last - first) // timedelta(seconds=every) + 1, (seed, mode)
    caught_up = max(slot.missed for slot in slots if slot.mode == "quick")
    assert 8 <= caught_up <= 10, (seed, caught_up)


def test_the_database_takes_a_slot_once_whatever_the_code_does() -> None:
    made = policy()
    slot = {"policy": made, "mode": QUICK, "starts_at": last_slot(plan_of(made), QUICK, clock.now())}
    ScanSlot.objects.create(outcome="started", **slot)
    with pytest.raises(IntegrityError, match="scan_slot_once"), transaction.atomic():
        ScanSlot.objects.create(outcome="skipped", **slot)


def test_a_slot_and_somebodys_wish_at_once_start_one_scan() -> None:
    host("web-1")
    ana = acting("ana")
    for number in range(ROUNDS):
        made = policy(f"p-{number}", deep_every=None)
        at = next_slot(plan_of(made), QUICK, made.since)
        outcomes = in_threads(
            lambda: start_due_scans(now=at),  # noqa: B023
            lambda: run_policy(actor=ana, policy=made, mode=QUICK),  # noqa: B023
        )
        start_due_scans(now=at)
        assert Scan.objects.filter(policy=made).count() == 1, outcomes
        end_all()


def test_a_policy_changed_or_deleted_while_its_slot_is_due_leaves_nothing_half_done() -> None:
    host("web-1")
    ben = acting("ben")
    for number in range(ROUNDS):
        made = policy(f"p-{number}", deep_every=DAY)
        at = next_slot(plan_of(made), QUICK, made.since)
        outcomes = in_threads(
            lambda: start_due_scans(now=at),  # noqa: B023
            lambda: delete_scan_policy(actor=ben, policy=made),  # noqa: B023
            lambda: start_due_scans(now=at),  # noqa: B023
            lambda: update_scan_policy(actor=ben, policy=made, changes={"note": "x"}),  # noqa: B023
        )
        for outcome in outcomes:
            assert not isinstance(outcome, Exception) or isinstance(outcome, FoldbackError), outcomes
        started = Scan.objects.filter(purpose="scheduled")
        if not ScanPolicy.objects.filter(pk=made.pk).exists():
            assert not ScanSlot.objects.filter(policy=made.pk).exists()
        assert started.filter(job=None).count() == 0
        end_all()
        ScanPolicy.objects.all().delete()


def test_what_is_due_is_asked_for_before_batches_that_wait() -> None:
    """Through the broker itself: a deep scan of thousands of hosts does not put off what other policies have due, nor
    does what is due, however much it is, put off a scan."""
    batches, others = (Queue(f"test-{secrets.token_hex(6)}", auto_delete=True) for _ in range(2))
    for _ in range(3):
        app.send_task("common.run_batch", args=["x"], queue=batches.name)
    for _ in range(3):
        app.send_task("drift.tasks.start_due_scans_task", queue=others.name)
    taken: list[str] = []
    with app.connection_for_read() as connection:
        channel = connection.channel()

        def take(body: object, message: Any) -> None:
            taken.append(message.headers["task"])
            message.ack()

        with Consumer(channel, [batches, others], callbacks=[take], accept=["json"]) as consumer:
            consumer.qos(prefetch_count=1)
            while len(taken) < 6:
                connection.drain_events(timeout=10)
            for queue in (batches, others):
                channel.queue_delete(queue.name)
    assert all(first != second for first, second in pairwise(taken[:4])), taken
