"""Scans: started over a selector as a job, finished by a count over rows."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Count

from common import clock
from common.core import roles
from common.core.actor import SYSTEM, Actor
from common.models import Job, JobBatch, Person
from common.services.jobs import create_job
from common.services.ledger import record_entry
from drift.models import HostScan, Scan
from drift.models.scan import STATUSES
from inventory.models import Host
from inventory.queries.hosts import resolve_selector

REQUESTED, PROOF = "requested", "proof"
PRESSED_TWICE = timedelta(seconds=5)


def create_scan(*, actor: Actor, selector: str, mode: str = "deep", purpose: str = REQUESTED) -> Scan:
    """Start looking at the hosts that `selector` names now; they are frozen on the scan.

    Raises Invalid for a selector that can't be read or that names no host.
    """
    roles.require(actor, "scan.run")
    hosts = [host.pk for host in resolve_selector(selector)]
    return _start(actor=actor, selector=selector, mode=mode, purpose=purpose, hosts=hosts)


def create_scan_once(*, actor: Actor, selector: str) -> Scan:
    """The same for a button that somebody may press twice: asked again by the same person for the same hosts within
    seconds, it is the scan that was started then and still runs. The person's row is held, so that of two at once one waits."""
    roles.require(actor, "scan.run")
    with transaction.atomic():
        Person.objects.select_for_update(no_key=True).filter(username=actor.label).first()
        before = Scan.objects.filter(
            selector=selector,
            purpose=REQUESTED,
            requested_by=actor.label,
            created_at__gte=clock.now() - PRESSED_TWICE,
            finished_at=None,
        )
        return before.order_by("-number").first() or create_scan(actor=actor, selector=selector)


def _start(*, actor: Actor, selector: str, mode: str, purpose: str, hosts: Sequence[UUID]) -> Scan:
    size = settings.SCAN_BATCH_HOSTS
    batches = [[str(pk) for pk in hosts[i : i + size]] for i in range(0, len(hosts), size)]
    with transaction.atomic():
        scan = Scan.objects.create(
            selector=selector, mode=mode, purpose=purpose, hosts=list(hosts), requested_by=actor.label
        )
        scan.job = create_job(actor=actor, kind="scan", subject=scan, batches=batches)
        scan.save(update_fields=["job"])
        record_entry(
            actor=actor, action="scan.started", subject=scan, data={"selector": selector, "hosts": len(hosts)}
        )
    return scan


def scan_for_proof(*, event_id: UUID, type: str, subject_id: UUID, data: dict[str, Any]) -> None:
    """Consumer of `findings.committed`: look again at every host that has one of the findings, for the proof, and
    then at those that the commit changes, so that who waits for it is counted as pending at once.
    """
    active = Host.objects.filter(state=Host.ACTIVE)
    with_finding = active.filter(occurrences__finding__in=data["findings"], occurrences__ended_at=None)
    changed = active.filter(name__in=data.get("changes", ())).exclude(pk__in=with_finding)
    hosts = [
        host
        for group in (with_finding, changed)
        for host in group.order_by("name").values_list("pk", "name").distinct()
    ]
    if hosts:
        names = " ".join(f"name={name}" for _, name in hosts)
        _start(actor=SYSTEM, selector=names, mode="deep", purpose=PROOF, hosts=[pk for pk, _ in hosts])


def finish_scan(*, event_id: UUID, type: str, subject_id: UUID, data: dict[str, Any]) -> None:
    """Consumer of `job.finished` for scans: write down the honest counts."""
    if data["kind"] != "scan":
        return
    scan = Scan.objects.select_for_update().get(pk=data["subject_id"])
    if scan.finished_at is not None:
        return
    Scan.objects.filter(pk=scan.pk).update(finished_at=_finished_at(subject_id), counts=summarise_scan(scan))
    scan.refresh_from_db()
    record_entry(actor=SYSTEM, action="scan.finished", subject=scan, data=scan.counts)


def _finished_at(job_id: UUID) -> datetime:
    return Job.objects.get(pk=job_id).finished_at or clock.now()


def summarise_scan(scan: Scan) -> dict[str, Any]:
    """Hosts by how the look went, resources by verdict, and why hosts could not be looked at; `problem` where a part
    of the scan was given up, with what stood in its way."""
    rows = HostScan.objects.filter(scan=scan)
    hosts = dict.fromkeys(STATUSES, 0)
    hosts |= dict(rows.values_list("status").annotate(Count("id")).values_list("status", "id__count"))
    resources: dict[str, int] = {}
    for counts in rows.values_list("counts", flat=True):
        for verdict, number in counts.items():
            resources[verdict] = resources.get(verdict, 0) + number
    reasons = dict(
        rows.filter(status="unknown")
        .values_list("reason")
        .annotate(Count("id"))
        .values_list("reason", "id__count")
    )
    total = len(scan.hosts)
    given_up = JobBatch.objects.filter(job=scan.job_id, state="failed").exclude(error="").first()
    return {
        **({"problem": given_up.error} if given_up else {}),
        "hosts": {**hosts, "total": total, "not_tried": total - sum(hosts.values())},
        "resources": resources,
        "reasons": reasons,
    }
