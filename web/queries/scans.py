"""Scans: their list, and one with its progress and what came of each host."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import CharField, Count, Exists, F, Func, OuterRef, Q, UUIDField, Value, Window
from django.db.models.functions import RowNumber
from django.http import HttpRequest
from django.urls import reverse

from common.core import roles
from common.core.actor import Actor
from common.core.progress import Progress
from common.queries.processes import missed
from common.queries.progress import Hands, first_problem, hands_of, progress_of
from deployments.collector.reasons import code_of
from drift.models import Scan, ScanHost
from drift.models.scan import OVERTAKEN
from drift.queries.outcomes import OUTCOMES, UNCHANGED, outcomes_of, resources
from drift.services.scans import PURPOSES
from inventory.models import Host
from inventory.queries.hosts import hosts_matching, parse_selector
from web.core.remedies import remedy
from web.core.sentences import number, plural, sentence, share, shortened
from web.paging import Page, paged
from web.queries.fleet import verdict_counts
from web.queries.jobs import ALIVE, rate_told

WAITING, NOT_TRIED = "waiting", "not_tried"
TABS = (*OUTCOMES, WAITING, NOT_TRIED)
FIRST = 3
ROWS = 100


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
    """All, or those of a purpose or a policy; without the lists of hosts that are frozen on them, which are long."""
    scans = Scan.objects.select_related("job", "policy").defer("hosts")
    if (purpose := request.GET.get("purpose")) in PURPOSES:
        scans = scans.filter(purpose=purpose)
    if policy := request.GET.get("policy", "").replace("\0", ""):
        scans = scans.filter(policy__name=policy)
    return paged(request, scans, noun="scan", size=50)


@dataclass(frozen=True)
class Trouble:
    """One reason why hosts could not be looked at, or only in part, the first of those hosts, and what to do."""

    reason: str
    count: int
    hosts: list[tuple[str, str]]  # name, and what was said
    remedy: str

    @property
    def more(self) -> int:
        return self.count - len(self.hosts) if self.hosts else 0


@dataclass(frozen=True)
class Live:
    """What moves of a scan while it runs; frozen when it has ended."""

    scan: Scan
    progress: Progress
    hosts: dict[str, int]
    resources: dict[str, int]
    troubles: list[Trouble]
    hands: Hands | None
    problem: str
    nobody: str
    cancel_url: str

    @property
    def is_alive(self) -> bool:
        """Whether anything about it may still change: the job runs, or its counts are not written down yet."""
        job = self.scan.job
        return job is not None and (job.state in ALIVE or not self.scan.finished_at)

    @property
    def total(self) -> int:
        return self.progress.total

    @property
    def tried(self) -> int:
        return sum(self.hosts[outcome] for outcome in OUTCOMES)

    @property
    def waiting(self) -> int:
        return max(0, self.total - self.tried)

    @property
    def looked(self) -> int:
        return self.tried - self.hosts["unknown"]

    @property
    def bar(self) -> dict[str, int]:
        """Outcome → hosts, what is still to come among them."""
        return {**self.hosts, WAITING if self.is_alive else NOT_TRIED: self.waiting}

    @property
    def verdicts(self) -> list[tuple[str, int]]:
        """What was seen of resources, loudest first."""
        return verdict_counts(self.resources)

    @property
    def rate(self) -> str:
        return rate_told(self.progress.rate, "host")

    @property
    def tabs(self) -> list[tuple[str, int]]:
        """Outcomes to narrow the list by: those that there are, and always the two that everybody asks for."""
        asked = {"ok", "unknown"}
        return [(name, count) for name, count in self.bar.items() if count or name in asked]

    @property
    def sentence(self) -> str:
        drifted = self.resources.get("drifted", 0) + self.resources.get("conflict", 0)
        return sentence(
            f"{share(self.looked, self.total, 'host')} looked at",
            f"{plural(drifted, 'resource')} out of band"
            if drifted
            else ("nothing out of band" if self.looked else ""),
            f"{plural(self.hosts['unknown'], 'host')} could not be looked at"
            if self.hosts["unknown"]
            else "",
            f"{number(self.hosts['partial'])} only in part" if self.hosts["partial"] else "",
            f"{number(self.hosts[OVERTAKEN])} by a later scan too, which counts"
            if self.hosts[OVERTAKEN]
            else "",
            f"{number(self.waiting)} not tried" if not self.is_alive and self.waiting else "",
        )


def scan_live(scan: Scan, *, now: datetime, actor: Actor) -> Live:
    """Seven statements at most, over the scan's own rows."""
    job = scan.job
    assert job is not None
    alive = job.state in ALIVE
    hands = hands_of(job, now) if alive else None
    counted = scan.counts.get("resources") if scan.finished_at else None
    found = outcomes_of(scan)
    return Live(
        scan=scan,
        progress=progress_of(job, now),
        hosts=found,
        resources=resources(scan.pk) if counted is None else counted,
        troubles=_troubles(scan) if found["unknown"] or found["partial"] else [],
        hands=hands,
        problem=first_problem(job) if hands and hands.resting else "",
        nobody=_nobody(now) if alive else "",
        cancel_url=reverse("web:scan-cancel", args=[scan.reference])
        if alive and roles.allows(actor, "scan.run")
        else "",
    )


