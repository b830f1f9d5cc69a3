"""Scans: their list, and one with its progress and what came of each host."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count
from django.http import HttpRequest

from common.core.actor import Actor
from drift.models import HostScan, Scan
from drift.models.scan import OVERTAKEN, SEEN, STATUSES
from inventory.models import Host
from inventory.queries.hosts import hosts_matching, parse_selector
from web.core.sentences import plural, sentence, share, shortened
from web.paging import Page, paged
from web.queries.fleet import verdict_counts
from web.queries.jobs import ALIVE, JobBar, scan_bar


@dataclass(frozen=True)
class SelectorPreview:
    """What a selector means now."""

    matching: int
    total: int
    names: str


def preview_selector(text: str) -> SelectorPreview:
    """Counts and the first names; raises Invalid for a selector that can't be read."""
    hosts = hosts_matching(parse_selector(text, pointer="/selector"))
    names = list(hosts.order_by("name").values_list("name", flat=True)[:5])
    matching = hosts.count()
    told = shortened(names) if matching <= len(names) else f"{', '.join(names[:3])} and {matching - 3:,} more"
    return SelectorPreview(matching, Host.objects.filter(state=Host.ACTIVE).count(), told)


def scan_list(request: HttpRequest) -> Page[Scan]:
    return paged(request, Scan.objects.select_related("job"), noun="scan", size=50)


@dataclass(frozen=True)
class HostResult:
    look: HostScan
    verdicts: list[tuple[str, int]]


@dataclass(frozen=True)
class ScanPage:
    scan: Scan
    bar: JobBar | None
    hosts: dict[str, int]
    resources: dict[str, int]
    reasons: list[tuple[str, int]]
    page: Page[HostScan]
    results: list[HostResult]
    status: str

    @property
    def is_alive(self) -> bool:
        """Whether anything about it may still change: the job runs, or its counts are not written down yet."""
        job = self.scan.job
        return job is not None and (job.state in ALIVE or not self.scan.finished_at)

    @property
    def total(self) -> int:
        return len(self.scan.hosts)

    @property
    def tried(self) -> int:
        return sum(self.hosts.values())

    @property
    def not_seen(self) -> int:
        """Hosts that were not wholly looked at, tried or not."""
        return self.total - self.hosts["ok"] - self.hosts[OVERTAKEN]

    @property
    def sentence(self) -> str:
        looked = sum(self.hosts[status] for status in SEEN)
        drifted = self.resources.get("drifted", 0) + self.resources.get("conflict", 0)
        return sentence(
            f"{share(looked, self.total, 'host')} looked at",
            f"{plural(drifted, 'resource')} out of band"
            if drifted
            else ("nothing out of band" if looked else ""),
            f"{plural(self.hosts['unknown'], 'host')} could not be looked at"
            if self.hosts["unknown"]
            else "",
            f"{self.hosts['partial']} only in part" if self.hosts["partial"] else "",
            f"{self.hosts[OVERTAKEN]} by a later scan too, which counts" if self.hosts[OVERTAKEN] else "",
            f"{self.total - self.tried} not tried" if not self.is_alive and self.total > self.tried else "",
        )


def scan_page(request: HttpRequest, scan: Scan, *, status: str, now: datetime, actor: Actor) -> ScanPage:
    looks = HostScan.objects.filter(scan=scan)
    hosts = dict.fromkeys(STATUSES, 0)
    hosts |= dict(looks.values_list("status").annotate(n=Count("pk")))
    reasons = (
        looks.filter(status__in=("partial", "unknown"))
        .exclude(reason="")
        .values_list("reason")
        .annotate(n=Count("pk"))
    )
    listed = looks.select_related("host")
    if status in STATUSES:
        listed = listed.filter(status=status)
    page = paged(request, listed, by="host__name", size=100, noun="host")
    return ScanPage(
        scan=scan,
        bar=scan_bar(scan, now=now, actor=actor, failed=hosts["unknown"]),
        hosts=hosts,
        resources=scan.counts.get("resources") or _resources(scan),
        reasons=sorted(reasons, key=lambda pair: (-pair[1], pair[0])),
        page=page,
        results=[HostResult(look, verdict_counts(look.counts)) for look in page.rows],
        status=status if status in STATUSES else "",
    )


def _resources(scan: Scan) -> dict[str, int]:
    """While it runs: what the hosts so far add up to."""
    found: dict[str, int] = {}
    for counts in HostScan.objects.filter(scan=scan).values_list("counts", flat=True):
        for verdict, number in counts.items():
            found[verdict] = found.get(verdict, 0) + number
    return found
