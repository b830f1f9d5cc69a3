"""Other people's verdicts on proposals. The one approval mechanism: everything that needs a yes comes here."""

from datetime import timedelta

from django.conf import settings
from django.db import transaction

from changemgmt.core import words
from changemgmt.core.ownership import why_not_approve
from changemgmt.core.texts import check_digest, clean_text
from changemgmt.models import Approval, Change
from changemgmt.queries.approvals import approvers_for, makers_of
from changemgmt.services.records import lock_change, move, person_of, void_live_approvals, who_was_last
from common import clock
from common.core import roles
from common.core.actor import Actor
from common.core.errors import Conflict, NotPermitted
from common.models import Person

VALID_FOR = timedelta(days=7)


def approve_change(
    *, actor: Actor, change: Change, digest: str, comment: str = "", valid_for: timedelta = VALID_FOR
) -> Approval:
    """The actor has read exactly this content, and says yes. Emits `change.approved`.

    Only a person with the right to approve, who neither proposed it, nor owns it, nor made what it decides on
    (unless FOUR_EYES is off, and then the approval says so). Raises Conflict when the proposal moved since it
    was read, or somebody decided first.
    """
    return _decide(
        actor=actor, change=change, digest=digest, verdict=words.APPROVED, reason=comment, valid_for=valid_for
    )


def refuse_change(*, actor: Actor, change: Change, reason: str, digest: str = "") -> Approval:
    """The actor says no, and why; whom that concerns can propose anew. Emits `change.rejected`.

    With `digest`, only if the proposal is still what the actor read.
    """
    return _decide(
        actor=actor, change=change, digest=digest, verdict=words.REFUSED, reason=reason, valid_for=VALID_FOR
    )


def void_approval(*, actor: Actor, change: Change, reason: str) -> Change:
    """What was approved is no longer what would be done: back to proposed. Emits `change.voided`."""
    if not roles.allows(actor, "change.approve"):
        roles.require(actor, "change.edit")
    reason = clean_text("reason", reason, required=True)
    with transaction.atomic():
        locked = lock_change(change)
        move(actor=actor, change=locked, event="void", action="change.voided", data={"reason": reason})
        void_live_approvals(change=locked, reason=reason)
    return locked


def _decide(
    *, actor: Actor, change: Change, digest: str, verdict: str, reason: str, valid_for: timedelta
) -> Approval:
    roles.require(actor, "change.approve")
    if actor.kind != "person":
        raise NotPermitted(
            "Only a person can approve or refuse a change: a program doesn't answer for anything."
        )
    person = person_of(actor)
    approving = verdict == words.APPROVED
    reason = clean_text("comment" if approving else "reason", reason, required=not approving)
    if digest or approving:
        digest = check_digest(digest)
    with transaction.atomic():
        locked = lock_change(change)
        _note_makers(locked)
        _check_four_eyes(locked, person)
        if locked.state != "proposed":
            raise Conflict(
                f"{locked} is {locked.state}, and only what is proposed can be approved or refused: {who_was_last(locked)}."
            )
        if digest and digest != locked.digest:
            raise Conflict(
                f"The proposal moved since you read it: look at {locked} again, and decide on what it is now."
            )
        approval = Approval(
            change=locked,
            approver=person,
            requested_by_id=locked.requested_by_id,
            owner_id=locked.owner_id,
            made_by=locked.made_by,
            digest=locked.digest,
            verdict=verdict,
            reason=reason,
            four_eyes=settings.FOUR_EYES,
            expires_at=clock.now() + valid_for,
        )
        # Before the state: a trigger lets nothing become approved without it.
        approval.save(force_insert=True)
        data = {"approval": str(approval.pk), "digest": locked.digest, "four_eyes": approval.four_eyes}
        move(
            actor=actor,
            change=locked,
            event="approve" if approving else "refuse",
            action="change.approved" if approving else "change.rejected",
            data=data | ({"reason": reason} if reason else {}),
        )
    return approval


def _note_makers(change: Change) -> None:
    """Write down who is known by now to have made what it decides on, so that the approval is held against them."""
    makers = sorted(makers_of(change))
    if change.state == "proposed" and makers != sorted(change.made_by):
        change.made_by = makers
        change.save(update_fields=["made_by"])


def _check_four_eyes(change: Change, person: Person) -> None:
    if not settings.FOUR_EYES:
        return
    why = why_not_approve(
        person.pk,
        requested_by=change.requested_by_id,
        owner=change.owner_id,
        made_by=change.made_by,
        reference=change.reference,
    )
    if why is None:
        return
    others = ", ".join(other.username for other in approvers_for(change))
    who = f"These can: {others}." if others else "Nobody else has the role for it yet: ask an admin."
    raise NotPermitted(f"Somebody else decides on this: {why}. {who}")
