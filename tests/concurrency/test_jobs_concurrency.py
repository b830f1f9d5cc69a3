"""Two workers, two relays, a worker that dies: nothing is lost, nothing is done twice."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pytest
from django.db import connection

from common import clock
from common.models import EventDelivery, Job, JobBatch, LedgerEntry, OutboxEvent, Person
from common.services.deliveries import deliver_event
from common.services.jobs import (
    Claim,
    LeaseKeeper,
    LostLease,
    cancel_job,
    claim_batch,
    count_items,
    fenced_write,
    finish_batch,
    run_batch,
)
from common.services.outbox import emit_event
from common.services.relay import announce_pending
from tests.factories import acting, in_threads, job, person

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 8
CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def listeners(settings: Any) -> None:
    settings.EVENT_CONSUMERS = {"tea.ready": ["tests.concurrency.test_jobs_concurrency.counts"]}
    settings.JOB_HANDLERS = {"scan": "tests.concurrency.test_jobs_concurrency.handler"}
    settings.LEASE_SECONDS = 30


def handler(*, claim: Claim, keeper: LeaseKeeper) -> None:
    time.sleep(0.01)
    with fenced_write(claim):
        count_items(claim=claim, done=len(claim.items))


def counts(*, event_id: UUID, type: str, subject_id: UUID, data: dict[str, Any]) -> None:
    tea = Person.objects.get(pk=subject_id)
    time.sleep(0.05)
    Person.objects.filter(pk=subject_id).update(name=tea.name + "!")


def claimed(batch: JobBatch) -> Claim:
    claim = claim_batch(batch_id=batch.pk)
    assert claim is not None
    return claim


def lease_runs_out(batch: JobBatch) -> None:
    JobBatch.objects.filter(pk=batch.pk).update(lease_until=clock.now() - timedelta(seconds=1))


# ---- workers


def test_of_two_workers_that_claim_a_batch_at_once_one_gets_it() -> None:
    for _ in range(ROUNDS):
        batch = job([[1]]).batches.get()
        outcomes = in_threads(*[lambda: claim_batch(batch_id=batch.pk)] * 3)  # noqa: B023
        assert Counter(type(outcome).__name__ for outcome in outcomes) == {"Claim": 1, "NoneType": 2}
        batch.refresh_from_db()
        assert (batch.token, batch.attempts) == (1, 1)


def test_of_two_workers_that_take_over_a_dead_ones_batch_one_gets_it() -> None:
    for _ in range(ROUNDS):
        batch = job([[1]]).batches.get()
        claimed(batch)
        lease_runs_out(batch)
        outcomes = in_threads(*[lambda: claim_batch(batch_id=batch.pk)] * 3)  # noqa: B023
        assert sorted(outcome.token for outcome in outcomes if outcome) == [2]


def test_many_workers_do_each_batch_once_and_end_the_job_once() -> None:
    made = job([[n, n] for n in range(12)])
    ids = list(made.batches.values_list("pk", flat=True))

    def worker() -> None:
        for batch_id in ids:  # every worker hears of every batch
            run_batch(batch_id=batch_id)

    assert in_threads(*[worker] * 4) == [None] * 4
    made = Job.objects.get(pk=made.pk)
    assert (made.state, made.items_done) == ("done", 24)
    assert set(made.batches.values_list("state", "attempts")) == {("done", 1)}
    assert OutboxEvent.objects.filter(subject_id=made.pk, type="job.finished").count() == 1
    assert LedgerEntry.objects.filter(subject_id=made.pk, action="job.finished").count() == 1


def test_workers_that_end_the_last_batches_at_once_end_the_job_once() -> None:
    for _ in range(ROUNDS):
        made = job([[1], [2], [3]])
        claims = [claimed(batch) for batch in made.batches.all()]
        outcomes = in_threads(*(lambda claim=claim: finish_batch(claim=claim) for claim in claims))
        assert outcomes == [None] * 3
        assert Job.objects.get(pk=made.pk).state == "done"
        assert OutboxEvent.objects.filter(subject_id=made.pk, type="job.finished").count() == 1


def test_a_worker_that_lost_its_lease_while_it_slept_writes_nothing() -> None:
    made = job([[1]])
    batch = made.batches.get()
    asleep, taken_over = threading.Event(), threading.Event()

    def sleeper() -> None:
        claim = claimed(batch)
        asleep.set()
        assert taken_over.wait(10)
        with fenced_write(claim):
            count_items(claim=claim, done=1)

    def successor() -> None:
        assert asleep.wait(10)
        lease_runs_out(batch)
        claim = claimed(batch)
        taken_over.set()
        with fenced_write(claim):
            count_items(claim=claim, done=1)
        finish_batch(claim=claim)

    outcomes = in_threads(sleeper, successor)
    assert isinstance(outcomes[0], LostLease)
    assert outcomes[1] is None
    made = Job.objects.get(pk=made.pk)
    assert (made.items_done, made.state) == (1, "done")


def test_a_lease_is_kept_while_the_work_goes_on(settings: Any) -> None:
    settings.LEASE_SECONDS = 2
    batch = job([[1]]).batches.get()
    with LeaseKeeper(claimed(batch)) as keeper:
        time.sleep(2.6)
        assert claim_batch(batch_id=batch.pk) is None
        assert not keeper.lost


def test_who_works_on_a_cancelled_job_notices_within_seconds(settings: Any) -> None:
    settings.LEASE_SECONDS = 1
    made = job([[1]])
    with LeaseKeeper(claimed(made.batches.get())) as keeper:
        cancel_job(actor=acting("ana"), job=made)
        for _ in range(60):
            if keeper.lost:
                break
            time.sleep(0.05)
        assert keeper.lost


def test_cancelling_a_job_while_its_batches_end_never_deadlocks() -> None:
    ana = acting("ana")
    for _ in range(ROUNDS):
        made = job([[n] for n in range(4)])
        claims = [claimed(batch) for batch in made.batches.all()]

        def work(claim: Claim) -> None:
            with fenced_write(claim):
                time.sleep(0.01)
                count_items(claim=claim, done=1)
            finish_batch(claim=claim)

        outcomes = in_threads(
            *(lambda claim=claim: work(claim) for claim in claims),
            lambda: cancel_job(actor=ana, job=made),  # noqa: B023
            lambda: cancel_job(actor=ana, job=Job.objects.get(pk=made.pk)),  # noqa: B023
        )
        assert {type(outcome).__name__ for outcome in outcomes} <= {"NoneType", "LostLease", "Conflict"}, (
            outcomes
        )
        after = Job.objects.get(pk=made.pk)
        assert after.state in ("done", "cancelled")
        assert after.items_done >= after.batches.filter(state="done").count()
        assert not after.batches.filter(state__in=("pending", "running")).exists()
        assert OutboxEvent.objects.filter(subject_id=made.pk, type="job.finished").count() == 1


WORKER = """
import sys, time, uuid, django
django.setup()
from common.services.jobs import claim_batch, count_items, fenced_write
claim = claim_batch(batch_id=uuid.UUID(sys.argv[1]))
with fenced_write(claim):
    count_items(claim=claim, done=1)
    print("half way", flush=True)
    time.sleep(60)
