"""Other people's verdicts on changes. The one approval mechanism: everything that needs a yes comes here."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from changemgmt.core import words
from changemgmt.core.filing import VALID_FOR, approval_ends
from changemgmt.core.ownership import why_not_approve
from changemgmt.core.requirements import counts_for, in_words
from changemgmt.core.texts import check_digest, clean_text
from changemgmt.models import Approval, Change
from changemgmt.queries.approvals import (
    WAITING,
    approvers_for,
    as_approvers,
    makers_of,
    missing_approvals,
    why_not_in_force,
)
from changemgmt.services.records import (
    digest_of,
    lock_change,
    move,
    person_of,
    void_live_approvals,
    void_verdicts,
    who_was_last,
    write,
)
from common import clock
from common.core import roles
from common.core.actor import SYSTEM, Actor
from common.core.errors import Conflict, NotPermitted
from common.models import Person
from common.services.ledger import record_entry
from common.services.outbox import emit_event


def approve_change(
    *, actor: Actor, change: Change, digest: str, comment: str = "", valid_for: timedelta = VALID_FOR
) -> Approval:
    """The actor has read exactly this content, and says yes.

    With the approval that fulfils all that it takes, what is proposed is approved (`change.approved`), and what was
    done first is accepted (`change.accepted`); before, `change.approval_given`.

    Only a person with the right to approve, who neither proposed it, nor owns it, nor made what it decides on
    (unless FOUR_EYES is off, and then the approval says so). Raises Conflict when the change moved since it
    was read, or somebody decided first.
    """
    return _decide(
        actor=actor, change=change, digest=digest, verdict=words.APPROVED, reason=comment, valid_for=valid_for
    )


def refuse_change(*, actor: Actor, change: Change, reason: str, digest: str = "") -> Approval:
    """The actor says no, and why: what is proposed is rejected (`change.rejected`), what was done first is disputed
    (`change.disputed`). With `digest`, only if the change is still what the actor read.
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
    now = clock.now()
    with transaction.atomic():
        locked = lock_change(change)
        _note_makers(locked)
        _check_four_eyes(locked, person)
        if not locked.digest:  # a record of before there were digests of records
            write(locked, digest=digest_of(locked))
        if not locked.is_decision:
            void_when_expired(change=locked, now=now)
        if locked.state not in WAITING:
            raise Conflict(
                f"{locked} is {locked.state}, and only what is proposed or recorded can be approved or refused: "
                f"{who_was_last(locked)}."
            )
        if digest and digest != locked.digest:
            raise Conflict(
                f"{'The proposal' if locked.state == 'proposed' else 'The record'} moved since you read it: look at "
                f"{locked} again, and decide on what it is now."
            )
        _settle_earlier(locked, person, approving=approving, now=now)
        if approving:
            _check_counts(locked, person, now)
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
            expires_at=approval_ends(now, valid_for, planned_end=_planned_end(locked)),
        )
        # Before the state: a trigger lets nothing become approved without it.
        approval.save(force_insert=True)
        _follow(actor, locked, approval, now)
    return approval


def _planned_end(change: Change) -> datetime | None:
    """When it is over, as planned; a week after its start where only that was said."""
    if change.planned_end is None and change.planned_start is not None:
        return change.planned_start + VALID_FOR
    return change.planned_end


def _follow(actor: Actor, change: Change, approval: Approval, now: datetime) -> None:
    """Move the change as this verdict asks, or note that more are missing."""
    first = change.state == "proposed"
    data = {"approval": str(approval.pk), "digest": change.digest, "four_eyes": approval.four_eyes}
    data |= {"reason": approval.reason} if approval.reason else {}
    if approval.verdict == words.REFUSED:
        action = "change.rejected" if first else "change.disputed"
        move(actor=actor, change=change, event="refuse", action=action, data=data)
        return
    left = missing_approvals(change, now)
    if left:
        data["missing"] = [in_words(one) for one in left]
        write(change)
        record_entry(actor=actor, action="change.approval_given", subject=change, data=data)
        emit_event(type="change.approval_given", subject=change)
        return
    action = "change.approved" if first else "change.accepted"
    move(actor=actor, change=change, event="approve", action=action, data=data)


def void_when_expired(*, change: Change, now: datetime) -> bool:
    """A locked change whose approvals don't hold any more before it was started waits for approvals anew; says
    whether."""
    if change.state != "approved" or not missing_approvals(change, now):
        return False
    reason = f"{why_not_in_force(change, now)}, before it was started"
    void_verdicts(actor=SYSTEM, change=change, reason=reason)
    return True


def _settle_earlier(change: Change, person: Person, *, approving: bool, now: datetime) -> None:
    """One live verdict a person: a later one takes the place of an earlier, but yes and yes again is a mistake. And
    what somebody else has refused as it is, is not approved as it is."""
    live = list(Approval.objects.filter(change=change, voided_at=None).select_related("approver"))
    own = next((one for one in live if one.approver_id == person.pk), None)
    if own is not None and approving and own.verdict == words.APPROVED and own.expires_at > now:
        left = "; ".join(in_words(one) for one in missing_approvals(change, now))
        raise Conflict(f"You approved {change} already. It still takes: {left}.")
    refusal = next((one for one in live if one.verdict == words.REFUSED and one is not own), None)
    if approving and refusal is not None:
        raise Conflict(
            f"{refusal.approver.username} refused {change} as it is: {refusal.reason} When its owner has corrected "
            "it, or that refusal is taken back, it can be approved."
        )
    if own is not None:
        Approval.objects.filter(pk=own.pk).update(
            voided_at=now, void_reason=f"{person.username} decided anew"
        )


def _check_counts(change: Change, person: Person, now: datetime) -> None:
    left = missing_approvals(change, now)
    mine = as_approvers([person])[0]
    if left and not any(counts_for(one, mine) for one in left):
        others = ", ".join(one.username for one in approvers_for(change)) or "nobody yet: ask an admin"
        raise NotPermitted(
            f"Your approval would not count for {change}: it still takes {'; '.join(in_words(one) for one in left)}. "
            f"These can: {others}."
        )


def _note_makers(change: Change) -> None:
    """Write down who is known by now to have made what it decides on, so that the approval is held against them."""
    makers = sorted(makers_of(change))
    if change.state == "proposed" and makers != sorted(change.made_by):
        # Those who said yes to it when that was not known decide anew, or it is held against them.
        void_live_approvals(change=change, reason="who made what it decides on is known better by now")
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
        asks=change.state not in words.RECORD_STATES,
    )
    if why is None:
        return
    others = ", ".join(other.username for other in approvers_for(change))
    who = f"These can: {others}." if others else "Nobody else has the role for it yet: ask an admin."
    raise NotPermitted(f"Somebody else decides on this: {why}. {who}")
