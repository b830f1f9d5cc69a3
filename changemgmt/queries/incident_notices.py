"""What there is to tell about incidents, freezes and maintenance, and to whom (see change_notices)."""

from typing import Any
from uuid import UUID

from changemgmt.core import words
from changemgmt.core.notices import Message, cut, names, one_line
from changemgmt.models import Incident, Window
from changemgmt.queries.concerned import Concerned, everybody, teams_of
from inventory.core.selectors import SelectorError, parse
from inventory.queries.hosts import hosts_matching

# What of an incident people have to know at once.
_MATTERS = {"severity", "commander", "hosts", "selector"}


def write_incident(*, type: str, subject_id: UUID, data: dict[str, Any]) -> list[Message]:
    """To its commander, and to the teams of its hosts with everybody in them. Where no team owns any of them, or it is
    critical, to everybody who acts on production."""
    incident = Incident.objects.select_related("commander").filter(pk=subject_id).first()
    if incident is None:
        return []
    fields = set(data.get("fields") or _MATTERS)
    if type == "incident.updated" and (incident.state != "open" or not fields & _MATTERS):
        return []
    if type in ("incident.opened", "incident.reopened") and incident.state != "open":
        return []  # it is over already: that is told by its closing
    concerned = _concerned(incident)
    told = type.rpartition(".")[2]
    where = f"on {names(incident.hosts)}" if incident.hosts else "without a scope so far"
    about = f"{incident.severity.capitalize()}, {where}; {incident.commander.name} leads."
    said = {"incident.closed": incident.description, "incident.reviewed": incident.review}.get(type, "")
    message = Message(
        topic="incidents",
        title=one_line(f"{incident.reference} {told}: {incident.title}"),
        text=cut(f"{about}\n\n{said}" if said else about),
        link=f"/incidents/{incident.reference}/",
        people=concerned.people | {incident.commander_id},
        teams=concerned.teams,
    )
    return [message]


def _concerned(incident: Incident) -> Concerned:
    owners = teams_of(incident.hosts)
    return everybody() if incident.severity == words.CRITICAL or not owners.teams else owners


def write_window(*, type: str, subject_id: UUID, data: dict[str, Any]) -> list[Message]:
    """To the teams that own hosts in it, with everybody in them."""
    window = Window.objects.filter(pk=subject_id).first()
    if window is None or (window.state != "active") != (type == "window.cancelled"):
        return []
    try:
        hosts = list(hosts_matching(parse(window.selector)).values_list("name", flat=True))
    except SelectorError:
        return []
    concerned = teams_of(hosts)
    told = {"window.created": "is planned", "window.updated": "has changed"}.get(type, "is called off")
    often = " It recurs." if window.rule else ""
    times = f"{window.starts_at:%Y-%m-%d %H:%M} to {window.ends_at:%Y-%m-%d %H:%M} UTC."
    message = Message(
        topic="windows",
        title=one_line(f"A {window.kind} {told}: {window.title}"),
        text=cut(f"{times}{often}\nHosts: {window.selector}\n\n{window.description}".strip()),
        link="/calendar/",
        people=concerned.people,
        teams=concerned.teams,
    )
    return [message]
