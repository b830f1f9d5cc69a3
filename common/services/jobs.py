"""Jobs: created with their batches, held under leases, fenced, counted.

A worker's life with a batch: `claim_batch` → work, renewing the lease → each write inside `fenced_write` →
`finish_batch`. Whoever's lease ran out holds a stale token, and its next write raises LostLease.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connection, models, transaction
from django.db.models import Case, F, Q, Value, When
from django.utils.module_loading import import_string

from common import clock
from common.core import roles
from common.core.actor import SYSTEM, Actor
from common.core.errors import Conflict, FoldbackError
from common.core.jobs import BATCH, JOB, MAX_ATTEMPTS, Lane, pause_after, permission_to_cancel
from common.core.progress import MARK_EVERY
from common.models import Job, JobBatch
from common.services.heartbeats import process_name
from common.services.lanes import leave_lane, take_places
from common.services.ledger import record_entry, transition
from common.services.outbox import emit_event, wake_relay

log = structlog.get_logger()


class LostLease(Exception):
    """Another worker holds the batch now, or the job was cancelled: stop, and write nothing."""


@dataclass(frozen=True)
class Claim:
    batch_id: UUID
    job_id: UUID
    kind: str
    subject_id: UUID
    items: list[Any]
    token: int
    attempts: int
    places: int = 0
    """How much of its lane the batch may use at once; 0: it is in none, and nothing is limited."""


def create_job(
    *,
    actor: Actor,
    kind: str,
    subject: models.Model,
    batches: Sequence[Sequence[Any]],
    lanes: Sequence[Lane | None] = (),
    quiet: bool = False,
) -> Job:
    """Create a job over `batches` of ids; call it in the transaction of what asks for the work. `lanes`, where any batch
    has one, says for each which.

    `quiet`: for what Foldback does many times a day by itself; the ledger hears of it only when it goes wrong.
    """
    if kind not in settings.JOB_HANDLERS:
        raise ValueError(f"no handler for jobs of kind {kind}")
    with transaction.atomic():
        job = Job.objects.create(
            kind=kind,
            state="queued",
            subject_id=subject.pk,
            subject_label=str(subject)[:300],
            items_total=sum(len(batch) for batch in batches),
            requested_by=actor.label,
            quiet=quiet,
        )
        JobBatch.objects.bulk_create(
            JobBatch(
                job=job,
                position=index,
                items=list(batch),
                state="pending",
                lane=lane.name if lane else "",
                lane_places=lane.places if lane else None,
            )
            for index, (batch, lane) in enumerate(zip(batches, lanes or [None] * len(batches), strict=True))
        )
        if not quiet:
            record_entry(
                actor=actor, action="job.created", subject=job, data={"kind": kind, "items": job.items_total}
            )
        if not batches:
            _finish_job_if_complete(job.pk)
        wake_relay()
    return job


def claim_batch(*, batch_id: UUID) -> Claim | None:
    """Take a batch that is pending, or whose lease ran out; None when there is nothing to take."""
    now = clock.now()
    with transaction.atomic():
        batch = (
            JobBatch.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("job")
            .filter(pk=batch_id, state__in=("pending", "running"))
            .first()
        )
        if batch is None or (batch.state == "running" and batch.lease_until and batch.lease_until > now):
            return None
        if batch.state == "pending" and batch.not_before and batch.not_before > now:
            return None
        job = batch.job
        if job.cancel_requested_at or job.state not in ("queued", "running"):
            return None
        if batch.attempts >= MAX_ATTEMPTS:
            _set_aside(batch, batch.error or "its worker died five times")
            return None
        places = take_places(batch)
        if places is None:
            return None
        state = BATCH.next(batch.state, "claim")
        JobBatch.objects.filter(pk=batch.pk).update(
            state=state,
            held=places,
            token=F("token") + 1,
            attempts=F("attempts") + 1,
            lease_until=_lease_end(),
            worker=process_name(),
        )
        if job.state == "queued":
            Job.objects.filter(pk=job.pk, state="queued").update(
                state=JOB.next("queued", "start"), started_at=now
            )
        return Claim(
            batch_id=batch.pk,
            job_id=job.pk,
            kind=job.kind,
            subject_id=job.subject_id,
            items=batch.items,
            token=batch.token + 1,
            attempts=batch.attempts + 1,
            places=places,
        )


def _lease_end() -> Any:
    return clock.now() + timedelta(seconds=settings.LEASE_SECONDS)


def _held(claim: Claim) -> models.QuerySet[JobBatch]:
    return JobBatch.objects.filter(pk=claim.batch_id, token=claim.token, state="running")


def renew_lease(*, claim: Claim) -> bool:
    """True while the claim still holds and nobody asked to cancel."""
    renewed = _held(claim).filter(job__cancel_requested_at=None).update(lease_until=_lease_end())
    return bool(renewed)


@contextmanager
def fenced_write(claim: Claim) -> Iterator[None]:
    """A transaction that only the holder of the batch may make; raises LostLease before anything is written."""
    with transaction.atomic():
        batch = _held(claim).select_for_update().first()
        if batch is None:
            raise LostLease(f"batch {claim.batch_id} has moved on from token {claim.token}")
        yield


def count_items(*, claim: Claim, done: int) -> None:
    """Add to the job's progress; call it inside `fenced_write`, with what that write completed.

    Half a minute after the last mark a new one is set: how many were done by now (`common.core.progress`).
    """
    now = clock.now()
    is_due = Q(marked_at=None) | Q(marked_at__lte=now - MARK_EVERY)

    def where_due(then: Any, otherwise: str) -> Case:
        field = models.DateTimeField() if otherwise.endswith("_at") else models.PositiveIntegerField()
        return Case(When(is_due, then=then), default=F(otherwise), output_field=field)

    Job.objects.filter(pk=claim.job_id).update(
        items_done=F("items_done") + done,
        marked_at=where_due(Value(now), "marked_at"),
        marked_done=where_due(F("items_done") + Value(done), "marked_done"),
        before_at=where_due(F("marked_at"), "before_at"),
        before_done=where_due(F("marked_done"), "before_done"),
    )
    if claim.attempts > 1:
        # It got somewhere: what sets a batch aside is five attempts in a row that come to nothing.
        _held(claim).filter(attempts__gt=1).update(attempts=1)


def finish_batch(*, claim: Claim) -> None:
    with fenced_write(claim):
        _held(claim).update(state=BATCH.next("running", "finish"), lease_until=None, held=0, error="")
        if claim.places:
            wake_relay()
        _finish_job_if_complete(claim.job_id)


def fail_batch(*, claim: Claim, error: str, final: bool = False) -> None:
    """Give the batch back for another attempt, after a pause; set it aside after the fifth, or when it is `final`."""
    with transaction.atomic():
        batch = _held(claim).select_for_update(of=("self",)).select_related("job").first()
        if batch is None:
            return
        if final or batch.attempts >= MAX_ATTEMPTS:
            _set_aside(batch, error)
        else:
            _held(claim).update(
                state=BATCH.next("running", "retry"),
                lease_until=None,
                held=0,
                not_before=clock.now() + pause_after(batch.attempts),
                error=error[:2000],
            )


def _set_aside(batch: JobBatch, error: str) -> None:
    JobBatch.objects.filter(pk=batch.pk).update(
        state=BATCH.next(batch.state, "set aside"), lease_until=None, held=0, error=error[:2000]
    )
    record_entry(actor=SYSTEM, action="job.batch_set_aside", subject=batch.job, data={"error": error[:500]})
    _finish_job_if_complete(batch.job_id)


def _finish_job_if_complete(job_id: UUID) -> None:
    """Completion is a count over rows: whoever ends the last batch ends the job."""
    job = Job.objects.select_for_update().get(pk=job_id)
    states = list(JobBatch.objects.filter(job_id=job_id).values_list("state", flat=True))
    if job.state not in ("queued", "running") or any(state in ("pending", "running") for state in states):
        return
    if job.state == "queued":
        Job.objects.filter(pk=job_id).update(state=JOB.next("queued", "start"), started_at=clock.now())
        job.state = "running"
    event = "fail" if "failed" in states else "finish"
    transition(
        actor=SYSTEM,
        lifecycle=JOB,
        subject=job,
        event=event,
        action="job.failed" if event == "fail" else None if job.quiet else "job.finished",
        fields={"finished_at": clock.now()},
    )
    _emit_finished(job)


def _emit_finished(job: Job) -> None:
    emit_event(
        type="job.finished",
        subject=job,
        data={"kind": job.kind, "state": job.state, "subject_id": str(job.subject_id)},
    )


def cancel_job(*, actor: Actor, job: Job) -> None:
    """Stop a job: no further batch is taken, running ones stop at their next lease renewal."""
    if actor.kind != "system":
        roles.require(actor, permission_to_cancel(job.kind))
    with transaction.atomic():
        # Batches before the job, as those who finish a batch lock them: the other way round is a deadlock.
        held = JobBatch.objects.filter(job=job, state__in=("pending", "running")).order_by("pk")
        batches = list(held.select_for_update().values_list("pk", flat=True))
        locked = Job.objects.select_for_update().get(pk=job.pk)
        if locked.state not in ("queued", "running"):
            raise Conflict(f"{job} is already {locked.state}.")
        now = clock.now()
        # What a worker holds of a lane it holds until it has stopped, or its lease has run out.
        lease = Case(When(held__gt=0, then=F("lease_until")), output_field=models.DateTimeField())
        JobBatch.objects.filter(pk__in=batches).update(state="cancelled", lease_until=lease)
        transition(
            actor=actor,
            lifecycle=JOB,
            subject=locked,
            event="cancel",
            action="job.cancelled",
            fields={"cancel_requested_at": now, "finished_at": now},
        )
        _emit_finished(locked)
    job.refresh_from_db()


class LeaseKeeper:
    """Renews a claim's lease from a thread of its own while the batch is worked on.

    `lost` turns true when the lease is gone or the job was cancelled; long work polls it.
    """

    def __init__(self, claim: Claim) -> None:
        self.claim = claim
        self._stop = threading.Event()
        self._lost = threading.Event()
        self._ends_at = clock.monotonic() + settings.LEASE_SECONDS
        self._thread = threading.Thread(target=self._keep, name=f"lease-{claim.batch_id}", daemon=True)

    @property
    def lost(self) -> bool:
        # Who could not renew the lease of a lane must have left before another may come in.
        return self._lost.is_set() or (bool(self.claim.places) and clock.monotonic() > self._ends_at)

    def __enter__(self) -> "LeaseKeeper":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(timeout=10)

    def _keep(self) -> None:
        # Two seconds at most, so that a cancel is noticed well within five.
        pause = min(settings.LEASE_SECONDS / 3, 2.0)
        try:
            while not self._stop.wait(pause):
                try:
                    asked_at = clock.monotonic()
                    if not renew_lease(claim=self.claim):
                        self._lost.set()
                        return
                    self._ends_at = asked_at + settings.LEASE_SECONDS
                except Exception:  # the database may be restarting; the lease itself decides
                    log.warning("lease renewal failed", batch_id=str(self.claim.batch_id), exc_info=True)
                    connection.close()
        finally:
            connection.close()


def run_batch(*, batch_id: UUID) -> None:
    """Claim a batch and hand it to its kind's handler (settings.JOB_HANDLERS); errors give it back."""
    claim = claim_batch(batch_id=batch_id)
    if claim is None:
        return
    handler = import_string(settings.JOB_HANDLERS[claim.kind])
    try:
        with LeaseKeeper(claim) as keeper:
            handler(claim=claim, keeper=keeper)
        finish_batch(claim=claim)
    except LostLease:
        log.info("batch lost", batch_id=str(batch_id), token=claim.token)
        if claim.places:
            leave_lane(batch_id=batch_id, token=claim.token)
    except FoldbackError as error:
        # Ours, and said in words: trying again helps only where something is away for now (503).
        log.warning("batch refused", batch_id=str(batch_id), attempt=claim.attempts, detail=error.detail)
        fail_batch(claim=claim, error=error.detail, final=error.status != 503)
    except Exception as error:  # one bad batch must not take the worker with it
        log.exception("batch failed", batch_id=str(batch_id), attempt=claim.attempts)
        fail_batch(claim=claim, error=f"{type(error).__name__}: {error}")
