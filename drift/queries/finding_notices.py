"""What there is to tell about a finding that nobody has explained (see changemgmt.queries.change_notices)."""

from typing import Any
from uuid import UUID

from changemgmt.core.notices import Message, cut, names, one_line
from changemgmt.core.words import NOT_SAID
from changemgmt.queries.concerned import everybody, teams_of
from drift.models import Explanation, Finding, Occurrence


def write(*, type: str, subject_id: UUID, data: dict[str, Any]) -> list[Message]:
    """To the teams of its hosts with everybody in them; where no team owns any, to everybody who acts on production.
    Nobody is told of what has been claimed or explained, or is over, meanwhile."""
    finding = Finding.objects.filter(pk=subject_id, state="open", claimed_by=None).first()
    explained = Explanation.objects.filter(finding=subject_id).exclude(change__state__in=NOT_SAID)
    if finding is None or explained.exists():
        return []
    there = Occurrence.objects.filter(finding=finding, ended_at=None).order_by("host__name")
    hosts = list(there.values_list("host__name", flat=True))
    if not hosts:
        return []
    owners = teams_of(hosts)
    concerned = owners if owners.teams else everybody()
    text = f"On {names(hosts)}, first seen {finding.first_seen_at:%Y-%m-%d %H:%M} UTC. No change explains it. Was it you? Claim it."
    message = Message(
        topic="findings",
        title=one_line(f"{finding.reference} changed by hand: {finding.resource}"),
        text=cut(text),
        link=f"/findings/{finding.reference}/",
        people=concerned.people,
        teams=concerned.teams,
    )
    return [message]
