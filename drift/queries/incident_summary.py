"""What an incident's summary tells, read at once."""

from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef

from changemgmt.models import Change, Incident, TimelineEntry
from changemgmt.queries.incidents import changes_of, hosts_of, unknown_hosts
from drift.core.incident_summary import IncidentFacts, Line, Told, summary
from drift.models import HostState
from drift.queries.incidents import Inside, findings_inside
from drift.queries.reports import describe_change

MOST = 500
LATE = timedelta(minutes=15)


def incident_summary(incident: Incident, *, now: datetime) -> str:
    """The incident as Markdown."""
    entries = incident.timeline.select_related("author").order_by("at", "created_at")[:MOST]
    inside = [one for one in findings_inside(incident) if one.is_open]
    facts = IncidentFacts(
        reference=incident.reference,
        title=incident.title,
        severity=incident.severity,
        state=incident.state,
        commander=incident.commander.name,
        started_at=incident.started_at,
        closed_at=incident.closed_at,
        hosts=incident.hosts,
        selector=incident.selector,
        description=incident.description,
        review=incident.review,
        reviewed_by=incident.reviewed_by.name if incident.reviewed_by else "",
        timeline=[_line(entry) for entry in entries],
        changes=[_change(change) for change in changes_of(incident)[:MOST]][::-1],
        findings=[_finding(one) for one in inside],
        not_looked_at=not_looked_at(incident),
    )
    return summary(facts, now=now)


def not_looked_at(incident: Incident) -> list[str]:
    """Hosts of the scope of which the end is not known: no real look since it closed (or, while it is open, began)."""
    since = incident.closed_at or incident.started_at
    seen = HostState.objects.filter(host=OuterRef("pk"), observed_at__gte=since)
    unseen = hosts_of(incident).filter(~Exists(seen)).values_list("name", flat=True)
    return [*unseen, *unknown_hosts(incident)]


def _line(entry: TimelineEntry) -> Line:
    who = entry.author.name if entry.author else ""
    return Line(entry.at, who, entry.text, late=entry.kind == "note" and entry.created_at - entry.at > LATE)


def _change(change: Change) -> Told:
    return Told(change.reference, change.title, f"{change.owner.name}'s, {change.state}")


def _finding(one: Inside) -> Told:
    finding = one.finding
    where = f"{len(one.hosts)} host{'s' if len(one.hosts) != 1 else ''}"
    text = f"{finding.resource} {describe_change(finding.change, finding.resource)}, on {where}"
    return Told(finding.reference, text, standing_of(one))


def standing_of(one: Inside) -> str:
    """`nobody has explained it`, `CHG-7 explains it (Ana's); decided`"""
    if one.explained_by:
        change = one.explained_by[0]
        said = f"{change.reference} explains it ({change.owner.name}'s)"
    elif one.draft is not None:
        said = f"drafted as {one.draft.reference}, {one.draft.owner.name}'s until somebody claims it"
    else:
        said = "nobody has explained it"
    return said if one.finding.state == "open" else f"{said}; {one.finding.state}"
