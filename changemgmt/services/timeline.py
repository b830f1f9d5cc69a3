"""What happened in an incident, line by line: what people write, at once or afterwards, and what Foldback saw."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from changemgmt.core import words
from changemgmt.core.incidents import hosts_told
from changemgmt.core.texts import TEXT_LENGTH, clean_text
from changemgmt.core.times import check_happened_at
from changemgmt.models import Change, Incident, TimelineEntry
from changemgmt.services.records import person_of
from common import clock
from common.core import roles
from common.core.actor import SYSTEM, Actor
from common.services.ledger import record_entry

LINK_LENGTH = 64
# What is told of a change. Edits of it are in its own history.
_FILED = {
    "drafted": "was drafted, since nobody had logged it",
    "proposed": "was proposed",
    "ready": "was prepared",
}
_CHANGES = {
    "change.claimed": "was claimed by {owner}",
    "change.transferred": "was handed over to {owner}",
    "change.started": "was started",
    "change.completed": "was carried out",
    "change.failed": "failed",
    "change.withdrawn": "was withdrawn",
}


def add_to_timeline(
    *, actor: Actor, incident: Incident, text: str, at: datetime | None = None, link: str = ""
) -> TimelineEntry:
    """Write down what happened; `at` is when (now, unless it says else), so that it can be made up for afterwards.

    In a closed or reviewed incident, too: a line keeps when it was written beside when it happened.
    """
    roles.require(actor, "incident.open")
    now = clock.now()
    with transaction.atomic():
        entry = TimelineEntry.objects.create(
            incident=incident,
            at=check_happened_at(at, now, field="at") or now,
            kind=words.NOTE,
            text=clean_text("text", text, most=TEXT_LENGTH, required=True),
            link=clean_text("link", link, most=LINK_LENGTH),
            author=person_of(actor),
            via=actor.label,
            created_at=now,
        )
        data = {"text": entry.text, "at": entry.at.isoformat()}
        record_entry(actor=actor, action="incident.noted", subject=incident, data=data)
    return entry


def tell(
    *,
    incident: Incident,
    kind: str,
    text: str,
    at: datetime,
    link: str = "",
    actor: Actor = SYSTEM,
    event_id: UUID | None = None,
) -> None:
    """A line that follows from what was done elsewhere, where it has its ledger entry. With `event_id`: once for it."""
    TimelineEntry.objects.bulk_create(
        [
            TimelineEntry(
                incident=incident,
                at=at,
                kind=kind,
                text=text,
                link=link,
                author_id=actor.person_id,
                via=actor.label,
                event_id=event_id,
            )
        ],
        ignore_conflicts=event_id is not None,
    )


def timeline_of_filed(changes: Iterable[Change]) -> list[TimelineEntry]:
    """A line for each change that was filed just now and belongs to an incident: to be written with it."""
    return [
        TimelineEntry(
            incident_id=change.incident_id,
            at=change.created_at if change.state in _FILED else change.happened_at,
            kind="change",
            text=_told(change, _FILED.get(change.state, "was logged")),
            link=change.reference,
            author_id=change.requested_by_id if change.recorded_via != SYSTEM.label else None,
            via=change.recorded_via,
        )
        for change in changes
        if change.incident_id is not None
    ]


def tell_of_change(*, event_id: UUID, type: str, subject_id: UUID, data: dict[str, Any]) -> None:
    """Consumer of what becomes of changes: those that belong to an incident are on its timeline."""
    change = Change.objects.select_related("incident", "owner").filter(pk=subject_id).first()
    if change is None or change.incident is None:
        return
    what = _CHANGES[type].format(owner=change.owner.name)
    text = _told(change, what)
    link = change.reference
    tell(incident=change.incident, kind="change", text=text, at=clock.now(), link=link, event_id=event_id)


def _told(change: Change, what: str) -> str:
    where = f", on {hosts_told(change.hosts)}" if change.hosts else ""
    return f"{change.reference} {what}: {change.title}{where}"
