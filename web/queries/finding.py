"""One finding with everything that helps to decide on it. Reads Git, so never inside a transaction."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.db.models import F
from django.http import HttpRequest
from django.urls import reverse

from changemgmt.models import Change, Incident
from common.core import roles
from common.core.actor import Actor
from drift.core.host_key import RESOURCE as HOST_KEY
from drift.core.lifecycles import ENDED
from drift.models import Decision, Explanation, Finding, Occurrence
from drift.queries.candidates import Attribution, attribution_of
from drift.queries.findings import Variant, finding_variants, findings_with_counts
from drift.queries.incidents import draft_of, incidents_of
from inventory.models import Host
from web.core.finding_text import finding_sentence
from web.core.sentences import listed
from web.core.steps import Step, finding_steps
from web.paging import Page, paged
from web.queries.changes import DecisionView, Event, decision_view, timeline
from web.queries.finding_diff import DiffView, diff_view
from web.queries.finding_progress import Progress, progress
from web.queries.findings import verdict_of

MOST_OCCURRENCES = 20
MOST_PEERS = 200
COMPARED = 50
_OVER = ENDED


@dataclass(frozen=True)
class VariantLink:
    """Another variant that can be looked at: its first host, and how many have it."""

    host: str
    hosts: list[str]
    url: str
    is_shown: bool


@dataclass(frozen=True)
class OccurrenceRow:
    occurrence: Occurrence
    modified_at: datetime | None

    @property
    def verdict(self) -> str:
        return self.occurrence.verdict


@dataclass(frozen=True)
class Peers:
    """Hosts with the roles that all hosts of the finding share, and those of them that don't have it."""

    roles: list[str]
    total: int
    others: list[str]

    @property
    def noun(self) -> str:
        return f"host {self.told}" if self.roles else "host"

    @property
    def told(self) -> str:
        """`with the role web`, `with the roles edge and cache`; empty where hosts share none."""
        if not self.roles:
            return ""
        return f"with the role{'' if len(self.roles) == 1 else 's'} {listed(self.roles)}"


@dataclass
class FindingPage:
    finding: Any
    verdict: str
    sentence: str
    steps: list[Step]
    diff: DiffView | None
    variants: list[VariantLink]
    compared: int
    occurrences: list[OccurrenceRow]
    more_occurrences: int
    modified: tuple[datetime, datetime] | None
    peers: Peers
    explanations: list[Explanation]
    attribution: Attribution
    decision: DecisionView | None
    earlier: list[Decision]
    events: list[Event]
    superseded_by: list[Finding]
    may_claim: bool
    is_mine: bool
    may_propose: bool
    why_not_propose: str
    progress: Progress | None = None
    draft: Change | None = None  # written down by Foldback, and waiting for a person
    incidents: list[Incident] = field(default_factory=list)  # inside which it came about

    @property
    def is_over(self) -> bool:
        return self.finding.state in _OVER

    @property
    def hosts_selector(self) -> str:
        """The hosts that have it, for the form that logs a change."""
        names = [row.occurrence.host.name for row in self.occurrences if row.occurrence.ended_at is None]
        return " ".join(f"name={name}" for name in names)


