"""The drift report of a scan: what drifted, where, since when, whose, decided or not, and what was not seen."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from drift.core.change_words import content_told, deed, lines_told, value_parts
from drift.models import Decision, Finding, HostScan, Scan, ScanHost

COLUMNS = (
    "finding", "resource", "change", "verdict", "host", "environment", "first_seen", "last_seen",
    "explained_by", "answers_for_it", "state", "decision",
)  # fmt: skip


@dataclass(frozen=True)
class ReportRow:
    """One finding on one host."""

    finding: str
    resource: str
    change: str
    verdict: str
    host: str
    environment: str
    first_seen: datetime
    last_seen: datetime
    explained_by: str
    answers_for_it: str
    state: str
    decision: str


@dataclass(frozen=True)
class DriftReport:
    scan: Scan
    rows: list[ReportRow]
    not_seen: list[ScanHost]  # hosts that could not be looked at, or only in part
    counts: dict[str, Any]
    purged: bool = False  # the scan is so old that what it saw on each host is not kept any more

    @property
    def findings(self) -> int:
        return len({row.finding for row in self.rows})

    @property
    def hosts(self) -> int:
        return len({row.host for row in self.rows})


def drift_report(scan: Scan) -> DriftReport:
    """Everything the scan saw out of band, in order of resource, finding and host.

    What was seen where stays as it was seen; who answers for it and what was decided are as of now.
    """
    looks = HostScan.objects.filter(scan=scan).exclude(seen=[]).select_related("host")
    seen = [(look, item) for look in looks for item in look.seen]
    findings = (
        Finding.objects.filter(pk__in={item["finding"] for _, item in seen})
        .select_related("claimed_by")
        .prefetch_related("explanations__change__owner", "decisions__change")
    )
    by_id = {str(finding.pk): finding for finding in findings}
    rows = [(by_id[item["finding"]], look, item) for look, item in seen]
    rows.sort(key=lambda row: (row[0].resource, row[0].number, row[1].host.name))
    not_seen = ScanHost.objects.filter(scan=scan, status__in=("partial", "unknown")).select_related("host")
    return DriftReport(
        scan,
        [_row(*row) for row in rows],
        list(not_seen.order_by("host__name")),
        scan.counts,
        purged=_is_purged(scan),
    )


def _is_purged(scan: Scan) -> bool:
    """Whether hosts that it counted have no row any more."""
    hosts = scan.counts.get("hosts", {})
    recorded = hosts.get("total", 0) - hosts.get("not_tried", 0)
    return scan.finished_at is not None and recorded > 0 and not ScanHost.objects.filter(scan=scan).exists()


def _row(finding: Finding, look: HostScan, item: dict[str, str]) -> ReportRow:
    changes = [explanation.change for explanation in finding.explanations.all()]
    owners = sorted({change.owner.name for change in changes})
    if finding.claimed_by is not None:
        owners = [finding.claimed_by.name]
    decisions = sorted(finding.decisions.all(), key=lambda decision: decision.created_at)
    return ReportRow(
        finding=finding.reference,
        resource=finding.resource,
        change=describe_change(finding.change, finding.resource),
        verdict=item["verdict"],
        host=look.host.name,
        environment=look.host.environment,
        first_seen=datetime.fromisoformat(item["first_seen"]),
        last_seen=look.created_at,
        explained_by=", ".join(change.reference for change in changes),
        answers_for_it=", ".join(owners),
        state=finding.state,
        decision=_decision_told(decisions[-1]) if decisions else "",
    )


def changed_items(summary: dict[str, Any]) -> list[tuple[str, list[str], list[str]]]:
    """Lists that changed: name, what is gone, what came."""
    lists = summary.get("items", {})
    return [(name, lists[name]["removed"], lists[name]["added"]) for name in sorted(lists)]


def _decision_told(decision: Decision) -> str:
    """`fold-back (approved)`, `waive until 2026-03-14 (completed)`."""
    until = f" until {decision.until:%Y-%m-%d}" if decision.until else ""
    return f"{decision.kind}{until} ({decision.change.state})"


def describe_change(summary: dict[str, Any], resource: str = "") -> str:
    """One line for a finding's change: "edited: 1 line removed, 2 added; mode: 0644 → 0600"."""
    lines = lines_told(summary.get("hunks") or [])
    parts = [part for part in (lines or content_told(summary),) if part]
    if summary["kind"] != "created" or "type" not in summary.get(
        "attributes", {}
    ):  # of a new file: that it is new
        parts += value_parts(summary)
    what = deed(summary, resource).removesuffix(" by hand").lower()
    return f"{what}: {'; '.join(parts)}" if parts else what
