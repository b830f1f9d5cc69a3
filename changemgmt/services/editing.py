"""Correcting what a change says. What somebody has approved of it, they have to approve anew."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from changemgmt.core import words
from changemgmt.core.filing import check_plan, check_planned, check_risk
from changemgmt.core.links import clean_links
from changemgmt.core.scope import clean_hosts, clean_resources
from changemgmt.core.texts import clean_text, clean_title
from changemgmt.core.times import check_happened_at
from changemgmt.models import Change, Incident
from changemgmt.queries.policies import active_policies
from changemgmt.queries.scope import look_up_scope, selected_hosts
from changemgmt.services.records import lock_change, move, void_verdicts, write
from changemgmt.services.weighing import fit_template, weigh
from common import clock
from common.core import roles
from common.core.actor import Actor
from common.core.errors import Conflict, FieldError, Invalid, NotPermitted, PreconditionFailed
from common.services.ledger import record_entry
from common.services.outbox import emit_event

EDITABLE = (
    "title", "description", "reason", "hosts", "selector", "resources", "happened_at", "planned_start", "planned_end",
    "plan", "backout", "risk", "incident", "links",
)  # fmt: skip
_WEIGHED = ("environments", "risk", "risk_reasons", "requirements", "approvals_needed", "digest")
# What is edited → the column that holds it.
_COLUMNS = {name: name for name in EDITABLE} | {"risk": "risk_said", "incident": "incident_id"}
_FREE = {"incident_id", "links"}  # what no approval binds
_TAKES_EDITS = ("drafted", "logged", "accepted", "disputed", "proposed", "rejected", "approved", "ready")


def update_change(
    *, actor: Actor, change: Change, fields: Mapping[str, Any], expected_version: int | None = None
) -> Change:
    """Correct what a change says; `fields` are of EDITABLE, `expected_version` is the version that was read.

    Its owner, whoever filed it, and release managers may. An edit of what its digest binds voids the verdicts on it,
    in the same transaction: what was approved is proposed again, what was accepted waits for somebody anew, and what
    was refused may be approved as it is now; by somebody else than who edited it. Of a decision only the description can be edited, and nothing once a
    change is being carried out or over. The ledger keeps what it said before.
    """
    roles.require(actor, "change.edit")
    if unknown := set(fields) - set(EDITABLE):
        raise Invalid(f"These can't be edited: {', '.join(sorted(unknown))}.")
    with transaction.atomic():
        locked = lock_change(change)
        if expected_version is not None and locked.version != expected_version:
            raise PreconditionFailed(
                "Read it again, look at what changed, and send your change with the new ETag."
            )
        _check_may_edit(actor, locked, fields)
        before = {name: getattr(locked, name) for name in (*_COLUMNS.values(), *_WEIGHED)}
        _take(locked, fields)
        said = sorted(name for name in _COLUMNS.values() if getattr(locked, name) != before[name])
        if not said:
            return change if change.version == locked.version else lock_change(change)
        if not locked.is_decision and set(said) - _FREE:
            _weigh_again(locked)
        changed = [name for name, value in before.items() if getattr(locked, name) != value]
        after = {name: getattr(locked, name) for name in changed}
        data: dict[str, Any] = {
            "from": {name: _plain(before[name]) for name in said},
            "to": {name: _plain(after[name]) for name in said},
        }
        if "digest" in changed:
            data["digest"] = {"from": before["digest"], "to": after["digest"]}
            was = locked.state
            data["verdicts_voided"] = void_verdicts(
                actor=actor, change=locked, reason=f"{actor.label} edited {', '.join(said)}"
            )
            if was != locked.state:
                data["state"] = {"from": was, "to": locked.state}
            # Whoever wrote a part of it doesn't approve it.
            if actor.person_id is not None and actor.person_id not in locked.made_by:
                after["made_by"] = sorted([*locked.made_by, actor.person_id])
        write(locked, **after)
        record_entry(actor=actor, action="change.updated", subject=locked, data=data)
        emit_event(type="change.updated", subject=locked, data={"fields": said})
        if locked.state == "rejected" and "digest" in changed:
            move(actor=actor, change=locked, event="propose", action="change.proposed")
    return locked


def _take(change: Change, fields: Mapping[str, Any]) -> None:
    """Set the fields on a locked change, cleaned; nothing is written yet."""
    now = clock.now()
    for name in ("description", "reason", "plan", "backout"):
        if name in fields:
            setattr(change, name, clean_text(name, fields[name]))
    if "title" in fields:
        change.title = clean_title("title", fields["title"])
    if "resources" in fields:
        change.resources = clean_resources(fields["resources"])
    if "links" in fields:
        change.links = clean_links(fields["links"])
    if "risk" in fields:
        change.risk_said = check_risk(fields["risk"])
    if "incident" in fields:
        incident: Incident | None = fields["incident"]
        change.incident_id = incident.pk if incident else None
    if fields.get("happened_at") is not None:
        if not change.is_record:
            problem = "it has not been done yet; planned_start says when it is planned"
            raise Invalid(f"/happened_at: {problem}.", errors=[FieldError("/happened_at", problem)])
        change.happened_at = check_happened_at(fields["happened_at"], now) or change.happened_at
    if "planned_start" in fields or "planned_end" in fields:
        change.planned_start, change.planned_end = check_planned(
            fields.get("planned_start", change.planned_start),
            fields.get("planned_end", change.planned_end),
            now,
            is_ahead=not change.is_record,
        )
    if "hosts" in fields or "selector" in fields:
        # A list of hosts without a selector is meant as it is: what it was resolved from once says nothing of it.
        change.selector = clean_text("selector", fields.get("selector", ""))
        named = fields.get("hosts", () if change.selector else change.hosts)
        scope = look_up_scope(clean_hosts(named), change.selector)
        change.hosts, change.environments = clean_hosts(scope.hosts), scope.environments


def _weigh_again(change: Change) -> None:
    """What follows from what it says: whether that is enough, risk, approvals and digest."""
    template = change.template
    if template is not None and change.state == "ready":
        fit_template(change, template, selected_hosts(template.selector, pointer="/template"))
    if change.kind == words.NORMAL and not change.is_record:
        check_plan(change.plan, change.backout)
    weigh(change, active_policies())


def _check_may_edit(actor: Actor, change: Change, fields: Mapping[str, Any]) -> None:
    own = actor.person_id is not None and actor.person_id in (change.owner_id, change.requested_by_id)
    if not own and actor.kind != "system" and not roles.allows(actor, "change.approve"):
        raise NotPermitted(
            f"{change} is {change.owner.username}'s: its owner or a release manager can correct it."
        )
    if change.is_decision:
        if change.state not in ("proposed", "approved"):
            raise Conflict(f"{change} is {change.state}: what it said then stays as it was.")
        if bound := sorted(set(fields) - {"description"}):
            raise Conflict(
                f"{', '.join(bound)}: an approval of {change} binds this. Withdraw it and propose anew; only the "
                "description can be edited."
            )
    elif change.state not in _TAKES_EDITS and (set(fields) - {"incident", "links"}):
        raise Conflict(
            f"{change} is {change.state}: what it said when it was approved stays. Add a comment instead."
        )


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, str | list | dict) else _text(value)


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
