"""What follows for decisions when their change is approved, refused, withdrawn or voided, or their job ends.

Consumers: each runs in a transaction with the mark that it ran. Events may arrive late and out of order, so each
looks at how things stand now, and does nothing where they have moved on.
"""

from typing import Any
from uuid import UUID

from changemgmt.models import Change
from changemgmt.services.proposals import complete_change, fail_change, withdraw_change
from common import clock
from common.core.actor import SYSTEM
from common.models import Job, JobBatch
from common.services.jobs import cancel_job, create_job
from drift.models import Decision, Finding
from drift.models.decision import WAIVE
from drift.services.decided import current_findings, move_findings, reopen
from drift.services.waivers import hosts_beyond

FOLD_BACK_JOB = "fold-back"
SETTLE_JOB = "settle-fold-back"


def _lock(change_id: UUID) -> tuple[Decision, Change] | None:
    """The decision with its change locked; None for a change that is no decision about findings."""
    change = Change.objects.select_for_update().filter(pk=change_id).first()
    decision = Decision.objects.select_related("job").filter(change_id=change_id).first()
    if change is None or decision is None:
        return None
    decision.change = change
    return decision, change


def begin_approved_decision(*, event_id: UUID, type: str, subject_id: UUID, data: dict[str, Any]) -> None:
    """Consumer of `change.approved`: a waiver takes effect now; a fold-back gets its job."""
    found = _lock(subject_id)
    if found is None or found[1].state != "approved":
        return
    decision, change = found
    if decision.kind == WAIVE:
        _waive(decision, change)
        return
    if decision.commit or (decision.job is not None and decision.job.state == "queued"):
        return
    move_findings(actor=SYSTEM, decision=decision, event="approve")
    job = create_job(actor=SYSTEM, kind=FOLD_BACK_JOB, subject=decision, batches=[[str(decision.pk)]])
    Decision.objects.filter(pk=decision.pk).update(job=job)


def _waive(decision: Decision, change: Change) -> None:
    until = decision.until
    assert until is not None
    if until <= clock.now():
        give_up(decision, change, f"its date, {until:%Y-%m-%d %H:%M} UTC, had passed when it was approved")
        return
    if beyond := hosts_beyond(decision):
        give_up(
            decision, change, f"by now it is on {', '.join(beyond[:5])} too, which nobody agreed to waive"
        )
        return
    move_findings(actor=SYSTEM, decision=decision, event="approve")
    waived = move_findings(
        actor=SYSTEM, decision=decision, event="waive", data={"until": until.isoformat()}, waived_until=until
    )
    if not waived:
        give_up(decision, change, "none of its findings is there to be waived any more")
        return
    complete_change(
        actor=SYSTEM,
        change=change,
        data={"waived": [finding.reference for finding in waived], "until": until.isoformat()},
    )


def give_up(decision: Decision, change: Change, reason: str) -> None:
    """An approved decision can't be carried out: its change fails, and its findings are open again."""
    if change.state == "approved":
        fail_change(actor=SYSTEM, change=change, reason=reason)
        reopen(actor=SYSTEM, decision=decision, why=reason)


def reopen_rejected_decision(*, event_id: UUID, type: str, subject_id: UUID, data: dict[str, Any]) -> None:
    """Consumer of `change.rejected` and `change.withdrawn`: what it would have decided is open again."""
    unfinished = Job.objects.filter(decision__change_id=subject_id, state__in=("queued", "running")).first()
    over = Change.objects.filter(pk=subject_id, state__in=("rejected", "withdrawn")).exists()
    if over and unfinished is not None:  # its batches are locked before the change, as a worker does it
        cancel_job(actor=SYSTEM, job=unfinished)
    found = _lock(subject_id)
    if found is None or not over:
        return
    decision, change = found
    reopen(actor=SYSTEM, decision=decision, why=f"{change} was {change.state}")


def return_voided_decision(*, event_id: UUID, type: str, subject_id: UUID, data: dict[str, Any]) -> None:
    """Consumer of `change.voided`: the findings wait for an approval again. Its job finds that by itself.

    Where all of them ended while the job ran, there is nothing left to approve.
    """
    found = _lock(subject_id)
    if found is None or found[1].state != "proposed":
        return
    decision, change = found
    move_findings(actor=SYSTEM, decision=decision, event="void")
    if not current_findings(decision, "decided", "approved"):
        withdraw_change(actor=SYSTEM, change=change, reason="none of its findings waits for it any more")


def withdraw_moot_decisions(*, event_id: UUID, type: str, subject_id: UUID, data: dict[str, Any]) -> None:
    """Consumer of `finding.proven`, `.superseded`, `.unmanaged` and `.retired`: what was proposed for it alone is
    withdrawn.

    A decision that also stands for other findings stays: its approval is void at the commit, with the reason.
    """
    finding = Finding.objects.get(pk=subject_id)
    waiting = finding.decisions.filter(change__state__in=("proposed", "approved"), commit="")
    for change_id in waiting.order_by("change__number").values_list("change_id", flat=True):
        found = _lock(change_id)
        if found is None or found[1].state not in ("proposed", "approved"):
            continue
        decision, change = found
        running = decision.job is not None and decision.job.state == "running"
        if not running and not current_findings(decision, "decided", "approved"):
            withdraw_change(actor=SYSTEM, change=change, reason=f"{finding} is {finding.state}")


def finish_fold_back_job(*, event_id: UUID, type: str, subject_id: UUID, data: dict[str, Any]) -> None:
    """Consumer of `job.finished`: a fold-back whose job failed or was cancelled is settled.

    A worker may have died between the commit and its record, so a second, short job looks for the decision's
    trailer in Git first. When that fails too, the decision is given up with the error said.
    """
    if data["kind"] not in (FOLD_BACK_JOB, SETTLE_JOB) or data["state"] == "done":
        return
    decision = Decision.objects.select_related("job").filter(pk=data["subject_id"]).first()
    if decision is None or (data["kind"] == FOLD_BACK_JOB and decision.job_id != subject_id):
        return
    found = _lock(decision.change_id)
    if found is None or found[0].commit:
        return
    decision, change = found
    job = Job.objects.get(pk=subject_id)
    if data["kind"] == FOLD_BACK_JOB and job.started_at is not None:
        create_job(actor=SYSTEM, kind=SETTLE_JOB, subject=decision, batches=[[str(decision.pk)]])
    else:
        give_up(decision, change, why_it_ended(job))


def why_it_ended(job: Job) -> str:
    if job.state == "cancelled":
        return f"{job} was stopped"
    batch = JobBatch.objects.filter(job=job, state="failed").exclude(error="").first()
    return batch.error if batch else f"{job} failed"
