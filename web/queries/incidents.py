"""Incidents: the list, the band above every page, and the room of one."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, F, Func, IntegerField, Q, QuerySet
from django.db.models.functions import Coalesce
from django.http import HttpRequest

from changemgmt.core import words
from changemgmt.core.incidents import duration_told
from changemgmt.models import Change, Incident, TimelineEntry
from changemgmt.queries.incidents import Before, changes_before, changes_of, open_incidents
from common.core import roles
from common.core.actor import Actor
from common.models import Person
from drift.models import Scan
from drift.queries.incident_summary import not_looked_at
from drift.queries.incidents import Inside, findings_inside
from web.core.sentences import listed, number, plural, sentence, share
from web.paging import Page, paged
from web.queries.jobs import ALIVE, JobBar, scan_bar

STATES = ("open", "closed", "reviewed")
SHOWN_HOSTS = 3
SETTLES = timedelta(minutes=2)
"""Within which what follows from closing, or from the end of a scan, is mostly there."""
MOST_LINES = 300
MOST_CHANGES = 100


@dataclass(frozen=True)
class Band:
    """The incident that everybody must know of; `others` are open besides."""

    incident: Incident
    others: int


def open_band() -> Band | None:
    """The gravest that goes on, the latest of equal ones; one query."""
    found = list(open_incidents()[:100])
    if not found:
        return None
    gravest = min(found, key=lambda one: words.SEVERITIES.index(one.severity))
    return Band(gravest, len(found) - 1)


def incident_list(request: HttpRequest) -> Page[Any]:
    """All, or those in a state or that somebody leads; with how many changes belong to each."""
    found: QuerySet[Incident] = Incident.objects.select_related("commander").defer(
        "hosts", "review", "description"
    )
    if (state := request.GET.get("state")) in STATES:
        found = found.filter(state=state)
    text = request.GET.get("q", "").replace("\0", "").strip()[:200]
    if text:
        found = found.filter(Q(title__icontains=text) | Q(hosts__contains=[text]))
    found = found.annotate(
        first_hosts=F("hosts")[:SHOWN_HOSTS],
        hosts_count=Coalesce(Func(F("hosts"), function="cardinality"), 0, output_field=IntegerField()),
        changes_count=Count("changes"),
        drafts_count=Count("changes", filter=Q(changes__state="drafted")),
    )
    page: Page[Any] = paged(request, found, by="-started_at", noun="incident")
    for incident in page.rows:
        incident.where = _where(incident.first_hosts, incident.hosts_count)
    return page


def _where(first: list[str], total: int) -> str:
    """`web-1, web-2, web-3 and 9,997 more`, without the names of all of them."""
    more = total - len(first)
    return f"{', '.join(first)} and {number(more)} more" if more else listed(first)


def incidents_sentence() -> str:
    counts = dict(Incident.objects.values_list("state").annotate(Count("pk")).order_by())
    total = sum(counts.values())
    if not total:
        return "None so far."
    unreviewed = counts.get("closed", 0)
    return sentence(
        f"{counts.get('open', 0)} of {plural(total, 'incident')} open" if counts.get("open") else "none open",
        f"{plural(unreviewed, 'closed one waits', 'closed ones wait')} for a review" if unreviewed else "",
    )


@dataclass(frozen=True)
class Line:
    """One line of the timeline; `url` is what it tells of, `late` that it was written down well afterwards."""

    entry: TimelineEntry
    who: str
    url: str
    late: bool


@dataclass(frozen=True)
class Room:
    incident: Incident
    now: datetime
    lasted: str
    sentence: str
    lines: list[Line]
    more_lines: int
    inside: list[Inside]
    changes: list[Change]
    drafts: list[Change]
    before: Before
    not_seen: list[str]
    scans: list[JobBar]
    is_alive: bool
    may_edit: bool
    may_log: bool
    may_write: bool
    stamp: str = field(default="")

    @property
    def is_open(self) -> bool:
        return self.incident.state == "open"

    @property
    def unexplained(self) -> int:
        return sum(not one.is_explained and one.draft is None for one in self.inside)

    @property
    def to_reconcile(self) -> list[Inside]:
        """What is not folded back, reverted or accepted yet."""
        return [one for one in self.inside if one.is_open]


def room(incident: Incident, *, actor: Actor, now: datetime) -> Room:
    entries = list(
        incident.timeline.select_related("author").order_by("-at", "-created_at")[: MOST_LINES + 1]
    )
    inside = findings_inside(incident)
    changes = list(changes_of(incident)[:MOST_CHANGES])
    running = _running(incident)
    not_seen = not_looked_at(incident)
    stamp = _stamp(incident, entries, inside, changes, running, not_seen, now)
    return Room(
        incident=incident,
        now=now,
        lasted=duration_told((incident.closed_at or now) - incident.started_at),
        sentence=_sentence(incident, inside, not_seen, now),
        lines=[_line(entry) for entry in entries[:MOST_LINES]],
        more_lines=max(0, incident.timeline.count() - MOST_LINES) if len(entries) > MOST_LINES else 0,
        inside=inside,
        changes=[change for change in changes if change.state != "drafted"],
        drafts=[change for change in changes if change.state == "drafted"],
        before=changes_before(incident),
        not_seen=not_seen,
        scans=[bar for scan in running if (bar := scan_bar(scan, now=now, actor=actor, failed=0))],
        is_alive=incident.state == "open" or bool(running) or _is_settling(incident, now),
        may_edit=roles.allows(actor, "incident.edit"),
        may_log=roles.allows(actor, "change.log"),
        may_write=roles.allows(actor, "incident.open"),
        stamp=stamp,
    )


def _running(incident: Incident) -> list[Scan]:
    scans = Scan.objects.filter(of_incident__incident=incident, job__state__in=ALIVE)
    return list(scans.select_related("job").defer("hosts").order_by("number"))


def _is_settling(incident: Incident, now: datetime) -> bool:
    """Whether something still follows by itself: its closing scan is not asked for yet, or one has only just ended, and
    what it means is on its way."""
    if incident.state != "closed" or incident.closed_at is None:
        return False
    ended = Scan.objects.filter(of_incident__incident=incident, job__finished_at__gte=now - SETTLES)
    return incident.closed_at > now - SETTLES or ended.exists()


def _sentence(incident: Incident, inside: list[Inside], not_seen: list[str], now: datetime) -> str:
    total = len(incident.hosts)
    lasted = duration_told((incident.closed_at or now) - incident.started_at)
    hosts = {host for one in inside for host in one.hosts}
    unexplained = sum(not one.is_explained and one.draft is None for one in inside)
    if not total:
        found = "its scope is not said yet, so nothing is looked at"
    elif not inside:
        found = f"nothing out of band so far on the {share(total - len(not_seen), total, 'host')} looked at"
    else:
        found = f"{plural(len(inside), 'finding')} on {share(len(hosts), total, 'host')}"
    went = "Went on for" if incident.closed_at else "Goes on for"
    return sentence(
        f"{went} {lasted}",
        found,
        f"{unexplained} nobody has explained" if unexplained else "",
        f"{plural(len(not_seen), 'host')} not looked at since it {'ended' if incident.closed_at else 'began'}"
        if not_seen and inside
        else "",
    )


_PLACES = {"CHG": "changes", "DRF": "findings", "SCN": "scans", "DEC": "decisions", "INC": "incidents"}


def _line(entry: TimelineEntry) -> Line:
    prefix, _, digits = entry.link.partition("-")
    known = prefix in _PLACES and digits.isascii() and digits.isdigit()
    return Line(
        entry,
        entry.author.name if entry.author else "",
        f"/{_PLACES[prefix]}/{entry.link}/" if known else "",
        late=entry.kind == "note" and (entry.created_at - entry.at).total_seconds() > 900,
    )


def _stamp(
    incident: Incident, entries: Any, inside: Any, changes: Any, running: Any, not_seen: Any, now: datetime
) -> str:
    """What the live part of the page stands on: as long as it is the same, nothing has to be drawn anew. Times are
    relative, so a minute makes a difference."""
    parts = [
        f"{now:%H:%M}",
        incident.version,
        [entry.pk for entry in entries[:50]],
        [
            (one.finding.pk, one.finding.state, one.hosts, one.is_explained, one.draft and one.draft.pk)
            for one in inside
        ],
        [(change.pk, change.version) for change in changes],
        [(scan.pk, scan.job.items_done, scan.job.state) for scan in running if scan.job],
        not_seen,
    ]
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def commanders() -> QuerySet[Person]:
    """Who may lead: active people with the right to."""
    leading = [role for role in roles.ROLES if roles.may(role, "incident.edit")]
    return Person.objects.filter(is_active=True, role__in=leading).order_by("name", "username")
