"""Decisions on their way: proposed, their content replaced, withdrawn, carried out or failed."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import transaction

from changemgmt.core import words
from changemgmt.core.links import clean_links
from changemgmt.core.requirements import approvals_needed, requirements_of
from changemgmt.core.risk import assess
from changemgmt.core.scope import clean_hosts, clean_resources
from changemgmt.core.texts import check_digest, clean_text, clean_title
from changemgmt.models import Change
from changemgmt.queries.policies import active_policies
from changemgmt.queries.scope import look_up_scope
from changemgmt.services.records import lock_change, move, person_of, same_state, void_live_approvals
from common import clock
from common.core import roles
from common.core.actor import Actor
from common.core.errors import Conflict, NotPermitted
from common.services.ledger import record_entry
from common.services.outbox import emit_event


def propose_change(
    *,
    actor: Actor,
    title: str,
    reason: str,
    hosts: Sequence[str],
    resources: Sequence[str],
    digest: str,
    description: str = "",
    made_by: Sequence[UUID] = (),
    links: Mapping[str, Any] | None = None,
) -> Change:
    """A decision that waits for somebody else's approval; it is the actor's person's own.

    `digest` (64 hex digits) stands for everything that an approval must bind: patch, rendered effect, hosts.
    `made_by` are the people who made by hand what this decides on (owners of the explaining changes,
    claimants): they may not approve it either. Emits `change.proposed`.
    """
    roles.require(actor, "decision.propose")
    person = person_of(actor)
    with transaction.atomic():
        change = Change.objects.create(
            kind=words.DECISION,
            state="proposed",
            title=clean_title("title", title),
            description=clean_text("description", description),
            reason=clean_text("reason", reason, required=True),
            owner=person,
            owner_source=words.RECORDER,
            requested_by=person,
            recorded_via=actor.label,
            token_id=actor.token_id,
            client_id=actor.token_id or person.pk,
            happened_at=clock.now(),
            hosts=clean_hosts(hosts),
            resources=clean_resources(resources),
            digest=check_digest(digest),
            made_by=sorted(set(made_by)),
            links=clean_links(dict(links) if links is not None else None),
            **_weight(hosts, resources),
        )
        data = {
            "title": change.title,
            "reason": change.reason,
            "digest": change.digest,
            "made_by": [str(maker) for maker in change.made_by],
            "hosts": change.hosts,
            "resources": change.resources,
        }
        record_entry(actor=actor, action="change.proposed", subject=change, data=data)
        emit_event(type="change.proposed", subject=change)
    return change


def _weight(hosts: Sequence[str], resources: Sequence[str]) -> dict[str, Any]:
    """Risk and the approvals that a decision about these takes, by the policies that hold now."""
    environments = look_up_scope(hosts).environments
    risk = assess(kind=words.DECISION, hosts=len(hosts), environments=environments, resources=resources)
    requirements = requirements_of(
        active_policies(), kind=words.DECISION, risk=risk.level, environments=environments
    )
    return {
        "environments": environments,
        "risk": risk.level,
        "risk_reasons": list(risk.reasons),
        "requirements": requirements,
        "approvals_needed": approvals_needed(requirements),
    }


def set_digest(*, actor: Actor, change: Change, digest: str) -> Change:
    """The content of a proposal was replaced: what an approval binds is new, and an earlier one is void.

    Only while it is proposed; void an approved one first. The same digest again changes nothing.
    """
    roles.require(actor, "decision.propose")
    digest = check_digest(digest)
    with transaction.atomic():
        locked = lock_change(change)
        if locked.state != "proposed":
            raise Conflict(
                f"{locked} is {locked.state}: the content of a change can be replaced only while it is proposed."
            )
        if locked.digest == digest:
            return locked
        voided = void_live_approvals(change=locked, reason="the proposal's content was replaced")
        before, locked.digest = locked.digest, digest
        locked.version += 1
        locked.updated_at = clock.now()
        locked.save(update_fields=["digest", "version", "updated_at"])
        data = {"from": before, "to": digest, "approvals_voided": voided}
        record_entry(actor=actor, action="change.content_replaced", subject=locked, data=data)
        emit_event(type="change.content_replaced", subject=locked)
    return locked


def withdraw_change(*, actor: Actor, change: Change, reason: str = "") -> Change:
    """Whoever proposed or owns it takes it back, before it is carried out. Emits `change.withdrawn`."""
    roles.require(actor, "change.edit")
    with transaction.atomic():
        locked = lock_change(change)
        theirs = actor.person_id in (locked.owner_id, locked.requested_by_id)
        if not theirs and not roles.allows(actor, "change.withdraw-any") and actor.kind != "system":
            raise NotPermitted(
                f"{locked} is {locked.owner.username}'s to withdraw; to stop it, refuse it with a reason."
            )
        same_state(locked, change)
        # The move first: what can't be withdrawn keeps its approvals.
        move(
            actor=actor,
            change=locked,
            event="withdraw",
            action="change.withdrawn",
            data={"reason": clean_text("reason", reason)},
        )
        void_live_approvals(change=locked, reason="the change was withdrawn")
    return locked


def complete_change(*, actor: Actor, change: Change, data: Mapping[str, Any] | None = None) -> Change:
    """A decision was carried out; `data` says with what result (a commit, a job) in the ledger. Emits
    `change.completed`."""
    roles.require(actor, "change.edit")
    with transaction.atomic():
        locked = lock_change(change)
        move(
            actor=actor,
            change=locked,
            event="complete",
            action="change.completed",
            data=dict(data or {}),
            ended_at=clock.now(),
        )
    return locked


def fail_change(*, actor: Actor, change: Change, reason: str) -> Change:
    """A decision was approved, but could not be carried out. Emits `change.failed`."""
    roles.require(actor, "change.edit")
    reason = clean_text("reason", reason, required=True)
    with transaction.atomic():
        locked = lock_change(change)
        move(
            actor=actor,
            change=locked,
            event="fail",
            action="change.failed",
            data={"reason": reason},
            outcome=reason,
            ended_at=clock.now(),
        )
    return locked
