"""Hosts that are gone, or not what they were: their occurrences end, and findings that had no other host retire."""

from datetime import datetime
from typing import Any
from uuid import UUID

from common import clock
from common.core.actor import SYSTEM
from common.services.ledger import record_entry
from drift.core.outcome import REIMAGED, RETIRED
from drift.models import Finding, HostMemory, HostState, Occurrence, ResourceVerdict
from drift.services.findings import settle_finding
from inventory.models import Host


def retire_host(*, event_id: UUID, type: str, subject_id: UUID, data: dict[str, Any]) -> None:
    """Consumer of `host.decommissioned`. A host that was taken back meanwhile keeps what it has."""
    host = Host.objects.select_for_update(no_key=True).get(pk=subject_id)
    if host.state != Host.ACTIVE:
        _end_all(host, outcome=RETIRED, at=clock.now())


def restart_host(*, event_id: UUID, type: str, subject_id: UUID, data: dict[str, Any]) -> None:
    """Consumer of `host.reimaged`."""
    host = Host.objects.select_for_update(no_key=True).get(pk=subject_id)
    state = HostState.objects.select_for_update().filter(host=host).first()
    if state is not None:
        begin_again(host=host, state=state)


def begin_again(*, host: Host, state: HostState) -> None:
    """Forget what was agreed on a host before it was installed anew, once; both rows are locked by the caller.

    A look may be recorded before the event arrives, so it asks for this too. Base is the definition's head again at
    the next look, as at enrolment; what was seen stays in the host's history.
    """
    if host.reimaged_at is None or (state.reimaged_at is not None and state.reimaged_at >= host.reimaged_at):
        return
    _end_all(host, outcome=REIMAGED, at=host.reimaged_at)
    state.base = state.observed = state.observed_at = None
    state.revision, state.counts = "", {}
    state.status, state.reason = "unknown", REIMAGED
    state.reimaged_at = host.reimaged_at
    state.save()
    HostMemory.objects.filter(host=host).delete()


def _end_all(host: Host, *, outcome: str, at: datetime) -> None:
    open_here = Occurrence.objects.filter(host=host, ended_at=None)
    findings = Finding.objects.filter(pk__in=open_here.values("finding_id")).order_by("fingerprint")
    concerned = list(findings.select_for_update())
    open_here.update(ended_at=at, ended_as=outcome)
    ResourceVerdict.objects.filter(host=host).delete()
    for finding in concerned:
        record_entry(
            actor=SYSTEM,
            action="finding.host_ended",
            subject=finding,
            data={"host": host.name, "why": outcome},
        )
        settle_finding(finding_id=finding.pk)
