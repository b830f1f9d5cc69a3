"""Waivers end: by themselves at their date, or earlier by a person."""

from datetime import datetime

from django.db import transaction

from common.core import roles
from common.core.actor import SYSTEM, Actor
from common.core.errors import Conflict
from common.services.ledger import transition
from drift.core.lifecycles import FINDING
from drift.models import Decision, Finding
from drift.models.decision import WAIVE
from inventory.models import Host
from inventory.queries.host_names import spans_of


def reopen_expired_waivers(*, now: datetime) -> int:
    """Open every waived finding whose date has come; returns how many.

    Compare-and-set on each: a second beat, or a scan that ended the finding meanwhile, changes nothing.
    """
    reopened = 0
    for finding in Finding.objects.filter(state="waived", waived_until__lte=now).order_by("fingerprint"):
        try:
            _reopen(SYSTEM, finding, "its date has come")
            reopened += 1
        except Conflict:
            continue
    return reopened


def end_waiver(*, actor: Actor, decision: Decision, reason: str) -> list[Finding]:
    """End a waiver before its date: the findings that are waived by this decision are open again.

    Needs no second person: it takes back what was accepted. Raises Conflict when it is not in force.
    """
    roles.require(actor, "decision.propose")
    if decision.kind != WAIVE:
        raise Conflict(f"{decision} is not a waiver.")
    with transaction.atomic():
        waived = in_force(decision)
        if not waived:
            raise Conflict(f"{decision} is not in force: none of its findings is waived by it now.")
        for finding in waived:
            _reopen(actor, finding, reason)
    return waived


def hosts_beyond(decision: Decision) -> list[str]:
    """Hosts that have a finding of this waiver now, and are not among those that it was agreed for."""
    present = Host.objects.filter(
        occurrences__finding__decisions=decision,
        occurrences__ended_at=None,
        occurrences__verdict__in=("drifted", "conflict"),
    ).distinct()
    return sorted(host.name for host in _beyond(decision, list(present)))


def end_if_outgrown(*, finding: Finding, host: Host) -> None:
    """A waiver is for the hosts that two people looked at: on another one the finding is open again."""
    waiver = _latest_waiver(finding)
    if waiver is not None and _beyond(waiver, [host]):
        _reopen(SYSTEM, finding, f"it is on {host} too, which {waiver} does not cover")


def _beyond(waiver: Decision, hosts: list[Host]) -> list[Host]:
    """Those of the hosts that the waiver does not name, by what they were called when it was proposed."""
    spans = [span for span in spans_of(host.pk for host in hosts) if span.covers(waiver.change.created_at)]
    covered = {span.host_id for span in spans if span.name in waiver.change.hosts}
    return [host for host in hosts if host.pk not in covered]


def in_force(decision: Decision) -> list[Finding]:
    """The findings that are waived, and by this decision: a later waiver of the same finding is another's."""
    findings = decision.findings.filter(state="waived").order_by("fingerprint")
    return [finding for finding in findings if _latest_waiver(finding) == decision]


def _latest_waiver(finding: Finding) -> Decision | None:
    waivers = finding.decisions.filter(kind=WAIVE, change__state="completed")
    return waivers.order_by("-number").first()


def _reopen(actor: Actor, finding: Finding, why: str) -> None:
    until = finding.waived_until
    transition(
        actor=actor,
        lifecycle=FINDING,
        subject=finding,
        event="expire",
        action="finding.waiver_ended",
        data={"why": why, "until": until.isoformat() if until else None},
        fields={"waived_until": None},
        emits="finding.waiver_ended",
    )
