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
from drift.models import HostScan, Scan, ScanPolicy
from drift.models.scan import STATUSES
from drift.queries.outcomes import UNCHANGED, outcomes, resources
from drift.services.tallies import count_finished_scan
from inventory.models import Host
from inventory.queries.hosts import resolve_selector
from inventory.queries.sites import batches_by_site

REQUESTED, PROOF, SCHEDULED, INCIDENT = "requested", "proof", "scheduled", "incident"
PURPOSES = (REQUESTED, PROOF, SCHEDULED, INCIDENT)
PRESSED_TWICE = timedelta(seconds=5)


def create_scan(
    *,
    actor: Actor,
    selector: str,
    mode: str = "deep",
    purpose: str = REQUESTED,
    policy: ScanPolicy | None = None,
) -> Scan:
    """Start looking at the hosts that `selector` names now; they are frozen on the scan.

    Raises Invalid for a selector that can't be read or that names no host.
    """
    roles.require(actor, "scan.run")
    hosts = [host.pk for host in resolve_selector(selector)]
    return _start(actor=actor, selector=selector, mode=mode, purpose=purpose, hosts=hosts, policy=policy)


def create_scan_once(*, actor: Actor, selector: str, mode: str = "deep") -> Scan:
    """The same for a button that somebody may press twice: asked again by the same person for the same hosts within
    seconds, it is the scan that was started then and still runs. The person's row is held, so that of two at once one waits."""
    roles.require(actor, "scan.run")
    with transaction.atomic():
        Person.objects.select_for_update(no_key=True).filter(username=actor.label).first()
        before = Scan.objects.filter(
            selector=selector,
            mode=mode,
            purpose=REQUESTED,
            requested_by=actor.label,
            created_at__gte=clock.now() - PRESSED_TWICE,
            finished_at=None,
        )
        return before.order_by("-number").first() or create_scan(actor=actor, selector=selector, mode=mode)


def _start(
    *,
    actor: Actor,
    selector: str,
    mode: str,
    purpose: str,
    hosts: Sequence[UUID],
    policy: ScanPolicy | None = None,
) -> Scan:
    batches = batches_by_site(hosts, settings.SCAN_BATCH_HOSTS)
    with transaction.atomic():
        scan = Scan.objects.create(
            selector=selector,
            mode=mode,
            purpose=purpose,
            policy=policy,
            hosts=list(hosts),
            requested_by=actor.label,
        )
        quiet = _is_quiet(scan)
        scan.job = create_job(
            actor=actor, kind="scan", subject=scan, batches=batches.items, lanes=batches.lanes, quiet=quiet
        )
        scan.save(update_fields=["job"])
        if not quiet:
            data = {"selector": selector, "hosts": len(hosts)}
            record_entry(actor=actor, action="scan.started", subject=scan, data=data)
    return scan


def _is_quiet(scan: Scan) -> bool:
    """Whether it is one of the many quick looks of a policy, which the ledger would drown in (see docs/adr)."""
    return scan.purpose == SCHEDULED and scan.mode == "quick"


def scan_for_proof(*, event_id: UUID, type: str, subject_id: UUID, data: dict[str, Any]) -> None:
    """Consumer of `findings.committed`: look again at every host that has one of the findings, for the proof, and
    then at those that the commit changes, so that who waits for it is counted as pending at once. Quickly: whoever has
    a finding is looked at in full all the same (see scan_batches), and the others only have to be judged anew.
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
        _start(actor=SYSTEM, selector=names, mode="quick", purpose=PROOF, hosts=[pk for pk, _ in hosts])


def start_scan_of(*, hosts: Sequence[Host], mode: str, purpose: str) -> Scan:
    """Foldback itself looks at these hosts, for a reason of its own."""
    names = " ".join(f"name={host.name}" for host in hosts)
    return _start(actor=SYSTEM, selector=names, mode=mode, purpose=purpose, hosts=[host.pk for host in hosts])


def finish_scan(*, event_id: UUID, type: str, subject_id: UUID, data: dict[str, Any]) -> None:
    """Consumer of `job.finished` for scans: write down the honest counts."""
    if data["kind"] != "scan":
        return
    scan = Scan.objects.select_for_update().get(pk=data["subject_id"])
    if scan.finished_at is not None:
        return
    Scan.objects.filter(pk=scan.pk).update(finished_at=_finished_at(subject_id), counts=summarise_scan(scan))
    scan.refresh_from_db()
    count_finished_scan(scan)
    if not _is_quiet(scan):
        record_entry(actor=SYSTEM, action="scan.finished", subject=scan, data=scan.counts)


def _finished_at(job_id: UUID) -> datetime:
    return Job.objects.get(pk=job_id).finished_at or clock.now()


def summarise_scan(scan: Scan) -> dict[str, Any]:
    """Hosts by how the look went, how many of them had not moved, resources by verdict, and why hosts could not be looked
    at; `problem` where a part of the scan was given up, with what stood in its way."""
    found = outcomes(scan.pk)
    hosts = {status: found[status] for status in STATUSES}
    hosts["ok"] += found[UNCHANGED]
    unseen = HostScan.objects.filter(scan=scan, status="unknown").values_list("reason").annotate(Count("id"))
    total = len(scan.hosts)
    given_up = JobBatch.objects.filter(job=scan.job_id, state="failed").exclude(error="").first()
    return {
        **({"problem": given_up.error} if given_up else {}),
        "hosts": {**hosts, "total": total, "not_tried": total - sum(hosts.values())},
        "unchanged": found[UNCHANGED],
        "resources": resources(scan.pk),
        "reasons": dict(unseen.values_list("reason", "id__count")),
    }
