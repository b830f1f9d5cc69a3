"""Work in progress as bars."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q
from django.urls import reverse

from common.core import roles
from common.core.actor import Actor
from common.models import Job
from common.queries.progress import progress_of
from drift.models import Decision, HostScan, Scan
from web.core.sentences import number

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


@dataclass(frozen=True)
class JobBar:
    """What `components/progress.html` draws. Seconds; `remaining` is None while nobody can tell, `rate` empty."""

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
    progress = progress_of(job, now)
    alive = job.state in ALIVE
    noun = _NOUNS.get(job.kind, "item")
    stops = alive and job.kind == "scan" and roles.allows(actor, "scan.run")
    return JobBar(
        title=title or f"{_TITLES.get(job.kind, job.kind)} {job.subject_label}",
        state=job.state,
        done=progress.done,
        total=progress.total,
        failed=failed,
        noun=noun,
        elapsed=progress.elapsed,
        remaining=progress.remaining,
        rate=rate_told(progress.rate, noun) if alive else "",
        url=url,
        cancel_url=reverse("web:scan-cancel", args=[job.subject_label]) if stops else "",
    )


def rate_told(rate: float | None, noun: str) -> str:
    """`212 hosts a second`, `3 hosts a minute`; empty while nobody can tell."""
    if rate is None:
        return ""
    if rate < 1:
        return f"{rate * 60:.0f} {noun}s a minute" if rate * 60 >= 1 else f"less than one {noun} a minute"
    return f"{number(round(rate)) if rate >= 10 else f'{rate:.1f}'} {noun}s a second"


def scan_bar(scan: Scan, *, now: datetime, actor: Actor, failed: int | None = None) -> JobBar | None:
    """The scan's bar; `failed` are the hosts that could not be looked at, counted here unless given."""
    if scan.job is None:
        return None
    if failed is None:
        failed = HostScan.objects.filter(scan=scan, status="unknown").count()
    url = reverse("web:scan", args=[scan.reference])
    return job_bar(scan.job, now=now, actor=actor, title=scan_title(scan), url=url, failed=failed)


def scan_title(scan: Scan) -> str:
    what = {"proof": "Proof scan", "scheduled": "Scheduled scan", "incident": "Incident scan"}.get(
        scan.purpose, "Scan"
    )
    text = scan.selector if len(scan.selector) <= 60 else f"{scan.selector[:59]}…"
    return f"{what} {scan.reference}: {text}"


def running_jobs(*, now: datetime, actor: Actor, most: int = 5) -> list[JobBar]:
    """What is alive now, newest first, each with a link to what it is about; two queries more at most."""
    jobs = list(Job.objects.filter(state__in=ALIVE).order_by("-number")[:most])
    scans = {
        scan.job_id: scan
        for scan in Scan.objects.defer("hosts").filter(job__in=[job.pk for job in jobs if job.kind == "scan"])
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