def _nobody(now: datetime) -> str:
    """Why it can't go on just now: nobody takes work, or nobody announces it."""
    gone = missed(now)
    return gone.get("worker") or gone.get("relay") or ""


def _code() -> Func:
    """The stable part of a reason."""
    return Func(F("reason"), Value(":"), Value(1), function="split_part", output_field=CharField())


def _troubles(scan: Scan) -> list[Trouble]:
    """By the stable part of the reason, most hosts first; one statement, however many hosts there are."""
    rows = (
        ScanHost.objects.filter(scan=scan, status__in=("partial", "unknown"))
        .exclude(reason="")
        .annotate(code=_code())
        .annotate(
            hosts=Window(Count("pk"), partition_by=F("code")),
            place=Window(RowNumber(), partition_by=F("code"), order_by="host__name"),
        )
        .filter(place__lte=FIRST)
        .order_by("-hosts", "code", "place")
        .values_list("code", "hosts", "host__name", "reason", "detail")
    )
    found: dict[str, Trouble] = {}
    for code, count, name, reason, detail in rows:
        trouble = found.setdefault(code, Trouble(code, count, [], remedy(code)))
        said = detail or reason.partition(": ")[2]
        trouble.hosts.append((name, said if said != code else ""))
    return list(found.values()) or _written_down(scan)


def _written_down(scan: Scan) -> list[Trouble]:
    """Of a scan so old that its hosts' rows are gone: the reasons and their numbers, which stay."""
    numbers: dict[str, int] = {}
    for reason, count in (scan.counts.get("reasons") or {}).items():
        numbers[code_of(reason)] = numbers.get(code_of(reason), 0) + count
    ordered = sorted(numbers.items(), key=lambda pair: (-pair[1], pair[0]))
    return [Trouble(code, count, [], remedy(code)) for code, count in ordered]


@dataclass(frozen=True)
class HostResult:
    """`look` is None for a host that was not tried yet."""

    host: Host
    look: ScanHost | None
    verdicts: list[tuple[str, int]]


@dataclass(frozen=True)
class HostList:
    """A page of the scan's hosts, narrowed by outcome or reason."""

    page: Page[Any]
    results: list[HostResult]
    outcome: str
    reason: str


def scan_hosts(request: HttpRequest, scan: Scan) -> HostList:
    """What came of each host that was tried; of an outcome or a reason when the address says so."""
    outcome, reason = request.GET.get("status", ""), request.GET.get("reason", "").replace("\0", "")
    outcome = outcome if outcome in TABS else ""
    if outcome in (WAITING, NOT_TRIED):
        waiting = paged(request, _not_tried(scan), by="name", size=ROWS, noun="host")
        return HostList(waiting, [HostResult(host, None, []) for host in waiting.rows], outcome, "")
    listed = ScanHost.objects.filter(scan=scan).select_related("host")
    if outcome == UNCHANGED:
        listed = listed.filter(status="ok", unmoved=True)
    elif outcome:
        listed = listed.filter(Q(status=outcome) & ~Q(status="ok", unmoved=True))
    if reason:
        listed = listed.annotate(code=_code()).filter(code=reason)
    page = paged(request, listed, by="host__name", size=ROWS, noun="host")
    results = [HostResult(look.host, look, verdict_counts(look.counts)) for look in page.rows]
    return HostList(page, results, outcome, reason)


def _not_tried(scan: Scan) -> Any:
    asked = Func(F("hosts"), function="unnest", output_field=UUIDField())
    tried = ScanHost.objects.filter(scan=scan, host=OuterRef("pk"))
    frozen = Scan.objects.filter(pk=scan.pk).values(asked=asked)
    return Host.objects.filter(~Exists(tried), pk__in=frozen)
