"""A job's progress, and who is at it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, F, Q

from common.core.progress import Mark, Progress, measure
from common.models import Job, JobBatch


def progress_of(job: Job, now: datetime) -> Progress:
    """No query: all that it takes stands in the job's row."""
    return measure(
        done=job.items_done,
        total=job.items_total,
        started_at=job.started_at,
        finished_at=job.finished_at,
        mark=Mark(job.before_at, job.before_done) if job.before_at else None,
        now=now,
    )


def eta_of(progress: Progress, now: datetime) -> datetime | None:
    """When it will have ended at this rate; None while nobody can tell, and for what has ended."""
    return None if progress.remaining is None else now + timedelta(seconds=progress.remaining)


@dataclass(frozen=True)
class Hands:
    """Batches of a job by what becomes of them, and how many worker processes hold one now."""

    batches: int
    done: int
    running: int
    waiting: int
    resting: int
    failed: int
    workers: int


def hands_of(job: Job, now: datetime) -> Hands:
    """One query. A batch whose lease ran out waits: nobody holds it."""
    held = Q(state="running", lease_until__gte=now)
    row = JobBatch.objects.filter(job=job).aggregate(
        batches=Count("pk"),
        done=Count("pk", filter=Q(state="done")),
        running=Count("pk", filter=held),
        resting=Count("pk", filter=Q(state="pending", not_before__gt=now)),
        open=Count("pk", filter=Q(state__in=("pending", "running"))),
        failed=Count("pk", filter=Q(state="failed")),
        workers=Count("worker", filter=held & ~Q(worker=""), distinct=True),
    )
    waiting = row.pop("open") - row["running"] - row["resting"]
    return Hands(**row, waiting=waiting)


def first_problem(job: Job) -> str:
    """Why a batch of the job is tried again later, where one is; empty where none is."""
    resting = JobBatch.objects.filter(job=job, state="pending").exclude(error="")
    return resting.order_by(F("position")).values_list("error", flat=True).first() or ""
