"""Looks that are due: started by whoever asks first, once a slot, however many beats and workers ask."""

from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.conf import settings
from django.db import IntegrityError, InterfaceError, OperationalError, transaction
from django.db.models import Exists, OuterRef

from common.core import roles
from common.core.actor import SYSTEM, Actor
from common.core.errors import Conflict, FoldbackError, NotFound
from common.models import Job, OutboxEvent
from drift.core.schedule import FAILED, QUICK, REPLACED, SKIPPED, Step, due_slots, steps
from drift.models import Scan, ScanPolicy, ScanSlot
from drift.queries.scan_policies import handled_slots, plan_of, running_scans
from drift.services.scans import SCHEDULED, create_scan

log = structlog.get_logger()

SLOTS_KEPT = timedelta(days=30)
MOST_FORGOTTEN = 500  # scans at a time; what is left is forgotten the next time


def start_due_scans(*, now: datetime) -> int:
    """Deal with every slot that is due at `now`; returns how many scans were started.

    1. Which policies have a slot that is due? When none has, two queries are all there is to it.
    2. Each of those in a transaction of its own, holding its row: who finds it held leaves it to the holder.
    3. What is due is read again then, and each slot is written down, with the scan it started or why it did not.
    The database takes a slot once. What goes wrong with one policy does not reach the others.
    """
    enabled = ScanPolicy.objects.filter(enabled=True)
    handled = handled_slots(enabled, now) if enabled else {}
    started = 0
    for policy in enabled:
        if not due_slots(plan_of(policy), handled.get(policy.pk, {}), now):
            continue
        try:
            started += _deal_with(policy.pk, now)
        except (OperationalError, InterfaceError):
            raise  # the database is away, for all of them
        except IntegrityError:
            log.info("slot taken by another", policy=policy.name)
        except Exception:
            log.exception("policy failed", policy=policy.name)
    return started


def _deal_with(policy_id: UUID, now: datetime) -> int:
    with transaction.atomic():
        held = ScanPolicy.objects.select_for_update(skip_locked=True, no_key=True)
        policy = held.filter(pk=policy_id, enabled=True).first()
        if policy is None:
            return 0
        # In a statement of its own, after the lock: it sees what the holder before has written.
        handled = handled_slots(ScanPolicy.objects.filter(pk=policy_id), now)[policy_id]
        running = running_scans(policy)
        started, problem = 0, ""
        for step in steps(due_slots(plan_of(policy), handled, now), running):
            slot = _record(policy, step, running, problem)
            started += slot.scan_id is not None
            problem = slot.reason if slot.outcome == FAILED else ""
        return started


def _record(policy: ScanPolicy, step: Step, running: dict[str, Scan], problem: str) -> ScanSlot:
    """Write the slot down, starting its scan where that is the step. `problem`: why the deep look could not start
    that would have done for this one."""
    outcome, reason, scan = step.outcome, "", None
    if outcome == SKIPPED:
        reason = f"{running[step.slot.mode]} was still running."
    elif outcome == REPLACED and problem:
        outcome, reason = FAILED, problem
    elif outcome == REPLACED:
        reason = "A deep look was due at the same time."
    else:
        try:
            with transaction.atomic():
                scan = create_scan(
                    actor=SYSTEM,
                    selector=policy.selector,
                    mode=step.slot.mode,
                    purpose=SCHEDULED,
                    policy=policy,
                )
        except FoldbackError as error:
            outcome, reason = FAILED, error.detail[:500]
    return ScanSlot.objects.create(
        policy=policy,
        mode=step.slot.mode,
        starts_at=step.slot.starts_at,
        missed=step.slot.missed,
        outcome=outcome,
        reason=reason,
        scan=scan,
    )


def forget_old_looks(*, now: datetime) -> int:
    """Delete what old slots left behind, and return how many scans: slots after SLOTS_KEPT, but never the latest of its
    policy and mode, which says what is due; and the scheduled quick scans of that age, with their jobs and what told of
    their end. Each was one of many alike, and names all its hosts. Deep, requested and proof scans stay."""
    newer = ScanSlot.objects.filter(
        policy=OuterRef("policy"), mode=OuterRef("mode"), starts_at__gt=OuterRef("starts_at")
    )
    ScanSlot.objects.filter(Exists(newer), starts_at__lt=now - SLOTS_KEPT).delete()
    end = now - timedelta(days=settings.QUICK_SCANS_DAYS)
    old = Scan.objects.filter(purpose=SCHEDULED, mode=QUICK, finished_at__lt=end)
    scans = list(old.order_by("number").values_list("pk", "job_id", "finished_at")[:MOST_FORGOTTEN])
    if not scans:
        return 0
    jobs, ends = [job for _, job, _ in scans if job], [end for _, _, end in scans if end]
    told = OutboxEvent.objects.filter(
        type="job.finished",
        subject_id__in=jobs,
        # Said again in time, which has an index: told when the job ended.
        created_at__range=(min(ends) - timedelta(hours=1), max(ends) + timedelta(hours=1)),
    )
    with transaction.atomic():
        told.delete()
        Scan.objects.filter(pk__in=[scan for scan, _, _ in scans]).delete()
        Job.objects.filter(pk__in=jobs).delete()
    return len(scans)


def run_policy(*, actor: Actor, policy: ScanPolicy, mode: str) -> Scan:
    """Look at a policy's hosts now, at somebody's wish, enabled or not; its due times stay as they are.

    Raises Conflict while a scan of it in this mode runs, Invalid when its selector names no host.
    """
    roles.require(actor, "scan.run")
    with transaction.atomic():
        held = ScanPolicy.objects.select_for_update(no_key=True).filter(pk=policy.pk).first()
        if held is None:
            raise NotFound(f"There is no scan policy {policy}.")
        if (before := running_scans(held).get(mode)) is not None:
            raise Conflict(
                f"{before}, a {mode} look of {held}, is still running. Wait for its end, or cancel it."
            )
        return create_scan(actor=actor, selector=held.selector, mode=mode, policy=held)
