"""Work in progress as bars."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q
from django.urls import reverse

from common.core import roles
from common.core.actor import Actor
from common.models import Job
from drift.models import Decision, HostScan, Scan
from web.core.times import remaining

ALIVE = ("queued", "running")
_TITLES = {
    "scan": "Scan",
    "fold-back": "Fold-back",
    "settle-fold-back": "Settling a fold-back",
    "move-base": "Taking in a deployment",
    "credential-test": "Trying a credential",
    "adopt": "Adoption",
    "plan-adoption": "Planning an adoption",
    "branch-adoption": "Committing an adoption",
    "merge-adoption": "Merging an adoption",
    "settle-adoption": "Settling an adoption",
}
_NOUNS = {
    "adopt": "host",
    "scan": "host",
    "move-base": "host",
    "fold-back": "decision",
    "settle-fold-back": "decision",
}
# A rate from a handful of hosts says nothing.
_TELLING = 5


@dataclass(frozen=True)
class JobBar:
    """What `components/progress.html` draws. Seconds; `remaining` is None while nobody can tell."""

    title: str
    state: str
    done: int
    total: int
    failed: int
    noun: str
    elapsed: float
    remaining: float | None
    rate: str
    url: str
    cancel_url: str


def job_bar(
    job: Job, *, now: datetime, actor: Actor, title: str = "", url: str = "", failed: int = 0
) -> JobBar:
    ended = job.finished_at or now
    elapsed = max(0.0, (ended - job.started_at).total_seconds()) if job.started_at else 0.0
    alive = job.state in ALIVE
    done, total = job.items_done, job.items_total
    rate = done / elapsed if alive and elapsed and done >= _TELLING else 0.0
    noun = _NOUNS.get(job.kind, "item")
    stops = alive and job.kind == "scan" and roles.allows(actor, "scan.run")
    return JobBar(
        title=title or f"{_TITLES.get(job.kind, job.kind)} {job.subject_label}",
        state=job.state,
        done=done,
        total=total,
        failed=failed,
        noun=noun,
        elapsed=elapsed,
        remaining=remaining(done, total, elapsed) if rate else None,
        rate=f"{rate:.1f} {noun}s a second" if rate else "",
        url=url,
        cancel_url=reverse("web:scan-cancel", args=[job.subject_label]) if stops else "",
    )


def scan_bar(scan: Scan, *, now: datetime, actor: Actor, failed: int | None = None) -> JobBar | None:
    """The scan's bar; `failed` are the hosts that could not be looked at, counted here unless given."""
    if scan.job is None:
        return None
    if failed is None:
        failed = HostScan.objects.filter(scan=scan, status="unknown").count()
    url = reverse("web:scan", args=[scan.reference])
    return job_bar(scan.job, now=now, actor=actor, title=scan_title(scan), url=url, failed=failed)


def scan_title(scan: Scan) -> str:
    what = "Proof scan" if scan.purpose == "proof" else "Scan"
    text = scan.selector if len(scan.selector) <= 60 else f"{scan.selector[:59]}…"
    return f"{what} {scan.reference}: {text}"


def running_jobs(*, now: datetime, actor: Actor, most: int = 5) -> list[JobBar]:
    """What is alive now, newest first, each with a link to what it is about; two queries more at most."""
    jobs = list(Job.objects.filter(state__in=ALIVE).order_by("-number")[:most])
    scans = {
        scan.job_id: scan
        for scan in Scan.objects.filter(job__in=[job.pk for job in jobs if job.kind == "scan"])
    }
    decided = Q(job__in=[job.pk for job in jobs]) | Q(pk__in=[job.subject_id for job in jobs])
    decisions = {d.pk: d for d in Decision.objects.filter(decided).select_related("change")} if jobs else {}
    bars = []
    for job in jobs:
        scan, decision = scans.get(job.pk), decisions.get(job.subject_id)
        url, title = "", ""
        if scan is not None:
            url, title = reverse("web:scan", args=[scan.reference]), scan_title(scan)
        elif decision is not None:
            url = reverse("web:change", args=[decision.change.reference])
            title = f"{_TITLES.get(job.kind, job.kind)}: {decision.change.title}"
        elif job.kind == "adopt" or job.kind.endswith("-adoption"):
            url = reverse("web:adoption", args=[job.subject_label])
        bars.append(job_bar(job, now=now, actor=actor, title=title, url=url))
    return bars
