"""An incident's scope is looked at when it opens, and again when it closes; what is seen stands on its timeline.

Consumers: events may come late and out of order, so each looks at how things stand now.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid5

from django.db.models import Q

from changemgmt.models import Incident
from changemgmt.queries.incidents import hosts_of
from changemgmt.services.timeline import tell
from common import clock
from drift.core.schedule import DEEP, QUICK
from drift.models import IncidentScan, Scan
from drift.models.incident import CLOSING, OPENING
from drift.queries.incidents import Inside, findings_inside
from drift.queries.outcomes import outcomes_of
from drift.services.drafting import draft_unexplained
from drift.services.scans import INCIDENT, start_scan_of
from inventory.models import Host

LATE = timedelta(days=1)
"""How long after it closed a scan may still show what was done in an incident: a host may have been out of reach."""
MOST_TOLD = 40
"""Findings of one scan that have a line each; of the others it is said how many there are."""


def scan_scope(*, event_id: UUID, type: str, subject_id: UUID, data: dict[str, Any]) -> None:
    """Consumer of `incident.opened`, `.updated` and `.reopened`: look at what of its scope was not looked at yet.

    Quickly: the hosts are in trouble, and a quick look reads all that has moved since the last one.
    """
    incident = Incident.objects.select_for_update(no_key=True).get(pk=subject_id)
    if incident.state != "open":
        return
    seen = IncidentScan.objects.filter(incident=incident, phase=OPENING, scan__isnull=False)
    again = type == "incident.reopened"
    known = (
        set() if again else {host for hosts in seen.values_list("scan__hosts", flat=True) for host in hosts}
    )
    _scan(incident, [host for host in _hosts_of(incident) if host.pk not in known], OPENING, event_id)


def scan_closed(*, event_id: UUID, type: str, subject_id: UUID, data: dict[str, Any]) -> None:
    """Consumer of `incident.closed`: the whole scope, thoroughly. What it can't look at is drafted from what is known."""
    incident = Incident.objects.select_for_update(no_key=True).get(pk=subject_id)
    if incident.state == "open":
        return
    hosts = _hosts_of(incident)
    _scan(incident, hosts, CLOSING, event_id)
    if not hosts:
        draft_unexplained(incident=incident)


def _hosts_of(incident: Incident) -> list[Host]:
    return list(hosts_of(incident).only("pk", "name"))


def _scan(incident: Incident, hosts: Sequence[Host], phase: str, event_id: UUID) -> None:
    if not hosts or IncidentScan.objects.filter(event_id=event_id).exists():
        return
    scan = start_scan_of(hosts=hosts, mode=QUICK if phase == OPENING else DEEP, purpose=INCIDENT)
    IncidentScan.objects.create(incident=incident, scan=scan, phase=phase, event_id=event_id)
    why = "" if phase == OPENING else " once more"
    tell(
        incident=incident,
        kind="scan",
        text=f"{scan.reference} looks at {_hosts(len(hosts))}{why}",
        at=clock.now(),
        link=scan.reference,
        event_id=event_id,
    )


def follow_scan(*, event_id: UUID, type: str, subject_id: UUID, data: dict[str, Any]) -> None:
    """Consumer of `job.finished`: what any scan saw inside an incident stands on its timeline; after its closing
    scan, and whatever else looks at its scope within a day, what nobody explained is drafted.
    """
    if data["kind"] != "scan":
        return
    recent = Q(state="open") | Q(closed_at__gte=clock.now() - LATE)
    incidents = list(Incident.objects.filter(recent).order_by("pk").values_list("pk", flat=True))
    scan = Scan.objects.select_related("job").filter(pk=data["subject_id"]).first() if incidents else None
    if scan is None:
        return
    for incident_id in incidents:
        _follow(scan, Incident.objects.select_for_update(no_key=True).get(pk=incident_id), event_id)


def _follow(scan: Scan, incident: Incident, event_id: UUID) -> None:
    own = IncidentScan.objects.filter(incident=incident, scan=scan).first()
    if own is None and not hosts_of(incident).filter(pk__in=scan.hosts).exists():
        return
    if own is not None:
        _tell_how_it_went(incident, scan, event_id)
    _tell_of_findings(incident, findings_inside(incident))
    if incident.state != "open" and not _is_closing_under_way(incident):
        draft_unexplained(incident=incident)


def _is_closing_under_way(incident: Incident) -> bool:
    """Whether a closing scan that was started since it was (last) closed has not ended yet."""
    closing = IncidentScan.objects.filter(
        incident=incident, phase=CLOSING, created_at__gte=incident.closed_at, scan__isnull=False
    )
    return closing.filter(scan__job__state__in=("queued", "running")).exists()


def _tell_how_it_went(incident: Incident, scan: Scan, event_id: UUID) -> None:
    found, total = outcomes_of(scan), len(scan.hosts)
    unseen = total - sum(found.values()) + found["unknown"]
    text = f"{scan.reference} looked at {total - unseen} of {_hosts(total)}"
    if unseen:
        text += f"; {unseen} could not be looked at"
    tell(incident=incident, kind="scan", text=text, at=clock.now(), link=scan.reference, event_id=event_id)


def _tell_of_findings(incident: Incident, inside: Sequence[Inside]) -> None:
    """A line for each finding, once each time that it opened."""
    for one in inside[:MOST_TOLD]:
        finding = one.finding
        tell(
            incident=incident,
            kind="finding",
            text=f"{finding.reference}: {finding.resource} is not as agreed on {_hosts(len(one.hosts))}",
            at=one.first_seen_at,
            link=finding.reference,
            event_id=uuid5(finding.pk, str(finding.reopened)),
        )
    more = len(inside) - MOST_TOLD
    if more > 0:
        tell(
            incident=incident,
            kind="finding",
            text=f"{more} more findings in its scope; the incident's page has them all",
            at=clock.now(),
            event_id=uuid5(incident.pk, f"more than {MOST_TOLD}"),
        )


def _hosts(number: int) -> str:
    return f"{number} host{'s' if number != 1 else ''}"
