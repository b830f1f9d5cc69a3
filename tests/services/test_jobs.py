"""Jobs and batches: created whole, held by one worker, fenced, counted, ended once."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from common import clock
from common.core.errors import Conflict, Unprocessable
from common.core.jobs import MAX_ATTEMPTS, pause_after
from common.models import Job, JobBatch, LedgerEntry, OutboxEvent
from common.services import jobs
from common.services.jobs import (
    Claim,
    LostLease,
    cancel_job,
    claim_batch,
    count_items,
    create_job,
    fail_batch,
    fenced_write,
    finish_batch,
    renew_lease,
    run_batch,
)
from tests.factories import acting, job, person

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def listeners(settings: Any) -> None:
    settings.EVENT_CONSUMERS = {}
    settings.LEASE_SECONDS = 30
    settings.JOB_HANDLERS = {"scan": "tests.services.test_jobs.handler"}


def batches(of: Job) -> list[JobBatch]:
    return list(of.batches.order_by("position"))


def claim(batch: JobBatch) -> Claim:
    claimed = claim_batch(batch_id=batch.pk)
    assert claimed is not None
    return claimed


def fresh(record: Any) -> Any:
    return type(record).objects.get(pk=record.pk)


def lease_runs_out(batch: JobBatch) -> None:
    JobBatch.objects.filter(pk=batch.pk).update(lease_until=clock.now() - timedelta(seconds=1))


# ---- creating


def test_a_job_is_created_with_its_batches_and_waits() -> None:
    made = job([[1, 2], [3]])
    assert (made.state, made.items_total, made.items_done) == ("queued", 3, 0)
    assert [(b.state, b.items) for b in batches(made)] == [("pending", [1, 2]), ("pending", [3])]
    assert made.reference.startswith("JOB-")
    assert LedgerEntry.objects.get(subject_id=made.pk).data == {"kind": "scan", "items": 3}


def test_a_job_of_an_unknown_kind_is_a_programming_error() -> None:
    with pytest.raises(ValueError, match="brew"):
        create_job(actor=acting("ana"), kind="brew", subject=person("ana"), batches=[[1]])
    assert not Job.objects.exists()


def test_a_job_without_work_is_done_at_once_and_says_so() -> None:
    made = fresh(job([]))
    assert made.state == "done"
    event = OutboxEvent.objects.get(subject_id=made.pk)
    assert event.type == "job.finished"
    assert event.data == {"kind": "scan", "state": "done", "subject_id": str(person("ana").pk)}


# ---- holding


def test_the_first_claim_starts_the_job() -> None:
    made = job()
    claimed = claim(batches(made)[0])
    assert (claimed.items, claimed.token, claimed.attempts) == ([1, 2], 1, 1)
    assert fresh(made).state == "running"
    assert fresh(made).started_at is not None


def test_a_held_batch_is_not_claimed_again() -> None:
    batch = batches(job())[0]
    claim(batch)
    assert claim_batch(batch_id=batch.pk) is None


def test_a_batch_whose_lease_ran_out_is_taken_over_with_a_higher_token() -> None:
    batch = batches(job())[0]
    first = claim(batch)
    lease_runs_out(batch)
    second = claim(batch)
    assert (second.token, second.attempts) == (first.token + 1, 2)


def test_whoever_lost_the_lease_writes_nothing() -> None:
    made = job()
    batch = batches(made)[0]
    lost = claim(batch)
    lease_runs_out(batch)
    held = claim(batch)
    with pytest.raises(LostLease), fenced_write(lost):
        pytest.fail("a lost lease must not get this far")
    with pytest.raises(LostLease):
        finish_batch(claim=lost)
    assert renew_lease(claim=lost) is False
    fail_batch(claim=lost, error="from the grave")
    assert fresh(batch).state == "running"
    with fenced_write(held):
        count_items(claim=held, done=2)
    finish_batch(claim=held)
    assert (fresh(batch).state, fresh(made).items_done) == ("done", 2)


def test_a_write_that_fails_inside_the_fence_counts_nothing() -> None:
    made = job()
    held = claim(batches(made)[0])
    with pytest.raises(RuntimeError), fenced_write(held):
        count_items(claim=held, done=2)
        raise RuntimeError("the disk is full")
    assert fresh(made).items_done == 0


def test_renewing_moves_the_end_of_the_lease() -> None:
    batch = batches(job())[0]
    held = claim(batch)
    lease_runs_out(batch)
    assert renew_lease(claim=held) is True
    assert fresh(batch).lease_until > clock.now() + timedelta(seconds=25)


def test_a_batch_that_is_gone_claims_nothing() -> None:
    assert claim_batch(batch_id=uuid4()) is None


# ---- ending


def test_the_last_batch_ends_the_job_once() -> None:
    made = job()
    first, second = batches(made)
    finish_batch(claim=claim(first))
    assert fresh(made).state == "running"
    finish_batch(claim=claim(second))
    assert fresh(made).state == "done"
    assert fresh(made).finished_at is not None
    assert OutboxEvent.objects.filter(subject_id=made.pk, type="job.finished").count() == 1
    assert LedgerEntry.objects.filter(subject_id=made.pk, action="job.finished").count() == 1


def test_a_finished_batch_is_neither_claimed_nor_finished_again() -> None:
    batch = batches(job())[0]
    held = claim(batch)
    finish_batch(claim=held)
    assert claim_batch(batch_id=batch.pk) is None
    with pytest.raises(LostLease):
        finish_batch(claim=held)


def test_a_batch_that_fails_is_given_back() -> None:
    batch = batches(job())[0]
    fail_batch(claim=claim(batch), error="host key changed")
    given_back = fresh(batch)
    assert (given_back.state, given_back.error, given_back.lease_until) == (
        "pending",
        "host key changed",
        None,
    )
    assert claim_batch(batch_id=batch.pk) is None, "it rests first"
    rested(batch)
    assert claim(batch).attempts == 2


def test_the_pauses_after_failures_are_longer_each_time_and_outlast_a_quarter_of_an_hour() -> None:
    pauses = [pause_after(attempts) for attempts in range(1, MAX_ATTEMPTS)]
    assert pauses == sorted(pauses)
    assert sum(pauses, timedelta()) > timedelta(minutes=15)


def rested(batch: JobBatch) -> None:
    JobBatch.objects.filter(pk=batch.pk).update(not_before=clock.now())


class Refused(Unprocessable):
    """What a handler says that no further attempt will change."""


def refuse(**_: object) -> None:
    raise Refused("the definition at 1234 has a problem")


def away(**_: object) -> None:
    error = Refused("the remote does not answer")
    error.status = 503
    raise error


def test_a_batch_that_gets_somewhere_is_never_set_aside_however_often_its_worker_dies() -> None:
    batch = batches(job([list(range(20))]))[0]
    for _ in range(3 * MAX_ATTEMPTS):
        held = claim(batch)
        with fenced_write(held):
            count_items(claim=held, done=1)
        lease_runs_out(batch)
    for _ in range(MAX_ATTEMPTS - 1):  # one of these is the attempt that got somewhere last
        assert claim_batch(batch_id=batch.pk) is not None
        lease_runs_out(batch)
    assert claim_batch(batch_id=batch.pk) is None
    assert "died five times" in fresh(batch).error


def test_what_a_handler_refuses_in_words_is_set_aside_at_once(settings: Any) -> None:
    settings.JOB_HANDLERS = {"scan": "tests.services.test_jobs.refuse"}
    made = job([[1]])
    run_batch(batch_id=batches(made)[0].pk)
    assert fresh(made).state == "failed"
    assert fresh(batches(made)[0]).error == "the definition at 1234 has a problem"


def test_what_is_away_for_now_is_tried_again(settings: Any) -> None:
    settings.JOB_HANDLERS = {"scan": "tests.services.test_jobs.away"}
    made = job([[1]])
    run_batch(batch_id=batches(made)[0].pk)
    assert (fresh(made).state, fresh(batches(made)[0]).state) == ("running", "pending")


def test_a_batch_that_fails_five_times_is_set_aside_visibly_and_the_job_fails() -> None:
    made = job()
    bad, good = batches(made)
    finish_batch(claim=claim(good))
    for attempt in range(1, MAX_ATTEMPTS + 1):
        rested(bad)
        fail_batch(claim=claim(bad), error=f"attempt {attempt}")
    assert (fresh(bad).state, fresh(bad).error) == ("failed", "attempt 5")
    assert fresh(made).state == "failed"
    assert LedgerEntry.objects.get(action="job.batch_set_aside").data == {"error": "attempt 5"}
    assert OutboxEvent.objects.get(subject_id=made.pk, type="job.finished").data["state"] == "failed"


def test_a_batch_whose_worker_dies_five_times_is_set_aside() -> None:
    made = job([[1]])
    batch = batches(made)[0]
    for _ in range(MAX_ATTEMPTS):
        claim(batch)
        lease_runs_out(batch)
    assert claim_batch(batch_id=batch.pk) is None
    assert fresh(batch).state == "failed"
    assert "died five times" in fresh(batch).error
    assert fresh(made).state == "failed"


# ---- cancelling


def test_a_cancelled_job_hands_out_nothing_and_stops_who_works_on_it() -> None:
    made = job()
    first, second = batches(made)
    held = claim(first)
    cancel_job(actor=acting("ana"), job=made)
    assert made.state == "cancelled"
    assert [b.state for b in batches(made)] == ["cancelled", "cancelled"]
    assert claim_batch(batch_id=second.pk) is None
    assert renew_lease(claim=held) is False
    with pytest.raises(LostLease):
        finish_batch(claim=held)
    assert OutboxEvent.objects.get(subject_id=made.pk, type="job.finished").data["state"] == "cancelled"


def test_what_was_done_before_a_cancel_stays() -> None:
    made = job()
    first, _ = batches(made)
    held = claim(first)
    with fenced_write(held):
        count_items(claim=held, done=2)
    finish_batch(claim=held)
    cancel_job(actor=acting("ana"), job=made)
    assert [b.state for b in batches(made)] == ["done", "cancelled"]
    assert fresh(made).items_done == 2


def test_a_job_that_has_ended_can_not_be_cancelled() -> None:
    made = job([])
    with pytest.raises(Conflict, match="already done"):
        cancel_job(actor=acting("ana"), job=made)


# ---- running

HANDLED: list[Claim] = []


def handler(*, claim: Claim, keeper: Any) -> None:
    assert keeper.lost is False
    HANDLED.append(claim)
    if claim.items == ["boom"]:
        raise RuntimeError("no route to host")
    if claim.items == ["lost"]:
        raise LostLease("somebody else has it")


@pytest.fixture(autouse=True)
def no_renewal_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests run in one transaction, which a thread's own connection would not see."""
    HANDLED.clear()
    monkeypatch.setattr(jobs.LeaseKeeper, "_keep", lambda self: None)


def test_running_a_batch_hands_its_claim_to_the_kinds_handler_and_finishes_it() -> None:
    made = job([["a"]])
    run_batch(batch_id=batches(made)[0].pk)
    assert [c.items for c in HANDLED] == [["a"]]
    assert HANDLED[0].subject_id == made.subject_id
    assert fresh(made).state == "done"


def test_a_handler_that_raises_gives_the_batch_back_with_its_error() -> None:
    batch = batches(job([["boom"]]))[0]
    run_batch(batch_id=batch.pk)
    assert (fresh(batch).state, fresh(batch).error) == ("pending", "RuntimeError: no route to host")


def test_a_handler_that_lost_its_lease_changes_nothing() -> None:
    batch = batches(job([["lost"]]))[0]
    run_batch(batch_id=batch.pk)
    assert (fresh(batch).state, fresh(batch).error) == ("running", "")


def test_a_second_message_for_a_held_batch_runs_nothing() -> None:
    batch = batches(job([["a"]]))[0]
    claim(batch)
    run_batch(batch_id=batch.pk)
    assert HANDLED == []
