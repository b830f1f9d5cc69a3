"""What there is to tell about a change, and to whom, as things stand when it is told.

A writer is `write(*, type, subject_id, data) -> list[Message]` (settings.NOTICE_WRITERS); a channel gets the first
message that concerns it. Whoever did something is not told of it.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from changemgmt.core import words
from changemgmt.core.notices import Message, cut, names, one_line
from changemgmt.models import Approval, Change, Comment
from changemgmt.queries.approvals import approvers_for
from changemgmt.queries.concerned import teams_of
from common.models import LedgerEntry, Person
from inventory.models import Team

HISTORY = timedelta(days=2)  # what was done longer before it was written down is history: nobody is told

# event → (what is told, states in which it is still so; empty: any)
_TOLD: dict[str, tuple[str, tuple[str, ...]]] = {
    "change.approved": ("is approved", ("approved", "started", "completed", "failed", "reviewed")),
    "change.accepted": ("is approved afterwards", ("accepted", "reviewed")),
    "change.rejected": ("was refused", ("rejected",)),
    "change.disputed": ("was refused afterwards", ("disputed",)),
    "change.voided": ("has lost its approval", ("proposed", "logged")),
    "change.withdrawn": ("was withdrawn", ("withdrawn",)),
    "change.started": ("was started", ()),
    "change.completed": ("is done", ("completed", "reviewed")),
    "change.failed": ("failed", ("failed", "reviewed")),
    "change.reviewed": ("was reviewed", ()),
    "change.claimed": ("was claimed", ()),
    "change.transferred": ("was handed over", ()),
}


def write(*, type: str, subject_id: UUID, data: dict[str, Any]) -> list[Message]:
    change = Change.objects.select_related("owner", "requested_by").filter(pk=subject_id).first()
    if change is None:
        return []
    if type == "change.logged":
        return _logged(change)
    if type == "change.proposed":
        return _waiting(change)
    if type == "change.drafted":
        return _drafted(change)
    if type == "change.commented":
        return _commented(change, data)
    if type in ("change.due", "change.overdue"):
        return _due(change, type)
    return _became(change, type)


def _logged(change: Change) -> list[Message]:
    """To the teams whose hosts it touched, and to its owner where somebody else recorded it."""
    if change.created_at - change.happened_at > HISTORY:
        return []
    elses = change.owner_id != change.requested_by_id and change.owner_source != words.CLAIMANT
    told = [_message(change, "changes", "is logged as yours", people=[change.owner_id])] if elses else []
    return [*told, _message(change, "changes", "was logged", teams=teams_of(change.hosts).teams)]


def _drafted(change: Change) -> list[Message]:
    if change.state != "drafted":
        return []
    asked = "Foldback found this during the incident. Confirm it, or hand it to whoever did it."
    return [_message(change, "changes", "was drafted as yours", asked, people=[change.owner_id])]


def _waiting(change: Change) -> list[Message]:
    """To whoever may approve it, and to the teams that have to, or whose hosts it touches."""
    if change.state != "proposed":
        return []
    asked = {one.get("team") for one in change.requirements if one.get("team")}
    teams = frozenset(Team.objects.filter(name__in=asked).values_list("pk", flat=True))
    people = [person.pk for person in approvers_for(change)]
    teams |= teams_of(change.hosts).teams
    return [
        _message(change, "approvals", "waits for approval", change.reason, people=people, teams=teams),
    ]


def _due(change: Change, type: str) -> list[Message]:
    """To its owner and whoever may approve it; that it is overdue, to the teams of its hosts, too."""
    if change.state not in ("logged", "drafted", "disputed") or change.due_at is None:
        return []
    people = [change.owner_id, *(person.pk for person in approvers_for(change))]
    until = f"{change.due_at:%Y-%m-%d %H:%M} UTC"
    if type == "change.due":
        text = f"It was done first. Somebody else has to approve it by {until}."
        return [_message(change, "due", "has to be approved soon", text, people=people)]
    text = f"It was done first, and should have been approved by {until}."
    teams = teams_of(change.hosts).teams
    return [_message(change, "due", "is overdue for approval", text, people=people, teams=teams)]


def _commented(change: Change, data: dict[str, Any]) -> list[Message]:
    """To its owner, whoever filed it, and whoever has commented."""
    comments = Comment.objects.filter(change=change).select_related("author").order_by("created_at")
    comment = comments.filter(pk=data["comment"]).first() if data.get("comment") else comments.last()
    if comment is None:
        return []
    people = _parties(change) | set(comments.values_list("author", flat=True))
    people -= {comment.author_id}
    return [
        _message(change, "changes", f"has a comment by {comment.author.name}", comment.text, people=people)
    ]


def _became(change: Change, type: str) -> list[Message]:
    told, states = _TOLD[type]
    if states and change.state not in states:
        return []
    entry = LedgerEntry.objects.filter(subject_id=change.pk, action=type).order_by("-created_at").first()
    actor = entry.person_id if entry else None
    people = _parties(change) | _former_owner(entry)
    messages = []
    if type == "change.voided" and change.state == "proposed":
        # Whoever has to approve it anew hears first of all that it waits.
        messages = [replace(one, people=one.people - {actor}) for one in _waiting(change)]
    by = f"{told} by {_name(actor)}" if actor else told
    text = _reason(change, type, entry)
    return [*messages, _message(change, "changes", by, text, people=people - {actor})]


def _reason(change: Change, type: str, entry: LedgerEntry | None) -> str:
    if type in ("change.rejected", "change.disputed", "change.approved", "change.accepted"):
        last = Approval.objects.filter(change=change, voided_at=None).order_by("-created_at").first()
        return last.reason if last else ""
    if type == "change.reviewed":
        return change.review
    return str(entry.data.get("reason") or "") if entry else ""


def _former_owner(entry: LedgerEntry | None) -> set[UUID]:
    """Who it was taken from: they are told that it is somebody else's now."""
    before = entry.data.get("from") if entry else None
    try:
        return {UUID(before["owner"])} if isinstance(before, dict) else set()
    except (KeyError, TypeError, ValueError):
        return set()


def _parties(change: Change) -> set[UUID]:
    return {change.owner_id, change.requested_by_id}


def _name(person: UUID) -> str:
    return Person.objects.filter(pk=person).values_list("name", flat=True).first() or "somebody"


def _message(
    change: Change,
    topic: str,
    told: str,
    text: str = "",
    *,
    people: Iterable[UUID] = (),
    teams: Iterable[UUID] = (),
) -> Message:
    where = f" on {names(change.hosts)}" if change.hosts else ""
    about = f"{change.kind.capitalize()} change{where}; it is {change.owner.name}’s. Risk: {change.risk}."
    return Message(
        topic=topic,
        title=one_line(f"{change.reference} {told}: {change.title}"),
        text=cut(f"{text.strip()}\n\n{about}" if text.strip() else about),
        link=f"/changes/{change.reference}/",
        people=frozenset(people),
        teams=frozenset(teams),
    )
