"""Findings matched to the changes people and programs logged."""

from typing import Any
from uuid import UUID

from django.db.models import Min

from changemgmt.models import Change
from drift.core.explanation import SLACK, LoggedChange, SeenDrift, earliest, reasons
from drift.core.lifecycles import UNDECIDED
from drift.models import Explanation, Finding, Occurrence


def explain_finding(*, finding: Finding) -> None:
    """Match one finding to changes that were logged already."""
    drift = _seen_drift(finding)
    candidates = Change.objects.filter(
        hosts__overlap=list(drift.hosts),
        happened_at__gte=earliest(drift),
        happened_at__lte=drift.first_seen_at + SLACK,
    ).exclude(kind="decision")
    for change in candidates.order_by("-happened_at")[:50]:
        _explain(finding, drift, change)


def explain_by_change(*, event_id: UUID, type: str, subject_id: UUID, data: dict[str, Any]) -> None:
    """Consumer of `change.logged`: a fix logged after it was found explains what was found."""
    change = Change.objects.get(pk=subject_id)
    if change.kind == "decision" or not change.hosts:
        return
    findings = Finding.objects.filter(
        state__in=UNDECIDED, occurrences__host__name__in=change.hosts, occurrences__ended_at=None
    ).distinct()
    for finding in findings.order_by("fingerprint"):  # an explanation holds its finding: one order everywhere
        _explain(finding, _seen_drift(finding), change)


def _seen_drift(finding: Finding) -> SeenDrift:
    occurrences = Occurrence.objects.filter(finding=finding, ended_at=None)
    return SeenDrift(
        resource=finding.resource,
        hosts=set(occurrences.values_list("host__name", flat=True)),
        first_seen_at=finding.first_seen_at,
        before_at=occurrences.aggregate(at=Min("before_at"))["at"],
    )


def _explain(finding: Finding, drift: SeenDrift, change: Change) -> None:
    logged = LoggedChange(
        hosts=change.hosts,
        resources=change.resources,
        text=f"{change.title} {change.description}",
        happened_at=change.happened_at,
    )
    why = reasons(logged, drift)
    if why:
        Explanation.objects.update_or_create(finding=finding, change=change, defaults={"reasons": why})
