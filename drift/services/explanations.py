"""Findings matched to the changes people and programs logged."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.db.models import Min

from changemgmt.models import Change
from drift.core.explanation import SLACK, LoggedChange, SeenDrift, earliest, reasons
from drift.core.lifecycles import UNDECIDED
from drift.models import Explanation, Finding, Occurrence
from inventory.core.host_names import NameSpan, names_at
from inventory.queries.host_names import hosts_called, spans_of


def explain_finding(*, finding: Finding) -> None:
    """Match one finding to changes that were logged already."""
    spans = _spans(finding)
    drift = _seen_drift(finding)
    candidates = Change.objects.filter(
        hosts__overlap=list({span.name for span in spans}),
        happened_at__gte=earliest(drift),
        happened_at__lte=drift.first_seen_at + SLACK,
    ).exclude(kind="decision")
    for change in candidates.order_by("-happened_at")[:50]:
        _explain(finding, drift, change, spans)


def explain_by_change(*, event_id: UUID, type: str, subject_id: UUID, data: dict[str, Any]) -> None:
    """Consumer of `change.logged`: a fix logged after it was found explains what was found."""
    change = Change.objects.get(pk=subject_id)
    if change.kind == "decision" or not change.hosts:
        return
    hosts = hosts_called(change.hosts, change.happened_at)
    findings = Finding.objects.filter(
        state__in=UNDECIDED, occurrences__host__in=hosts, occurrences__ended_at=None
    ).distinct()
    for finding in findings.order_by("fingerprint"):  # an explanation holds its finding: one order everywhere
        _explain(finding, _seen_drift(finding), change, _spans(finding))


def _spans(finding: Finding) -> list[NameSpan]:
    """What its hosts are and were called."""
    open_here = Occurrence.objects.filter(finding=finding, ended_at=None)
    return spans_of(open_here.values_list("host_id", flat=True))


def _seen_drift(finding: Finding) -> SeenDrift:
    occurrences = Occurrence.objects.filter(finding=finding, ended_at=None)
    return SeenDrift(
        resource=finding.resource,
        hosts=(),  # named as they were when a change happened: see _explain
        first_seen_at=finding.first_seen_at,
        before_at=occurrences.aggregate(at=Min("before_at"))["at"],
    )


def _explain(finding: Finding, drift: SeenDrift, change: Change, spans: Sequence[NameSpan]) -> None:
    drift = replace(drift, hosts=names_at(spans, change.happened_at))
    logged = LoggedChange(
        hosts=change.hosts,
        resources=change.resources,
        text=f"{change.title} {change.description}",
        happened_at=change.happened_at,
    )
    why = reasons(logged, drift)
    if why:
        Explanation.objects.update_or_create(finding=finding, change=change, defaults={"reasons": why})
