"""One change that is no decision: where it stands, what it waits for, and what this person can do about it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings

from changemgmt.core import words
from changemgmt.core.conflicts import Conflict
from changemgmt.core.gates import ALLOWED, GateAnswer
from changemgmt.core.requirements import in_words
from changemgmt.models import Approval, Attachment, Change, Comment
from changemgmt.queries.approvals import WAITING, approvers_for, missing_approvals
from changemgmt.queries.gates import ask_gates
from changemgmt.queries.windows import conflicts_of
from common.core import roles
from common.core.actor import Actor
from common.models import Person
from web.core.steps import Step, change_way
from web.queries.changes import why_not_decide

AHEAD = ("proposed", "approved", "rejected", "ready")
EDITABLE = (*words.RECORD_STATES, *AHEAD)


@dataclass(frozen=True)
class ChangeView:
    """`waits`, `may_decide`, `why_not`, `approvers` and `may_withdraw` are as of a decision: the same bar asks."""

    change: Change
    steps: list[Step]
    approvals: list[Approval]
    approvers: list[Person]
    missing: list[str]
    is_overdue: bool
    conflicts: list[Conflict]
    gates: list[GateAnswer]
    may_decide: bool
    why_not: str
    may: dict[str, bool]
    effect: None = None

    @property
    def waits(self) -> bool:
        return self.change.state in WAITING

    @property
    def is_ahead(self) -> bool:
        """Nothing has been done yet that a look at hosts could show."""
        return self.change.state in (*AHEAD, "withdrawn") and self.change.started_at is None

    @property
    def may_withdraw(self) -> bool:
        return self.may["withdraw"]

    @property
    def may_start(self) -> bool:
        """Whether every gate lets it through now, for somebody who may start it."""
        return self.may["carry_out"] and all(one.verdict == ALLOWED for one in self.gates)

    @property
    def stopped(self) -> list[GateAnswer]:
        return [one for one in self.gates if one.verdict != ALLOWED]


def change_view(change: Change, *, actor: Actor, now: datetime) -> ChangeView:
    waits = change.state in WAITING
    approvals = list(change.approvals.select_related("approver").order_by("created_at"))
    approvers = approvers_for(change) if waits else []
    why_not = why_not_decide(change, actor) or (
        _why_not_now(change, actor, approvals, approvers) if waits else ""
    )
    ahead = change.state in AHEAD
    return ChangeView(
        change=change,
        steps=change_way(change.state, change.kind, started=change.started_at is not None),
        approvals=approvals,
        approvers=approvers,
        missing=[in_words(one) for one in missing_approvals(change, now)] if waits else [],
        is_overdue=change.is_overdue(now),
        conflicts=conflicts_of(change.hosts, change.planned_start, change.planned_end, exclude=change)
        if ahead
        else [],
        gates=ask_gates(change, now) if change.state in ("approved", "ready") else [],
        may_decide=waits and not why_not,
        why_not=why_not,
        may=_may(change, actor),
    )


def _why_not_now(change: Change, actor: Actor, approvals: list[Approval], approvers: list[Person]) -> str:
    """Why somebody with the right to approve is not asked as it stands; empty when they are."""
    live = [one for one in approvals if one.voided_at is None]
    for one in live:
        if one.verdict == words.REFUSED and one.approver_id != actor.person_id:
            return f"{one.approver.username} refused it as it is, and its owner corrects it first"
        if one.verdict == words.APPROVED and one.approver_id == actor.person_id:
            return "you approved it already"
    if settings.FOUR_EYES and actor.person_id not in [person.pk for person in approvers]:
        return "it takes somebody of another role or team"
    return ""


def _may(change: Change, actor: Actor) -> dict[str, bool]:
    """What is offered to this person; the services decide for themselves when it is asked for."""
    own = actor.person_id in (change.owner_id, change.requested_by_id)
    manages = roles.allows(actor, "change.approve")
    edits = roles.allows(actor, "change.edit")
    return {
        "edit": edits and (own or manages) and change.state in EDITABLE,
        "carry_out": roles.allows(actor, "change.carry-out") and (own or manages),
        "confirm": edits and change.state == "drafted" and (actor.person_id == change.owner_id or manages),
        "transfer": edits
        and (actor.person_id == change.owner_id or manages)
        and change.state not in ("withdrawn", "reviewed"),
        "withdraw": edits
        and (own or roles.allows(actor, "change.withdraw-any"))
        and change.state in ("drafted", "proposed", "approved", "ready"),
        "review": edits and change.state in ("accepted", "completed", "failed"),
        "talk": roles.allows(actor, "change.log"),
    }


@dataclass(frozen=True)
class Talk:
    comments: list[Comment]
    attachments: list[Attachment]


def talk_of(change: Change) -> Talk:
    """What people added; the content of attachments stays where it is."""
    comments = Comment.objects.filter(change=change).select_related("author").order_by("created_at")
    attachments = Attachment.objects.filter(change=change).select_related("author").defer("content")
    return Talk(list(comments[:200]), list(attachments.order_by("created_at")))


def successors() -> list[Any]:
    """Whom a change can be handed over to: active people who may log changes."""
    takers = [role for role in roles.ROLES if roles.may(role, "change.log")]
    return list(Person.objects.filter(is_active=True, role__in=takers).order_by("username")[:500])
