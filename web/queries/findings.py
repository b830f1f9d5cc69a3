"""The drift inbox: findings as cards, narrowed and paged; a fixed number of queries whatever there is."""

from dataclasses import dataclass
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Count, Exists, F, OuterRef, Prefetch, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse

from common.core.actor import Actor
from common.core.errors import Invalid
from drift.core.lifecycles import ENDED
from drift.models import Explanation, Finding, Occurrence
from drift.queries.findings import findings_with_counts
from inventory.models import Host
from inventory.queries.hosts import hosts_matching, parse_selector
from web.core.diffs import Row
from web.core.finding_text import attribute_text, names_told, small_diff
from web.core.sentences import listed
from web.paging import Page, paged

CARDS = 25
STATE_GROUPS: dict[str, tuple[str, tuple[str, ...]]] = {
    "open": ("Open", ("open",)),
    "moving": ("Being decided", ("decided", "approved", "committed")),
    "waived": ("Waived", ("waived",)),
    "over": ("Over", ENDED),
    "all": ("All", ()),
}


@dataclass(frozen=True)
class FindingFilter:
    """What the inbox is narrowed to. `explained` is "", "yes" or "no"."""

    group: str = "open"
    text: str = ""
    hosts: str = ""
    explained: str = ""
    mine: bool = False

    @property
    def is_narrowed(self) -> bool:
        return bool(self.text or self.hosts or self.explained or self.mine)


@dataclass(frozen=True)
class FindingCard:
    """What `components/finding_card.html` draws."""

    finding: Finding
    url: str
    verdict: str
    hosts: int
    hosts_total: int
    hosts_told: str
    explained_by: Any
    rows: list[Row]
    more_rows: int
    attributes: str
    candidate: str = ""
    overlay: str = ""

    @property
    def reference(self) -> str:
        return self.finding.reference

    @property
    def resource(self) -> str:
        return self.finding.resource

    @property
    def state(self) -> str:
        return self.finding.state

    @property
    def first_seen(self) -> Any:
        return self.finding.first_seen_at

    @property
    def claimed_by(self) -> Any:
        return self.finding.claimed_by

    @property
    def is_over(self) -> bool:
        return self.finding.state in STATE_GROUPS["over"][1]

    @property
    def is_open(self) -> bool:
        return self.finding.state == "open"


@dataclass(frozen=True)
class Inbox:
    page: Page[Finding]
    cards: list[FindingCard]
    problem: str
    hosts_total: int


def inbox(request: HttpRequest, wanted: FindingFilter, *, actor: Actor) -> Inbox:
    """One page of findings, newest first. A host selector that can't be read finds nothing, and says why."""
    problem = ""
    try:
        found = narrowed(wanted, actor=actor)
    except Invalid as error:
        found, problem = Finding.objects.none(), error.detail
    page = paged(request, found, noun="finding", size=CARDS)
    total = Host.objects.filter(state=Host.ACTIVE).count()
    return Inbox(page, cards([finding.pk for finding in page.rows], hosts_total=total), problem, total)


def narrowed(wanted: FindingFilter, *, actor: Actor) -> QuerySet[Finding]:
    found = Finding.objects.all()
    states = STATE_GROUPS.get(wanted.group, STATE_GROUPS["open"])[1]
    if states:
        found = found.filter(state__in=states)
    if wanted.text:
        found = found.filter(resource__icontains=wanted.text)
    if wanted.hosts:
        hosts = hosts_matching(parse_selector(wanted.hosts, pointer="/hosts"))
        here = Occurrence.objects.filter(finding=OuterRef("pk"), host__in=hosts)
        if states and wanted.group != "over":
            here = here.filter(ended_at=None)
        found = found.filter(Exists(here))
    explained = Exists(Explanation.objects.filter(finding=OuterRef("pk")))
    if wanted.explained in ("yes", "no"):
        found = found.filter(explained if wanted.explained == "yes" else ~explained)
    if wanted.mine:
        own = Explanation.objects.filter(finding=OuterRef("pk"), change__owner_id=actor.person_id)
        found = found.filter(Q(claimed_by_id=actor.person_id) | Exists(own))
    return found


def cards(ids: list[Any], *, hosts_total: int) -> list[FindingCard]:
    """Cards of these findings in the order given: one query for them, one for the changes that explain them."""
    on = Occurrence.objects.filter(finding=OuterRef("pk")).order_by(
        F("ended_at").desc(nulls_first=True), "host__name"
    )
    explanations = Prefetch(
        "explanations", Explanation.objects.select_related("change").order_by("created_at")
    )
    rows = (
        findings_with_counts()
        .filter(pk__in=ids)
        .annotate(
            first_hosts=ArraySubquery(on.values("host__name")[:4]),
            first_candidates=ArraySubquery(on.values("attribution__candidates__0")[:4]),
        )
        .prefetch_related(explanations)
    )
    by_id = {finding.pk: finding for finding in rows}
    return [_card(by_id[pk], hosts_total) for pk in ids if pk in by_id]


def _card(finding: Any, hosts_total: int) -> FindingCard:
    small = small_diff(finding.change)
    is_over = finding.state in STATE_GROUPS["over"][1]
    hosts = finding.hosts_total if is_over else finding.hosts_open
    explanations = list(finding.explanations.all())
    return FindingCard(
        finding=finding,
        url=reverse("web:finding", args=[finding.reference]),
        verdict=verdict_of(finding),
        overlay="waived" if finding.state == "waived" else "",
        hosts=hosts,
        hosts_total=max(hosts_total, hosts),
        hosts_told=names_told(finding.first_hosts[:hosts], hosts),
        explained_by=explanations[0].change if explanations else None,
        rows=small.rows,
        more_rows=small.more,
        attributes=attribute_text(finding.change, beside_rows=bool(small.rows)),
        candidate=_candidate(finding.first_candidates),
    )


def _candidate(firsts: list[dict[str, Any] | None]) -> str:
    """Whom the first hosts of a finding name, each its likeliest: `ana` where they agree, nobody where one is vague."""
    clear = [first["login"] for first in firsts if first and first["confidence"] != "low"]
    return listed(dict.fromkeys(clear), last="or") if len(clear) == len(firsts) else ""


def verdict_of(finding: Any) -> str:
    """The loudest verdict among its hosts now; empty once it is over. Takes a finding with counts."""
    if finding.state in STATE_GROUPS["over"][1] or not finding.hosts_open:
        return ""
    if finding.hosts_conflict:
        return "conflict"
    return "pending" if finding.hosts_open == finding.hosts_waiting else "drifted"


def hosts_with_open_findings() -> int:
    """Active hosts on which something is out of band that nobody has decided on; stops at the first of each host."""
    here = Occurrence.objects.filter(host=OuterRef("pk"), ended_at=None, finding__state="open")
    return Host.objects.filter(Exists(here), state=Host.ACTIVE).count()


def counts_by_state() -> dict[str, int]:
    """Findings by state, for the tabs."""
    return dict(Finding.objects.order_by().values_list("state").annotate(n=Count("pk")))


def open_count(most: int = 1000) -> int:
    """Open findings, for the rail: counted up to `most`, which is as much as anybody wants to know there."""
    return Finding.objects.filter(state="open")[:most].count()
