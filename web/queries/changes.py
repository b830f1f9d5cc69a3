"""Changes: the list with its filters, and one with what became of it."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from changemgmt.core import words
from changemgmt.core.lifecycles import CHANGE
from changemgmt.core.ownership import check_claim, why_not_approve
from changemgmt.models import Approval, Change, Incident
from changemgmt.queries.approvals import WAITING, approvers_for
from changemgmt.queries.search import changes_saying
from common.core import roles
from common.core.actor import Actor
from common.core.errors import Conflict, Invalid
from common.models import LedgerEntry, Person
from drift.models import Finding
from web.core.deeds import deed, deed_detail
from web.core.patches import parse_patch
from web.core.steps import Step, change_steps
from web.paging import Page, paged
from web.queries.effects import EffectView, effect_view

STATES = tuple(CHANGE.meaning)
OWNER_SOURCES = {
    words.NAMED: "named when it was recorded",
    words.RECORDER: "recorded it",
    words.CLAIMANT: "said “that was me”",
    words.COMMANDER: "commands the incident",
    words.TEAM_LEAD: "leads the team that owns the hosts",
    words.SPONSOR: "answers for the program that recorded it",
    words.SUCCESSOR: "took it over",
}


@dataclass(frozen=True)
class ChangeFilter:
    """What the list is narrowed to; empty means all."""

    text: str = ""
    host: str = ""
    owner: str = ""
    kind: str = ""
    state: str = ""
    risk: str = ""
    incident: str = ""
    overdue: bool = False
    since: datetime | None = None
    until: datetime | None = None

    @property
    def is_empty(self) -> bool:
        return self == ChangeFilter()

    @property
    def is_narrow(self) -> bool:
        """Whether one of the fields that are folded away on a phone is used."""
        return replace(self, text="", state="", overdue=False) != ChangeFilter()


def change_list(request: HttpRequest, wanted: ChangeFilter, now: datetime) -> Page[Change]:
    """A page of the changes that are wanted; each knows whether it `is_late`."""
    found: QuerySet[Change] = Change.objects.select_related("owner")
    if wanted.text:
        try:
            found = changes_saying(found, wanted.text)
        except Invalid:  # nothing but punctuation: no word is in any change
            found = found.none()
    if wanted.host:
        found = found.filter(hosts__contains=[wanted.host])
    if wanted.owner:
        named = Q(username=wanted.owner) | Q(name__iexact=wanted.owner)
        found = found.filter(
            owner_id__in=list(Person.objects.filter(named).values_list("pk", flat=True)[:50])
        )
    if wanted.kind in words.KINDS:
        found = found.filter(kind=wanted.kind)
    if wanted.state in STATES:
        found = found.filter(state=wanted.state)
    if wanted.risk in words.RISKS:
        found = found.filter(risk=wanted.risk)
    if wanted.incident:
        number = wanted.incident.upper().removeprefix("INC-")
        known = (
            Incident.objects.filter(number=int(number)) if number.isdecimal() and len(number) < 10 else None
        )
        found = found.filter(
            incident__in=list(known.values_list("pk", flat=True)) if known is not None else []
        )
    if wanted.overdue:
        found = found.filter(state__in=words.UNSETTLED, due_at__lte=now)
    if wanted.since:
        found = found.filter(happened_at__gte=wanted.since)
    if wanted.until:
        found = found.filter(happened_at__lt=wanted.until)
    page = paged(request, found, by="-happened_at", noun="change")
    for change in page.rows:
        change.is_late = change.is_overdue(now)  # type: ignore[attr-defined]
    return page


@dataclass(frozen=True)
class Event:
    """One line of a timeline."""

    at: datetime
    who: str
    text: str
    detail: str = ""
    url: str = ""


# What another entry of the same moment says as well.
_SAID_ALREADY = ("decision.proposed", "adoption.proposed")


def timeline(*subjects: UUID, most: int = 100) -> list[Event]:
    """What the ledger has about these records, newest first."""
    found = LedgerEntry.objects.filter(subject_id__in=subjects).exclude(action__in=_SAID_ALREADY)
    entries = list(found.order_by("-created_at", "-pk")[:most])
    people = dict(
        Person.objects.filter(pk__in={e.person_id for e in entries if e.person_id}).values_list("pk", "name")
    )
    return [
        Event(
            at=entry.created_at,
            who=_who(entry, people),
            text=deed(entry.action),
            detail=deed_detail(entry.data, entry.action),
        )
        for entry in entries
    ]


def _who(entry: LedgerEntry, people: dict[UUID, str]) -> str:
    if entry.actor_kind == "system":
        return "Foldback"
    name = people.get(entry.person_id, "") if entry.person_id else ""
    if entry.actor_kind == "program":
        return f"{entry.actor_label} (for {name})" if name else entry.actor_label
    return name or entry.actor_label


@dataclass(frozen=True)
class DecisionView:
    """A decision and what the person who looks at it can do about it now."""

    change: Change
    decision: Any
    findings: list[Finding]
    files: list[Any]
    effect: EffectView | None
    approvals: list[Approval]
    approvers: list[Person]
    may_decide: bool
    why_not: str
    may_withdraw: bool
    steps: list[Step] = field(default_factory=list)

    @property
    def waits(self) -> bool:
        return self.change.state == "proposed"

    @property
    def is_waiver(self) -> bool:
        return bool(self.decision and self.decision.kind == "waive")

    @property
    def is_in_force(self) -> bool:
        """A waiver by which something is waived now."""
        return self.is_waiver and any(finding.state == "waived" for finding in self.findings)


def decision_view(change: Change, *, actor: Actor) -> DecisionView:
    decision = getattr(change, "decision", None)
    why_not = why_not_decide(change, actor)
    approvals = change.approvals.select_related("approver").order_by("created_at")
    return DecisionView(
        change=change,
        decision=decision,
        findings=list(decision.findings.order_by("number")[:50]) if decision else [],
        files=parse_patch(decision.patch) if decision else [],
        effect=effect_view(decision.effect) if decision else None,
        approvals=list(approvals),
        approvers=approvers_for(change) if change.state == "proposed" else [],
        may_decide=change.state == "proposed" and not why_not,
        why_not=why_not,
        may_withdraw=change.state in ("proposed", "approved")
        and (actor.person_id in (change.owner_id, change.requested_by_id) or actor.role == roles.ADMIN)
        and roles.allows(actor, "decision.propose"),
        steps=change_steps(change.state),
    )


def why_not_decide(change: Change, actor: Actor) -> str:
    """Why this person is not offered to approve or refuse; empty when they are."""
    if change.state not in WAITING:
        return f"it is {change.state}"
    if settings.FOUR_EYES and actor.person_id is not None:
        own = why_not_approve(
            actor.person_id,
            requested_by=change.requested_by_id,
            owner=change.owner_id,
            made_by=change.made_by,
            reference=change.reference,
            asks=change.state not in words.RECORD_STATES,
        )
        if own:
            return own
    return "" if roles.allows(actor, "change.approve") else f"the role {actor.role} may not approve"


def may_claim(change: Change, actor: Actor) -> bool:
    """Whether "that was me" is offered: somebody only stands in for whoever did it."""
    if not roles.allows(actor, "change.edit"):
        return False
    try:
        check_claim(
            reference=change.reference,
            kind=change.kind,
            state=change.state,
            owner_source=change.owner_source,
            owner_label=change.owner.username,
        )
    except Conflict:
        return False
    return True


def explained_findings(change: Change) -> list[Finding]:
    """The findings that a logged change explains."""
    return list(Finding.objects.filter(explanations__change=change).order_by("-number")[:50])
