"""What incidents and drift have to do with each other: findings that came about inside scope and time, and what stands
for them."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db.models import Q

from changemgmt.core.words import NOT_SAID
from changemgmt.models import Change, Incident
from changemgmt.queries.incidents import hosts_of, span_of
from drift.core.lifecycles import ACTIVE, UNDECIDED
from drift.models import DraftedChange, Explanation, Finding, Occurrence

MOST = 1_000


@dataclass
class Inside:
    """A finding that came about inside an incident's scope and time, on `hosts`.

    `at` is the moment of the change where a host told it; `after` and `first_seen_at` are the looks between which it was.
    """

    finding: Finding
    hosts: list[str]
    first_seen_at: datetime
    after: datetime | None
    at: datetime | None
    explained_by: list[Change] = field(default_factory=list)
    draft: Change | None = None

    @property
    def is_explained(self) -> bool:
        return bool(self.explained_by)

    @property
    def is_open(self) -> bool:
        """Whether nobody has decided yet, or it is not yet proven."""
        return self.finding.state in (*UNDECIDED, "committed")


def findings_inside(incident: Incident) -> list[Inside]:
    """Findings that hosts of the scope have now and that came about while the incident went on, in a handful of
    statements; the earliest first, MOST of them."""
    rows = Occurrence.objects.filter(
        host__in=hosts_of(incident).order_by().values("pk"),
        ended_at=None,
        finding__state__in=ACTIVE,
        first_seen_at__gte=incident.started_at,
    )
    if incident.closed_at is not None:
        rows = rows.filter(Q(before_at=None) | Q(before_at__lte=incident.closed_at))
    span = span_of(incident)
    inside: dict[UUID, Inside] = {}
    wanted = rows.order_by("first_seen_at", "pk").values_list(
        "finding_id", "host__name", "first_seen_at", "before_at", "attribution__at"
    )
    for finding_id, host, first_seen_at, after, at in wanted:
        moment = _moment(at)
        if not span.may_have(after=after, before=first_seen_at, at=moment):
            continue
        one = inside.get(finding_id)
        if one is None:
            if len(inside) >= MOST:
                continue
            one = inside[finding_id] = Inside(Finding(pk=finding_id), [], first_seen_at, after, moment)
        one.hosts.append(host)
        one.at = min((at for at in (one.at, moment) if at is not None), default=None)
    _fill_in(inside)
    return list(inside.values())


def _moment(at: Any) -> datetime | None:
    try:
        return datetime.fromtimestamp(at, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return None  # not known; or what a host told is no time


def _fill_in(inside: dict[UUID, Inside]) -> None:
    for finding in Finding.objects.filter(pk__in=inside).select_related("claimed_by"):
        inside[finding.pk].finding = finding
        inside[finding.pk].hosts.sort()
    for row in explaining(inside):
        inside[row.finding_id].explained_by.append(row.change)
    drafts = DraftedChange.objects.filter(finding__in=list(inside)).exclude(change__state="withdrawn")
    for draft in drafts.select_related("change__owner").order_by("created_at"):
        inside[draft.finding_id].draft = draft.change


def explaining(findings: Collection[UUID]) -> Iterable[Explanation]:
    """Explanations by changes that somebody stands by."""
    rows = Explanation.objects.filter(finding__in=list(findings)).exclude(change__state__in=NOT_SAID)
    return rows.select_related("change__owner").order_by("created_at")


def draft_of(finding: Finding) -> Change | None:
    """The change that was drafted for it and that waits for a person."""
    drafts = DraftedChange.objects.filter(finding=finding, change__state="drafted")
    found = drafts.select_related("change__owner").order_by("-created_at").first()
    return found.change if found else None


def incidents_of(finding: Finding) -> list[Incident]:
    """The incidents inside whose scope and time it came about, the latest first."""
    rows = list(
        finding.occurrences.filter(life=finding.reopened).values_list(
            "host__name", "first_seen_at", "before_at", "attribution__at"
        )[:MOST]
    )
    if not rows:
        return []
    near = Incident.objects.filter(
        Q(closed_at=None) | Q(closed_at__gte=min(after or seen for _, seen, after, _ in rows)),
        hosts__overlap=sorted({name for name, *_ in rows}),
        started_at__lte=max(seen for _, seen, _, _ in rows),
    )
    return [
        incident
        for incident in near.select_related("commander").order_by("-started_at")[:20]
        if any(
            name in incident.hosts and span_of(incident).may_have(after=after, before=seen, at=_moment(at))
            for name, seen, after, at in rows
        )
    ]


def findings_in_open_incidents() -> set[UUID]:
    """Findings that came about inside an incident that goes on."""
    held: set[UUID] = set()
    for incident in Incident.objects.filter(state="open"):
        held |= {one.finding.pk for one in findings_inside(incident)}
    return held
