"""Whose a change is: claimed, confirmed, handed over, and what becomes of the work of somebody who leaves."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from changemgmt.core import words
from changemgmt.core.ownership import check_claim
from changemgmt.core.texts import clean_text
from changemgmt.models import Approval, Change
from changemgmt.queries.scope import look_up_scope
from changemgmt.services.records import (
    lock_change,
    move,
    person_of,
    same_state,
    void_verdicts,
    who_was_last,
    write,
)
from common import clock
from common.core import roles
from common.core.actor import SYSTEM, Actor
from common.core.errors import Conflict, FieldError, Invalid, NotPermitted
from common.models import Person
from common.services.ledger import record_entry
from common.services.outbox import emit_event
from inventory.models import Team

OPEN = ("drafted", "logged", "disputed", "proposed", "approved", "ready", "started")
"""States in which somebody still has to do something about a change, beyond looking back."""


def claim_change(*, actor: Actor, change: Change) -> Change:
    """ "That was me": the actor's person becomes the owner of a record that somebody only stood in for.

    Only a record whose owner was found as commander, team lead, sponsor or successor can be claimed; one that its
    owner filed, was named for or has claimed is theirs. Claiming again what one has claimed changes nothing. What
    Foldback drafted is logged by that. Verdicts that stand on it are void: they were about somebody else's change.
    """
    roles.require(actor, "change.edit")
    if actor.kind != "person":
        raise NotPermitted("Only a person can claim a change: a program doesn't answer for anything.")
    person = person_of(actor)
    with transaction.atomic():
        locked = lock_change(change)
        if locked.owner_id == person.pk and locked.owner_source == words.CLAIMANT:
            return locked
        check_claim(
            reference=locked.reference,
            kind=locked.kind,
            state=locked.state,
            owner_source=locked.owner_source,
            owner_label=locked.owner.username,
        )
        _give(
            actor=actor,
            change=locked,
            to=person,
            source=words.CLAIMANT,
            action="change.claimed",
            why=f"{person.username} said: that was me",
        )
        if locked.state == "drafted":
            _confirm(actor, locked)
    return locked


def confirm_change(*, actor: Actor, change: Change) -> Change:
    """What Foldback drafted is so: its owner (or a release manager) logs it. Emits `change.logged`.

    It is logged as of now: somebody else has to approve it within the time for that.
    """
    roles.require(actor, "change.edit")
    with transaction.atomic():
        locked = lock_change(change)
        same_state(locked, change)
        if actor.person_id != locked.owner_id and not roles.allows(actor, "change.approve"):
            raise NotPermitted(
                f"{locked} is {locked.owner.username}'s to confirm. If it was you who did it, claim it."
            )
        _confirm(actor, locked)
    return locked


def _confirm(actor: Actor, change: Change) -> None:
    due = clock.now() + timedelta(hours=settings.REVIEW_HOURS)
    move(
        actor=actor,
        change=change,
        event="confirm",
        action="change.confirmed",
        emits="change.logged",
        due_at=due,
        reminded_at=None,
    )


def transfer_change(*, actor: Actor, change: Change, to: Person, reason: str = "") -> Change:
    """Another person answers for it from now on. Its owner, or a release manager, hands it over.

    Verdicts that stand on it are void, since four eyes look at owner and approver: what was approved is proposed
    again. What is being carried out keeps them, and so can't go to whoever gave one. Decisions are handed over only
    while they are proposed. Emits `change.transferred`.
    """
    roles.require(actor, "change.edit")
    reason = clean_text("reason", reason)
    if not to.is_active:
        problem = f"{to.username} is not active, and can't answer for a change"
        raise Invalid(f"/to: {problem}.", errors=[FieldError("/to", problem)])
    with transaction.atomic():
        locked = lock_change(change)
        if locked.owner_id not in (change.owner_id, to.pk):
            raise Conflict(
                f"{locked} is {locked.owner.username}'s by now: {who_was_last(locked)}. Read it again and decide anew."
            )
        if actor.person_id != locked.owner_id and not roles.allows(actor, "change.approve"):
            raise NotPermitted(
                f"{locked} is {locked.owner.username}'s: they or a release manager can hand it over."
            )
        if locked.owner_id == to.pk:
            return locked
        if locked.is_decision and locked.state != "proposed":
            raise Conflict(f"{locked} is {locked.state}: a decision changes hands only while it is proposed.")
        if locked.state not in OPEN:
            raise Conflict(f"{locked} is {locked.state}: there is nothing left to hand over.")
        if locked.state == "started" and _has_approved(to, locked):
            raise Conflict(
                f"{to.username} approved {locked}, which goes on: somebody else has to see to its end."
            )
        _give(
            actor=actor,
            change=locked,
            to=to,
            source=words.SUCCESSOR,
            action="change.transferred",
            why=reason or f"handed over to {to.username}",
        )
    return locked


def _give(*, actor: Actor, change: Change, to: Person, source: str, action: str, why: str) -> None:
    before = {"owner": str(change.owner_id), "owner_source": change.owner_source}
    # First, since a trigger keeps what live verdicts are bound to; not of what goes on by them.
    voided = void_verdicts(actor=actor, change=change, reason=why) if change.state != "started" else 0
    write(change, owner=to, owner_source=source)
    data = {"from": before, "to": {"owner": str(to.pk), "owner_source": source}, "reason": why}
    record_entry(
        actor=actor,
        action=action,
        subject=change,
        data=data | ({"verdicts_voided": voided} if voided else {}),
    )
    emit_event(type=action, subject=change, data={"from": before["owner"], "to": str(to.pk)})


def hand_over_work(*, event_id: UUID, type: str, subject_id: UUID, data: dict[str, Any]) -> None:
    """Consumer of `person.deactivated`: their open changes go to the successor that was named, else to the lead of
    the team that has the hosts, else to the lead of a team they were in, else to whoever let them go, else to the
    admin who has been here longest.

    What is over stays theirs: that is history. A person who is active again by now keeps what they have.
    """
    leaver = Person.objects.filter(pk=subject_id, is_active=False).first()
    if leaver is None:
        return
    successor = _active(data.get("successor"))
    for change in Change.objects.filter(owner=leaver, state__in=OPEN).order_by("number"):
        locked = lock_change(change)
        if locked.owner_id != leaver.pk or locked.state not in OPEN:
            continue
        if locked.is_decision and locked.state != "proposed":  # a worker carries it out by itself
            continue
        if (
            locked.state == "logged" and locked.due_at is None
        ):  # an old record, about which nothing is to be done
            continue
        heirs = (successor, _stand_in(locked, leaver), _active(data.get("by")), _admin())
        heir = next((one for one in heirs if one is not None and _may_follow(one, locked)), None)
        if heir is not None:
            _give(
                actor=SYSTEM,
                change=locked,
                to=heir,
                source=words.SUCCESSOR,
                action="change.transferred",
                why=f"{leaver.username} has left",
            )


def _active(person_id: str | None) -> Person | None:
    return Person.objects.filter(pk=person_id, is_active=True).first() if person_id else None


def _admin() -> Person | None:
    return Person.objects.filter(role=roles.ADMIN, is_active=True).order_by("created_at").first()


def _has_approved(person: Person, change: Change) -> bool:
    return Approval.objects.filter(change=change, approver=person, voided_at=None).exists()


def _may_follow(person: Person, change: Change) -> bool:
    return change.state != "started" or not _has_approved(person, change)


def _stand_in(change: Change, leaver: Person) -> Person | None:
    lead = look_up_scope(change.hosts).lead
    if lead is not None:
        return Person.objects.get(pk=lead)
    teams = Team.objects.filter(members=leaver, lead__is_active=True).order_by("name")
    team = teams.select_related("lead").first()
    return team.lead if team else None
