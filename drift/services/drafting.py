"""What nobody logged in an incident becomes a drafted change, one for each finding, exactly once."""

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from changemgmt.core.incidents import hosts_told
from changemgmt.core.scope import clean_resources
from changemgmt.core.texts import TITLE_LENGTH
from changemgmt.models import Change, Incident
from changemgmt.services.changes import draft_change
from common.core.errors import Invalid
from drift.core.change_words import title_of
from drift.core.explanation import names_it
from drift.models import DraftedChange
from drift.queries.candidates import attribution_of
from drift.queries.incidents import Inside, findings_inside
from drift.queries.reports import describe_change
from drift.services.explanations import logged_as


def draft_unexplained(*, incident: Incident) -> list[Change]:
    """Draft a change for each finding inside a closed incident that nobody explained; the caller holds its row.

    A finding has one draft an incident, for ever (a constraint); one that stands from another incident is enough.
    """
    inside = findings_inside(incident)
    told = _told_of(inside)
    return [
        _draft(incident, one)
        for one in inside
        if one.finding.pk not in told
        and one.draft is None
        and one.is_open
        and not _was_drafted(incident, one)
    ]


def _told_of(inside: Sequence[Inside]) -> set[UUID]:
    """Findings of which somebody's record says what was done. One that names no resource may be the record of any
    finding on its hosts: it is taken for that of the only one, and of none where there are several: what nobody
    told of would be lost behind it."""
    told: set[UUID] = set()
    vaguely: dict[UUID, list[UUID]] = defaultdict(list)
    for one in inside:
        for change in one.explained_by:
            if names_it(logged_as(change), one.finding.resource):
                told.add(one.finding.pk)
            else:
                vaguely[change.pk].append(one.finding.pk)
    for findings in vaguely.values():
        if len(left := set(findings) - told) == 1:
            told |= left
    return told


def _was_drafted(incident: Incident, one: Inside) -> bool:
    """Whether somebody withdrew what was drafted for it: it was not theirs to write down, and is not asked again."""
    return DraftedChange.objects.filter(incident=incident, finding=one.finding).exists()


def _draft(incident: Incident, one: Inside) -> Change:
    finding = one.finding
    what = describe_change(finding.change, finding.resource)
    change = draft_change(
        incident=incident,
        title=f"{title_of(finding.resource)}: {what}"[:TITLE_LENGTH],
        description=_description(incident, one, what),
        hosts=one.hosts,
        resources=_resources(finding.resource),
        happened_at=one.at or min(one.first_seen_at, incident.closed_at or one.first_seen_at),
        claimant=finding.claimed_by if finding.claimed_by and finding.claimed_by.is_active else None,
        links={"findings": [finding.reference]},
    )
    DraftedChange.objects.create(incident=incident, finding=finding, change=change)
    return change


def _description(incident: Incident, one: Inside, what: str) -> str:
    finding = one.finding
    lines = [
        f"Foldback saw this while {incident.reference} went on, and nobody had logged it.",
        f"{finding.reference}, {finding.resource}: {what}, on {hosts_told(one.hosts)}.",
    ]
    if one.at is None and one.after is not None:
        lines.append(
            f"It came about between {one.after:%Y-%m-%d %H:%M} and {one.first_seen_at:%Y-%m-%d %H:%M} UTC."
        )
    for row in attribution_of(finding).candidates[:1]:
        if row.confidence != "low":
            lines.append(f"Probably by {row.login} ({row.confidence}: {row.evidence[0][1]}).")
    lines.append("Whoever did it claims it; its owner confirms or corrects what it says.")
    return "\n".join(lines)


def _resources(resource: str) -> list[str]:
    try:
        return clean_resources([resource])
    except Invalid:  # longer than a change can name: the description has it
        return []
