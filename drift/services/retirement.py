"""Hosts that are gone: their occurrences end, and findings that had no other host retire with them."""

from typing import Any
from uuid import UUID

from common import clock
from drift.models import Finding, Occurrence, ResourceVerdict
from drift.services.findings import settle_finding


def retire_host(*, event_id: UUID, type: str, subject_id: UUID, data: dict[str, Any]) -> None:
    """Consumer of `host.decommissioned`."""
    open_here = Occurrence.objects.filter(host_id=subject_id, ended_at=None)
    findings = Finding.objects.filter(pk__in=open_here.values("finding_id")).order_by("fingerprint")
    concerned = list(findings.select_for_update().values_list("pk", flat=True))
    open_here.update(ended_at=clock.now(), ended_as="retired")
    ResourceVerdict.objects.filter(host_id=subject_id).delete()
    for finding_id in concerned:
        settle_finding(finding_id=finding_id)
