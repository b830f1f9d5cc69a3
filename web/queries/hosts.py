"""Hosts: the table, and one of them with everything that is known about it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import F, Q
from django.http import HttpRequest

from changemgmt.models import Change
from changemgmt.queries.changes import changes_for_host
from common.core.errors import Invalid
from drift.models import HostScan, Occurrence, ResourceVerdict
from drift.queries.fleet import Coverage, coverage
from inventory.models import Host, HostCa, HostKey
from inventory.queries.host_cas import cas_of
from inventory.queries.hosts import hosts_matching, parse_selector
from web.paging import Page, paged
from web.queries.fleet import fleet_sentence, host_rows, looked_at, verdict_counts

ROWS = 100
SHOWN = 10
MOST_RESOURCES = 200


@dataclass(frozen=True)
class HostRow:
    host: Host
    verdicts: list[tuple[str, int]]
    looked: str

    @property
    def state(self) -> Any:
        return getattr(self.host, "drift_state", None)

    @property
    def is_current(self) -> bool:
        """Whether the counts say how it is, rather than how it was."""
        return self.looked in ("fresh", "partial")


@dataclass(frozen=True)
class HostTable:
    page: Page[Host]
    rows: list[HostRow]
    coverage: Coverage
    selector: str
    problem: str
    sentence: str


def host_row(host: Host, now: datetime) -> HostRow:
    state = getattr(host, "drift_state", None)
    return HostRow(host, verdict_counts(state.counts if state else {}), looked_at(host, now))


def host_table(request: HttpRequest, *, selector: str, now: datetime) -> HostTable:
    """The active hosts that a selector means (empty: all of them); one that can't be read finds none, and says why."""
    standing = coverage(now)
    hosts, problem = Host.objects.filter(state=Host.ACTIVE), ""
    if selector:
        try:
            hosts = hosts_matching(parse_selector(selector))
        except Invalid as error:
            hosts, problem = Host.objects.none(), error.detail
    matching = hosts.count() if selector else standing.hosts
    page = paged(request, host_rows(hosts), by="name", size=ROWS, noun="host", total=matching)
    return HostTable(
        page=page,
        rows=[host_row(host, now) for host in page.rows],
        coverage=standing,
        selector=selector,
        problem=problem,
        sentence="" if problem else fleet_sentence(matching, standing.hosts, selector, standing),
    )


@dataclass(frozen=True)
class HostPage:
    row: HostRow
    keys: list[HostKey]
    verdicts: list[ResourceVerdict]
    hidden: int
    more_verdicts: int
    occurrences: list[Occurrence]
    changes: list[Change]
    scans: list[HostScan]
    facts: list[tuple[str, str]]
    variables: list[tuple[str, str]]
    findings: dict[str, Occurrence]
    cas: list[HostCa]
    former_names: list[str]

    @property
    def host(self) -> Host:
        return self.row.host

    @property
    def ended(self) -> list[Occurrence]:
        return [occurrence for occurrence in self.occurrences if occurrence.ended_at is not None]

    @property
    def is_begun_again(self) -> bool:
        """It was installed anew, and nobody has looked at it since."""
        return self.host.reimaged_at is not None and self.row.looked == "never"

    @property
    def is_active(self) -> bool:
        return self.host.state == Host.ACTIVE


def host_page(host: Host, *, now: datetime) -> HostPage:
    verdicts = ResourceVerdict.objects.filter(host=host)
    hidden = verdicts.exclude(hidden="").count()
    shown = list(verdicts.filter(hidden="").order_by("resource")[: MOST_RESOURCES + 1])
    occurrences = list(
        Occurrence.objects.filter(Q(host=host))
        .select_related("finding", "finding__claimed_by")
        .order_by(F("ended_at").desc(nulls_first=True), "-finding__number")[:50]
    )
    return HostPage(
        row=host_row(host, now),
        keys=list(
            HostKey.objects.filter(host=host).select_related("pinned_by").order_by("-pinned_at")[:SHOWN]
        ),
        verdicts=shown[:MOST_RESOURCES],
        hidden=hidden,
        more_verdicts=max(0, len(shown) - MOST_RESOURCES),
        occurrences=occurrences,
        changes=list(changes_for_host(host)[:SHOWN]),
        scans=list(HostScan.objects.filter(host=host).select_related("scan").order_by("-created_at")[:SHOWN]),
        facts=flat(host.facts),
        variables=flat(host.variables),
        findings={o.finding.resource: o for o in occurrences if o.ended_at is None},
        cas=cas_of(host),
        former_names=list(host.former_names.order_by("-until").values_list("name", flat=True)[:SHOWN]),
    )


def flat(values: dict[str, Any], most: int = 100) -> list[tuple[str, str]]:
    """Nested values as `a.b` → text, sorted by name."""
    found: list[tuple[str, str]] = []
    todo: list[tuple[str, Any]] = list(values.items())
    while todo:
        name, value = todo.pop(0)
        if isinstance(value, dict) and value:
            todo = [(f"{name}.{key}", inner) for key, inner in value.items()] + todo
        elif isinstance(value, list):
            found.append((name, ", ".join(map(str, value)) or "(empty)"))
        else:
            found.append((name, str(value)))
    return sorted(found)[:most]


def open_resources(page: HostPage) -> list[tuple[ResourceVerdict, Occurrence | None]]:
    """What is not in sync, loudest first, each with the finding it belongs to."""
    order = {"conflict": 0, "drifted": 1, "unknown": 2, "pending": 3}
    rows = [(row, page.findings.get(row.resource)) for row in page.verdicts]
    return sorted(rows, key=lambda pair: (order.get(pair[0].verdict, 4), pair[0].resource))