"""


def test_a_worker_killed_in_the_middle_of_a_write_loses_and_repeats_nothing(settings: Any) -> None:
    made = job([[1]])
    batch = made.batches.get()
    database = connection.settings_dict
    address = f"{database['HOST']}:{database['PORT'] or 5432}"
    url = f"postgres://{quote(database['USER'])}:{quote(database['PASSWORD'] or '')}@{address}/{database['NAME']}"
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(batch.pk)],
        cwd=CHECKOUT,
        env=os.environ
        | {"DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "config.settings", "PYTHONPATH": "."},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "half way\n"
        process.send_signal(signal.SIGKILL)
    finally:
        process.kill()
        process.wait()
    lease_runs_out_as_soon_as_the_row_is_free(batch)
    run_batch(batch_id=batch.pk)
    made = Job.objects.get(pk=made.pk)
    batch.refresh_from_db()
    assert (made.state, made.items_done) == ("done", 1)
    assert (batch.attempts, batch.token) == (1, 2)  # the second got somewhere


def lease_runs_out_as_soon_as_the_row_is_free(batch: JobBatch) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '10s'")
        lease_runs_out(batch)
        cursor.execute("RESET lock_timeout")


# ---- events and relays


def test_an_event_delivered_to_three_workers_at_once_takes_effect_once() -> None:
    for _ in range(3):
        delivery = emit_event(type="tea.ready", subject=person("ana")).deliveries.get()
        Person.objects.filter(username="ana").update(name="Ana")
        outcomes = in_threads(*[lambda: deliver_event(delivery_id=delivery.pk)] * 3)  # noqa: B023
        assert Counter(outcomes) == {True: 1, False: 2}
        assert Person.objects.get(username="ana").name == "Ana!"


def test_two_relays_at_once_announce_everything_once_within_the_window() -> None:
    for _ in range(ROUNDS):
        batches = set(job([[n] for n in range(20)]).batches.values_list("pk", flat=True))
        event = emit_event(type="tea.ready", subject=person("ana"))
        published: list[tuple[str, UUID]] = []

        def relay() -> int:
            return announce_pending(publish=lambda task, row_id: published.append((task, row_id)))  # noqa: B023

        outcomes = in_threads(relay, relay, relay)
        assert sum(outcomes) == len(published) == len(set(published)) == 21
        assert {row_id for _, row_id in published} == batches | {event.deliveries.get().pk}
        JobBatch.objects.all().delete()
        EventDelivery.objects.all().delete()


def test_what_a_frozen_broker_swallowed_is_announced_again_after_the_window() -> None:
    batch = job([[1]]).batches.get()
    announce_pending(publish=lambda task, row_id: None)  # taken, and never heard of again
    heard: list[UUID] = []
    announce_pending(publish=lambda task, row_id: heard.append(row_id))
    assert heard == []
    with clock.shifted(timedelta(seconds=16)):
        announce_pending(publish=lambda task, row_id: heard.append(row_id))
    assert heard == [batch.pk]


def test_the_relay_hears_of_work_at_commit() -> None:
    """LISTEN in one connection, a job in another: the notification comes without waiting for the poll."""
    import select

    from common.services.outbox import CHANNEL

    listening, heard = threading.Event(), []

    def relay() -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"LISTEN {CHANNEL}")
        listening.set()
        raw = connection.connection
        select.select([raw], [], [], 5)
        raw.poll()
        heard.extend(raw.notifies)

    def work() -> None:
        assert listening.wait(10)
        job([[1]])

    assert in_threads(relay, work) == [None, None]
    assert [notification.channel for notification in heard] == [CHANNEL]
