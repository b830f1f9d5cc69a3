"""What the services of decisions share: their findings, locked and moved together."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from common.core.actor import Actor
from common.services.ledger import transition
from drift.core.lifecycles import FINDING
from drift.models import Decision, Finding
from drift.services.findings import settle_finding


def lock_findings(ids: Iterable[UUID]) -> list[Finding]:
    """The findings as they are now, locked in the order of their fingerprints, as scans lock them."""
    return list(Finding.objects.select_for_update().filter(pk__in=list(ids)).order_by("fingerprint"))


def current_findings(decision: Decision, *states: str) -> list[Finding]:
    """The findings in these states that this decision stands for: a later decision about one takes it over."""
    found = decision.findings.filter(state__in=states).order_by("fingerprint")
    return [finding for finding in found if _latest(finding) == decision.pk]


def _latest(finding: Finding) -> Any:
    return finding.decisions.order_by("-number").values_list("pk", flat=True).first()


def move_findings(
    *, actor: Actor, decision: Decision, event: str, data: dict[str, Any] | None = None, **fields: Any
) -> list[Finding]:
    """Move every finding of the decision for which the table has this event; returns those that moved."""
    states = [state for state, name in FINDING.table if name == event]
    moved = []
    for finding in lock_findings(finding.pk for finding in current_findings(decision, *states)):
        if finding.state not in states:  # it moved before we had the lock
            continue
        new = FINDING.next(finding.state, event)
        transition(
            actor=actor,
            lifecycle=FINDING,
            subject=finding,
            event=event,
            action=f"finding.{_PAST[event]}",
            data={"decision": decision.reference, **(data or {})},
            fields=fields,
            emits=f"finding.{_PAST[event]}",
        )
        assert finding.state == new
        moved.append(finding)
    return moved


_PAST = {
    "approve": "approved",
    "void": "approval_voided",
    "reject": "reopened",
    "commit": "committed",
    "waive": "waived",
}


def reopen(*, actor: Actor, decision: Decision, why: str) -> list[Finding]:
    """Findings that waited for this decision are open again, or end at once if nothing is left of them."""
    moved = move_findings(actor=actor, decision=decision, event="reject", data={"why": why})
    for finding in moved:
        settle_finding(finding_id=finding.pk)
    return moved
