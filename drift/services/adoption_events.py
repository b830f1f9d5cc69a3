"""What follows for an adoption when one of its jobs ends, or its change is approved, refused or withdrawn.

Consumers: each looks at how things stand now, and does nothing where they have moved on.
"""

from typing import Any
from uuid import UUID

from changemgmt.models import Change
from changemgmt.services.proposals import fail_change
from common.core.actor import SYSTEM
from common.models import Job
from common.services.jobs import create_job
from common.services.ledger import transition
from drift.core.adoption_lifecycle import ADOPTION
from drift.models import Adoption, AdoptionHost
from drift.services.adoption_commits import lock_change_of, return_adoption
from drift.services.adoptions import (
    BRANCH_JOB,
    LOOK_JOB,
    MERGE_JOB,
    PLAN_JOB,
    SETTLE_JOB,
    begin_planning,
    forget_what_was_seen,
)
from drift.services.decision_events import why_it_ended
from drift.services.scans import PROOF, create_scan
from inventory.models import Host


def follow_adoption_job(*, event_id: UUID, type: str, subject_id: UUID, data: dict[str, Any]) -> None:
    """Consumer of `job.finished`: looking is followed by planning; what failed says why."""
    if data["kind"] not in (LOOK_JOB, PLAN_JOB, BRANCH_JOB, MERGE_JOB, SETTLE_JOB):
        return
    job = Job.objects.get(pk=subject_id)
    adoption = Adoption.objects.select_for_update().filter(pk=data["subject_id"]).first()
    if adoption is None or (adoption.job_id != job.pk and job.kind != SETTLE_JOB):
        return
    if job.kind == LOOK_JOB and adoption.state == "looking":
        _after_looking(adoption, job)
    elif job.kind == PLAN_JOB and adoption.state == "planning" and job.state != "done":
        _fail(adoption, why_it_ended(job))
    elif job.state != "done" and adoption.state == "proposed":
        _after_git(adoption, job)


def _after_looking(adoption: Adoption, job: Job) -> None:
    if job.state == "cancelled":
        transition(
            actor=SYSTEM,
            lifecycle=ADOPTION,
            subject=adoption,
            event="discard",
            action="adoption.discarded",
            fields={"problem": why_it_ended(job)},
        )
        forget_what_was_seen(adoption)
        return
    looks = AdoptionHost.objects.filter(adoption=adoption)
    if not looks.exclude(status="unknown").exists():
        first = looks.first()
        why = f": {first.detail or first.reason}" if first else f": {why_it_ended(job)}"
        _fail(adoption, f"none of the {len(adoption.hosts)} hosts could be looked at{why}")
        return
    begin_planning(actor=SYSTEM, adoption=adoption)


def _fail(adoption: Adoption, reason: str) -> None:
    transition(
        actor=SYSTEM,
        lifecycle=ADOPTION,
        subject=adoption,
        event="fail",
        action="adoption.failed",
        data={"why": reason},
        fields={"problem": reason[:5000]},
    )


def _after_git(adoption: Adoption, job: Job) -> None:
    """A branch that could not be made is said, and made again by the merge. A merge that failed is settled: main may
    have moved before its worker died."""
    why = why_it_ended(job)
    if job.kind == BRANCH_JOB:
        Adoption.objects.filter(pk=adoption.pk).update(problem=f"the branch could not be made: {why}"[:5000])
    elif job.kind == MERGE_JOB:
        Adoption.objects.filter(pk=adoption.pk).update(problem=why[:5000])
        create_job(actor=SYSTEM, kind=SETTLE_JOB, subject=adoption, batches=[[str(adoption.pk)]])
    else:
        change = lock_change_of(adoption)
        if change.state == "approved":
            fail_change(actor=SYSTEM, change=change, reason=why)
        return_adoption(adoption, why)


def _of_change(change_id: UUID) -> tuple[Adoption, Change] | None:
    change = Change.objects.select_for_update().filter(pk=change_id).first()
    adoption = Adoption.objects.select_for_update().filter(change_id=change_id).first()
    return (adoption, change) if adoption is not None and change is not None else None


def merge_approved_adoption(*, event_id: UUID, type: str, subject_id: UUID, data: dict[str, Any]) -> None:
    """Consumer of `change.approved`: an adoption gets the job that merges it."""
    found = _of_change(subject_id)
    if found is None or found[1].state != "approved" or found[0].state != "proposed":
        return
    adoption = found[0]
    job = create_job(actor=SYSTEM, kind=MERGE_JOB, subject=adoption, batches=[[str(adoption.pk)]])
    Adoption.objects.filter(pk=adoption.pk).update(job=job, problem="")


def return_refused_adoption(*, event_id: UUID, type: str, subject_id: UUID, data: dict[str, Any]) -> None:
    """Consumer of `change.rejected` and `change.withdrawn`: it can be planned and proposed anew."""
    found = _of_change(subject_id)
    if found is None or found[1].state not in ("rejected", "withdrawn") or found[0].state != "proposed":
        return
    return_adoption(found[0], f"{found[1]} was {found[1].state}")


def scan_adopted(*, event_id: UUID, type: str, subject_id: UUID, data: dict[str, Any]) -> None:
    """Consumer of `adoption.merged`: look at its hosts again, for the proof that they are as the definition says."""
    active = Host.objects.filter(name__in=data["hosts"], state=Host.ACTIVE).order_by("name")
    names = [f"name={name}" for name in active.values_list("name", flat=True)]
    if names:
        create_scan(actor=SYSTEM, selector=" ".join(names), purpose=PROOF)
