"""Findings matched to the changes people and programs logged."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Min, QuerySet

from changemgmt.core import words
from changemgmt.models import Change
from changemgmt.queries.incidents import incidents_near
from changemgmt.services.proposals import withdraw_change
from common.core.actor import SYSTEM
from drift.core.explanation import SLACK, LoggedChange, SeenDrift, earliest, reasons, says_the_same
from drift.core.lifecycles import UNDECIDED
from drift.models import DraftedChange, Explanation, Finding, Occurrence
from inventory.core.host_names import NameSpan, names_at
from inventory.models import Host
from inventory.queries.host_names import hosts_called, spans_of

MOST_HOSTS = 100
"""Hosts of a finding above which one more host is only matched to changes that name it."""
MOST_CHANGES = 50
_RANK = {"high": 2, "medium": 1}


def explain_findings(*, findings: Sequence[Finding], host: Host) -> None:
    """Match findings of one host to changes that were logged already, in a handful of statements for all of them."""
    rows = Occurrence.objects.filter(finding__in=findings, ended_at=None).values("finding_id")
    counted = rows.annotate(hosts=Count("pk"), earliest=Min("before_at"))
    seen = {row["finding_id"]: (row["earliest"], int(row["hosts"])) for row in counted}
    alike: dict[tuple[datetime | None, datetime, bool], list[Finding]] = defaultdict(list)
    for finding in findings:
        before_at, hosts = seen.get(finding.pk, (None, 0))
        alike[before_at, finding.first_seen_at, hosts > MOST_HOSTS].append(finding)
    own = spans_of([host.pk])
    made: list[Explanation] = []
    for (before_at, first_seen_at, many), group in alike.items():
        began = SeenDrift("", (), first_seen_at, before_at)
        if many and not _logged(own, began).exists():
            continue
        spans = _spans_of_all(group)
        drift = {finding.pk: replace(began, resource=finding.resource) for finding in group}
        for named, its in _by_hosts(group, spans):
            changes = list(_logged(named, began).order_by("-happened_at")[:MOST_CHANGES])
            who = _probably(its, host if many else None) if changes else {}
            made += [
                Explanation(finding=finding, change=change, reasons=why)
                for change in changes
                for finding in its
                if (
                    why := _reasons(
                        replace(drift[finding.pk], probably=who.get(finding.pk, {})), change, named
                    )
                )
            ]
    Explanation.objects.bulk_create(
        made,
        update_conflicts=True,
        unique_fields=["finding", "change"],
        update_fields=["reasons"],
        batch_size=500,
    )


def _logged(spans: Sequence[NameSpan], drift: SeenDrift) -> QuerySet[Change]:
    """Changes that name one of these hosts, about the time of a drift."""
    return (
        Change.objects.filter(
            hosts__overlap=list({span.name for span in spans}),
            happened_at__gte=earliest(drift),
            happened_at__lte=drift.first_seen_at + SLACK,
        )
        .exclude(kind="decision")
        .exclude(state__in=words.NOT_SAID)
        .select_related("owner")
    )


def _probably(findings: Sequence[Finding], host: Host | None) -> dict[UUID, dict[str, str]]:
    """Finding → account → confidence, by what the hosts (or this one) tell; the best where they differ."""
    rows = Occurrence.objects.filter(finding__in=findings, ended_at=None)
    if host is not None:
        rows = rows.filter(host=host)
    found: dict[UUID, dict[str, str]] = defaultdict(dict)
    for finding, candidates in rows.values_list("finding_id", "attribution__candidates"):
        for one in candidates or ():
            login, confidence = one["login"].casefold(), one["confidence"]
            if _RANK.get(confidence, 0) > _RANK.get(found[finding].get(login, ""), 0):
                found[finding][login] = confidence
    return found


def _spans_of_all(findings: Sequence[Finding]) -> dict[UUID, dict[UUID, list[NameSpan]]]:
    """Finding → host → what it is and was called, for the hosts that have them."""
    rows = list(
        Occurrence.objects.filter(finding__in=findings, ended_at=None).values_list("finding_id", "host_id")
    )
    by_host: dict[UUID, list[NameSpan]] = defaultdict(list)
    for span in spans_of({host for _, host in rows}):
        by_host[span.host_id].append(span)
    found: dict[UUID, dict[UUID, list[NameSpan]]] = defaultdict(dict)
    for finding, host in rows:
        found[finding][host] = by_host[host]
    return found


def _by_hosts(
    findings: Sequence[Finding], spans: Mapping[UUID, Mapping[UUID, list[NameSpan]]]
) -> Iterator[tuple[list[NameSpan], list[Finding]]]:
    """Findings that are on the same hosts, together, with what those are and were called."""
    groups: dict[frozenset[UUID], list[Finding]] = defaultdict(list)
    for finding in findings:
        groups[frozenset(spans[finding.pk])].append(finding)
    for hosts, group in groups.items():
        of_each = spans[group[0].pk]
        yield [span for host in hosts for span in of_each[host]], group


def explain_by_change(*, event_id: UUID, type: str, subject_id: UUID, data: dict[str, Any]) -> None:
    """Consumer of `change.logged` and of what makes a change somebody's: a fix logged after it was found explains what
    was found, and a claim may add that it was the same person."""
    change = Change.objects.select_related("owner").get(pk=subject_id)
    if change.kind == "decision" or change.state in words.NOT_SAID:
        return
    _explain_what_it_was_drafted_for(change)
    if not change.hosts:
        return
    _wait_for_drafting(change)
    hosts = hosts_called(change.hosts, change.happened_at)
    findings = Finding.objects.filter(
        state__in=UNDECIDED, occurrences__host__in=hosts, occurrences__ended_at=None
    ).distinct()
    for finding in findings.order_by("fingerprint"):  # an explanation holds its finding: one order everywhere
        _explain(finding, _seen_drift(finding), change, _spans(finding))


def _wait_for_drafting(change: Change) -> None:
    """Whoever drafts what nobody told of in an incident holds it: either they see this explanation, or we the draft."""
    near = incidents_near(change.hosts, change.happened_at)
    list(near.select_for_update(no_key=True).order_by("pk").values_list("pk", flat=True))


def _explain_what_it_was_drafted_for(change: Change) -> None:
    """Once a person stands by what was drafted, it explains the finding that it was made for."""
    for draft in DraftedChange.objects.filter(change=change).select_related("incident"):
        why = [f"it was drafted for this finding when {draft.incident.reference} was closed"]
        Explanation.objects.get_or_create(
            finding_id=draft.finding_id, change=change, defaults={"reasons": why}
        )


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
        probably=_probably([finding], None).get(finding.pk, {}),
    )


def _explain(finding: Finding, drift: SeenDrift, change: Change, spans: Sequence[NameSpan]) -> None:
    why = _reasons(drift, change, spans)
    if why:
        Explanation.objects.update_or_create(finding=finding, change=change, defaults={"reasons": why})
        _withdraw_drafts(finding, change, names_at(spans, change.happened_at))


def _withdraw_drafts(finding: Finding, change: Change, hosts: Collection[str]) -> None:
    """What was kept on a laptop arrives after the incident: what was drafted for it meanwhile would be a second record."""
    if not says_the_same(logged_as(change), finding.resource, hosts):
        return
    drafts = DraftedChange.objects.filter(finding=finding, change__state="drafted").exclude(change=change)
    for draft in drafts.select_related("change").order_by("change_id"):
        reason = f"{change}, told by {change.owner.name}, is the record of it"
        withdraw_change(actor=SYSTEM, change=draft.change, reason=reason)


def _reasons(drift: SeenDrift, change: Change, spans: Sequence[NameSpan]) -> list[str]:
    return reasons(logged_as(change), replace(drift, hosts=names_at(spans, change.happened_at)))


def logged_as(change: Change) -> LoggedChange:
    """What a change says of itself, for `core.explanation`."""
    return LoggedChange(
        hosts=change.hosts,
        resources=change.resources,
        text=f"{change.title} {change.description}",
        happened_at=change.happened_at,
        owner="" if change.owner_source in words.STAND_INS else change.owner.username,
    )
