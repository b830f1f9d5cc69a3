"""Incidents by time and scope, and what belongs to them."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import CharField, F, Func, Q, QuerySet

from changemgmt.core.incidents import SLACK, Span
from changemgmt.core.suspects import Suspect, suspects
from changemgmt.models import Change, Incident
from inventory.models import FormerName, Host
from inventory.queries.host_names import hosts_called

MOST_LOOKED_THROUGH = 2_000


def open_incidents() -> QuerySet[Incident]:
    """Those that go on, the latest first; without their lists of hosts, which may be long."""
    found = Incident.objects.filter(state="open").select_related("commander").defer("hosts")
    return found.order_by("-started_at", "-id")


def incidents_near(hosts: Collection[str], at: datetime) -> QuerySet[Incident]:
    """Incidents that went on at a time and have one of these hosts in their scope."""
    during = Q(started_at__lte=at + SLACK) & (Q(closed_at=None) | Q(closed_at__gte=at - SLACK))
    return Incident.objects.filter(during, hosts__overlap=sorted(set(hosts)))


def span_of(incident: Incident) -> Span:
    return Span(incident.started_at, incident.closed_at)


def hosts_of(incident: Incident) -> QuerySet[Host]:
    """The active hosts of its scope, whatever they are called by now.

    As a query over the frozen names where they are, since a scope may have ten thousand.
    """
    names = _names(incident)
    if FormerName.objects.filter(name__in=names).exists():
        found = hosts_called(incident.hosts, incident.created_at)
    else:
        found = Host.objects.filter(name__in=names)
    return found.filter(state=Host.ACTIVE).order_by("name")


def _names(incident: Incident) -> QuerySet[Incident, Any]:
    one = Func(F("hosts"), function="unnest", output_field=CharField())
    return Incident.objects.filter(pk=incident.pk).values(one=one)


def unknown_hosts(incident: Incident) -> list[str]:
    """Names of its scope that inventory doesn't know."""
    known = set(Host.objects.filter(name__in=_names(incident)).values_list("name", flat=True))
    missing = [name for name in incident.hosts if name not in known]
    former = set(FormerName.objects.filter(name__in=missing).values_list("name", flat=True))
    return [name for name in missing if name not in former]


def changes_of(incident: Incident) -> QuerySet[Change]:
    return incident.changes.select_related("owner").order_by("-happened_at", "-id")


@dataclass(frozen=True)
class Before:
    """Changes of the hours before an incident, and until when one has looked back."""

    hours: int
    ranked: list[tuple[Change, Suspect]]


def changes_before(incident: Incident, *, hours: int = 24, most: int = 10) -> Before:
    """What was changed in its scope shortly before it began, most telling first, with the reasons."""
    since = incident.started_at - timedelta(hours=hours)
    found = (
        Change.objects.filter(
            hosts__overlap=incident.hosts,
            happened_at__gte=since,
            happened_at__lte=incident.started_at + SLACK,
        )
        .exclude(state__in=("withdrawn", "rejected", "proposed", "drafted"))
        .select_related("owner")
        .order_by("-happened_at")[:MOST_LOOKED_THROUGH]
    )
    changes = {change.pk: change for change in found}
    ranked = suspects(
        (
            (key, change.hosts, change.happened_at, change.kind, change.state)
            for key, change in changes.items()
        ),
        scope=incident.hosts,
        began=incident.started_at,
    )
    return Before(hours, [(changes[one.key], one) for one in ranked[:most]])
