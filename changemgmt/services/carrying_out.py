"""Carrying out what was approved, and looking back on what was done."""

from django.db import transaction

from changemgmt.core import words
from changemgmt.core.gates import ALLOWED
from changemgmt.core.texts import clean_text
from changemgmt.models import Change
from changemgmt.queries.gates import ask_gates
from changemgmt.services.records import lock_change, move, person_of, same_state, who_was_last
from common import clock
from common.core import roles
from common.core.actor import Actor
from common.core.errors import Conflict, NotPermitted


def start_change(*, actor: Actor, change: Change) -> Change:
    """It is being carried out from now on; that is also when it happened, for whoever looks for what changed.

    Its owner, whoever filed it, the program that filed it, and release managers may. Every gate has to allow it now:
    approvals in force, no freeze, its planned time. Raises Conflict with what stands in the way, who can help, and
    when to try again. Emits `change.started`.
    """
    with transaction.atomic():
        locked = _lock_for(actor, change)
        if locked.state not in ("approved", "ready"):
            raise Conflict(
                f"{locked} is {locked.state}; what is approved, or ready, can be started: {who_was_last(locked)}."
            )
        now = clock.now()
        if stopped := [answer for answer in ask_gates(locked, now) if answer.verdict != ALLOWED]:
            told = " ".join(f"{answer.reason}" for answer in stopped)
            raise Conflict(f"{locked} can't be started now. {told}")
        move(
            actor=actor,
            change=locked,
            event="start",
            action="change.started",
            started_at=now,
            happened_at=now,
        )
    return locked


def finish_change(*, actor: Actor, change: Change, succeeded: bool, outcome: str = "") -> Change:
    """It was carried out, or it failed; `outcome` says what came of it, and has to when it failed.

    Emits `change.completed` or `change.failed`. What was not started was not carried out by anybody.
    """
    outcome = clean_text("outcome", outcome, required=not succeeded)
    with transaction.atomic():
        locked = _lock_for(actor, change)
        if locked.state != "started":
            raise Conflict(
                f"{locked} is {locked.state}, not started: start it when you begin, so that its approval is checked "
                f"and others see that it goes on. {who_was_last(locked)}."
            )
        action = "change.completed" if succeeded else "change.failed"
        move(
            actor=actor,
            change=locked,
            event="complete" if succeeded else "fail",
            action=action,
            data={"outcome": outcome} if outcome else None,
            outcome=outcome,
            ended_at=clock.now(),
        )
    return locked


def review_change(*, actor: Actor, change: Change, text: str) -> Change:
    """Look back on what was done: what was learnt. Once; comments may follow. Emits `change.reviewed`."""
    roles.require(actor, "change.edit")
    if actor.kind != "person":
        raise NotPermitted("Only a person can look back on a change.")
    person = person_of(actor)
    text = clean_text("text", text, required=True)
    with transaction.atomic():
        locked = lock_change(change)
        same_state(locked, change)
        if locked.state in ("drafted", "logged", "disputed"):
            raise Conflict(
                f"{locked} is {locked.state}: somebody else approves it first, then it can be reviewed."
            )
        move(
            actor=actor,
            change=locked,
            event="review",
            action="change.reviewed",
            data={"text": text},
            review=text,
            reviewed_by=person,
            reviewed_at=clock.now(),
        )
    return locked


def _lock_for(actor: Actor, change: Change) -> Change:
    roles.require(actor, "change.carry-out")
    locked = lock_change(change)
    if locked.kind == words.DECISION:
        raise Conflict(f"{locked} is a decision: a worker carries it out when it is approved.")
    filed = actor.token_id is not None and actor.token_id == locked.token_id
    own = not actor.is_program and actor.person_id in (locked.owner_id, locked.requested_by_id)
    if not filed and not own and actor.kind != "system" and not roles.allows(actor, "change.approve"):
        raise NotPermitted(
            f"{locked} is {locked.owner.username}'s: they, the program that filed it, or a release manager carry it "
            "out."
        )
    same_state(locked, change)
    return locked
