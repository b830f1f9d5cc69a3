"""Scan policies, made and changed by people. What comes of them is in drift.services.schedules."""

from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F

from common import clock
from common.core import roles
from common.core.actor import Actor
from common.core.errors import Conflict, FieldError, Invalid
from common.services.ledger import record_entry
from drift.core.schedule import period_problems
from drift.models import ScanPolicy
from inventory.core.names import word_problem
from inventory.queries.hosts import parse_selector

PERMISSION = "scan-policy.edit"
# Words that stand where a name stands in an address.
RESERVED = ("new", "preview", "coverage")
_TIMING = ("quick_every", "deep_every", "enabled")


def create_scan_policy(
    *,
    actor: Actor,
    name: str,
    selector: str,
    quick_every: int | None = None,
    deep_every: int | None = None,
    enabled: bool = True,
    note: str = "",
) -> ScanPolicy:
    """A new policy; periods in seconds, None for never. The selector may name no host yet.

    Raises Invalid for a name, a selector or periods that can't be used, Conflict for a taken name.
    """
    roles.require(actor, PERMISSION)
    problem = word_problem("scan policy", name)
    if problem is None and name.lower() in RESERVED:
        problem = f"the scan policy can't be named {name}: that word is taken by an address"
    if problem is not None:
        raise Invalid(f"name: {problem}", errors=[FieldError("/name", problem)])
    _check_periods(quick_every, deep_every)
    canonical = parse_selector(selector, pointer="/selector").canonical
    values: dict[str, Any] = {
        "selector": canonical,
        "quick_every": quick_every,
        "deep_every": deep_every,
        "enabled": enabled,
        "note": note.strip(),
    }
    try:
        with transaction.atomic():
            policy = ScanPolicy.objects.create(
                name=name, created_by_id=actor.person_id, since=clock.now(), **values
            )
            record_entry(actor=actor, action="scan-policy.created", subject=policy, data=values)
    except IntegrityError:
        told = f"There is a scan policy {name} already."
        raise Conflict(told, errors=[FieldError("/name", told)]) from None
    return policy


def update_scan_policy(*, actor: Actor, policy: ScanPolicy, changes: dict[str, Any]) -> None:
    """Change `selector`, `quick_every`, `deep_every`, `enabled` or `note`; Conflict if it changed since it was read.

    Other periods, and enabling it, count from now: what was due before is not owed.
    """
    roles.require(actor, PERMISSION)
    changes = dict(changes)
    if "selector" in changes:
        changes["selector"] = parse_selector(changes["selector"], pointer="/selector").canonical
    if "note" in changes:
        changes["note"] = changes["note"].strip()
    before = {name: getattr(policy, name) for name in changes}
    changes = {name: value for name, value in changes.items() if value != before[name]}
    if not changes:
        return
    _check_periods(
        changes.get("quick_every", policy.quick_every), changes.get("deep_every", policy.deep_every)
    )
    timing = {"since": clock.now()} if set(changes) & set(_TIMING) else {}
    with transaction.atomic():
        moved = ScanPolicy.objects.filter(pk=policy.pk, version=policy.version).update(
            version=F("version") + 1, **changes, **timing
        )
        if not moved:
            raise Conflict(f"The scan policy {policy} has changed since you read it. Read it again.")
        data = {"before": {name: before[name] for name in changes}, "after": changes}
        record_entry(actor=actor, action=_action(changes), subject=policy, data=data)
    policy.refresh_from_db()


def _action(changes: dict[str, Any]) -> str:
    """Switching it off is what an auditor looks for, so it has a verb of its own."""
    if set(changes) == {"enabled"}:
        return "scan-policy.enabled" if changes["enabled"] else "scan-policy.disabled"
    return "scan-policy.updated"


def delete_scan_policy(*, actor: Actor, policy: ScanPolicy) -> None:
    """Nothing is due for it any more; its scans stay, and one that runs goes on to its end."""
    roles.require(actor, PERMISSION)
    with transaction.atomic():
        # Held, so that no slot of it is being started meanwhile.
        held = ScanPolicy.objects.select_for_update().filter(pk=policy.pk, version=policy.version).first()
        if held is None:
            raise Conflict(f"The scan policy {policy} has changed since you read it. Read it again.")
        data = {"selector": held.selector, "quick_every": held.quick_every, "deep_every": held.deep_every}
        record_entry(actor=actor, action="scan-policy.deleted", subject=held, data=data)
        held.delete()


def _check_periods(quick_every: int | None, deep_every: int | None) -> None:
    problems = period_problems(quick_every, deep_every)
    if problems:
        field, problem = problems[0]
        raise Invalid(
            f"{field}: {problem}.", errors=[FieldError(f"/{name}", text) for name, text in problems]
        )