def finding_page(finding: Finding, *, host: str, actor: Actor, now: datetime) -> FindingPage:
    counted: Any = findings_with_counts().select_related("supersedes").get(pk=finding.pk)
    occurrences = list(
        finding.occurrences.filter(life=counted.reopened)
        .select_related("host")
        .order_by(F("ended_at").desc(nulls_first=True), "host__name")[: MOST_OCCURRENCES + 1]
    )
    rows = [OccurrenceRow(o, modified_at(o)) for o in occurrences[:MOST_OCCURRENCES]]
    times = sorted(
        row.modified_at.replace(microsecond=0)
        for row in rows
        if row.modified_at and row.occurrence.ended_at is None
    )
    variants = finding_variants(finding, limit=COMPARED)
    shown = next((v for v in variants if host in v.hosts), variants[0] if variants else None)
    explanations = list(finding.explanations.select_related("change__owner").order_by("created_at"))
    decisions = list(
        finding.decisions.select_related("change__owner", "change__requested_by", "job").order_by("-number")
    )
    peers = _peers(finding, counted.hosts_open)
    latest = _current(decisions, finding.state)
    claimed_by = finding.claimed_by
    return FindingPage(
        finding=counted,
        verdict=verdict_of(counted),
        sentence=finding_sentence(
            counted.change,
            resource=counted.resource,
            state=counted.state,
            hosts=counted.hosts_open,
            hosts_total=max(peers.total, counted.hosts_open),
            conflicts=counted.hosts_conflict,
            waiting=counted.hosts_waiting,
            proven=counted.hosts_proven,
            is_explained=bool(explanations),
            claimed_by=claimed_by.name if claimed_by else "",
            peers=peers.noun,
        ),
        steps=finding_steps(counted.state, latest.kind if latest else _way_of(finding)),
        diff=diff_view(shown, finding.resource) if shown else None,
        variants=_links(finding, variants, shown),
        compared=min(counted.hosts_total, COMPARED),
        occurrences=rows,
        more_occurrences=max(0, counted.hosts_total - len(rows)),
        modified=(times[0], times[-1]) if times else None,
        peers=peers,
        explanations=explanations,
        attribution=attribution_of(finding),
        decision=decision_view(latest.change, actor=actor) if latest else None,
        earlier=[d for d in decisions if latest is None or d.pk != latest.pk],
        events=timeline(finding.pk, most=50),
        superseded_by=list(finding.superseded_by.order_by("number")),
        may_claim=claimed_by is None and counted.state not in _OVER and roles.allows(actor, "finding.claim"),
        is_mine=claimed_by is not None and claimed_by.pk == actor.person_id,
        may_propose=counted.state == "open" and roles.allows(actor, "decision.propose"),
        why_not_propose=_why_not_propose(counted.state, actor),
        progress=progress(finding, latest, now=now, actor=actor),
        draft=draft_of(finding),
        incidents=incidents_of(finding),
    )


def finding_hosts(request: HttpRequest, finding: Finding) -> tuple[Page[Occurrence], list[OccurrenceRow]]:
    """Every host of the finding in its present life, by pages."""
    found = finding.occurrences.filter(life=finding.reopened).select_related("host")
    page = paged(request, found, by="host__name", size=200, noun="host")
    return page, [OccurrenceRow(row, modified_at(row)) for row in page.rows]


def _current(decisions: list[Decision], state: str) -> Decision | None:
    """The decision that the finding's state stands on; none while it is open (again)."""
    if not decisions or state == "open" or (state in ENDED and state != "proven"):
        return None
    return decisions[0]


def _way_of(finding: Finding) -> str:
    """Which way a finding goes that nobody has decided on."""
    return "host-key" if finding.resource == HOST_KEY else ""


def _why_not_propose(state: str, actor: Actor) -> str:
    if not roles.allows(actor, "decision.propose"):
        return f"Your role, {actor.role}, looks on: ops, release managers and admins decide."
    return "" if state == "open" else f"It is {state}: only an open finding can be decided on."


def _links(finding: Finding, variants: list[Variant], shown: Variant | None) -> list[VariantLink]:
    url = reverse("web:finding", args=[finding.reference])
    return [
        VariantLink(v.hosts[0], v.hosts, f"{url}?host={v.hosts[0]}#diff", v is shown)
        for v in variants
        if v.hosts
    ]


def modified_at(occurrence: Occurrence) -> datetime | None:
    """When the host says that the file was modified, by the host's own clock."""
    try:
        return datetime.fromtimestamp(float(occurrence.evidence["mtime"]), UTC)
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        return None


def _peers(finding: Finding, hosts: int) -> Peers:
    """The fair denominator: of hosts with the same roles, how many have it, and which don't."""
    have = Occurrence.objects.filter(finding=finding, ended_at=None)
    chains = list(have.order_by().values_list("host__roles", flat=True).distinct()[:100])
    shared = [role for role in chains[0] if all(role in chain for chain in chains)] if chains else []
    peers = Host.objects.filter(state=Host.ACTIVE)
    if shared:
        peers = peers.filter(roles__contains=shared)
    others = peers.exclude(pk__in=have.values("host_id")).order_by("name").values_list("name", flat=True)
    return Peers(shared, peers.count(), list(others[:MOST_PEERS]) if shared else [])
