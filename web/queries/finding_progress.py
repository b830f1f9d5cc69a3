"""What follows an approval: the commit, the proof scan, the hosts that wait."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from changemgmt.models import Change
from common.core.actor import Actor
from drift.models import Decision, Finding, Scan
from drift.queries.findings import findings_with_counts, pending_hosts
from web.queries.jobs import ALIVE, JobBar, job_bar, scan_bar


@dataclass(frozen=True)
class Progress:
    """What happens after the approval: the commit, the proof scan, and the hosts that wait."""

    state: str
    commit: str
    job: JobBar | None
    scan: JobBar | None
    waiting: list[str]
    proven: int
    total: int
    is_alive: bool = False


def progress(finding: Finding, decision: Decision | None, *, now: datetime, actor: Actor) -> Progress | None:
    """None while nothing is being carried out."""
    if (
        decision is None
        or decision.kind == "waive"
        or finding.state not in ("approved", "committed", "proven")
    ):
        return None
    job = decision.job
    scan = _proof_scan(finding, decision.change)
    counted: Any = findings_with_counts().get(pk=finding.pk)
    waiting = pending_hosts(finding) if finding.state in ("committed", "proven") else []
    scanning = scan is not None and scan.job is not None and scan.job.state in ALIVE
    return Progress(
        state=finding.state,
        commit=decision.commit,
        job=job_bar(job, now=now, actor=actor, title="Committing to the definition") if job else None,
        scan=scan_bar(scan, now=now, actor=actor) if scan else None,
        waiting=waiting,
        proven=counted.hosts_proven,
        total=counted.hosts_total,
        is_alive=finding.state == "approved"
        or scanning
        or (finding.state == "committed" and scan is None)
        # The scan ended, and proved it, after the finding was read: whoever shows this asks once more.
        or Finding.objects.filter(pk=finding.pk).exclude(state=finding.state).exists(),
    )


def _proof_scan(finding: Finding, change: Change) -> Scan | None:
    """The latest scan since the decision that looked at one of its hosts."""
    one = finding.occurrences.order_by("host__name").values_list("host_id", flat=True).first()
    if one is None:
        return None
    scans = Scan.objects.filter(created_at__gte=change.created_at, hosts__contains=[one]).select_related(
        "job"
    )
    return scans.filter(purpose="proof").order_by("-number").first()
