"""Findings and their occurrences, kept in step with what each look at a host showed."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import transaction

from common import clock
from common.core import roles
from common.core.actor import SYSTEM, Actor
from common.core.errors import Conflict
from common.services.ledger import record_entry, transition
from deployments.core.states import State, to_json
from drift.core.evaluation import Judged
from drift.core.identity import DriftChange, drift_change
from drift.core.lifecycles import FINDING
from drift.core.outcome import finding_event, occurrence_outcome
from drift.core.verdict import OUT_OF_BAND
from drift.models import Finding, Occurrence
from drift.services.contents import Texts, base_values
from drift.services.sightings import AT_ONCE, Sighting, see_again, see_fresh

if TYPE_CHECKING:
    from drift.services.observations import Against, Look


def update_findings(
    *, look: "Look", against: "Against", judged: list[Judged], before_at: datetime | None
) -> None:
    """After one look: open or see again what drifted, end what is over, and move each finding concerned.

    Runs in the transaction of the look. All findings that it concerns are locked first, in the order of their
    fingerprints, so that two hosts recorded at once can't wait for each other.
    """
    open_here = {
        occurrence.finding.resource: occurrence
        for occurrence in Occurrence.objects.filter(host=look.host, ended_at=None).select_related("finding")
    }
    differs: list[Judged] = []
    seen_again: list[tuple[Finding, Judged]] = []
    ended: list[tuple[Occurrence, Judged]] = []
    for item in judged:
        if item.verdict in OUT_OF_BAND and not item.hidden:
            before = open_here.get(item.resource)
            if before is not None and _is_same_drift(before, item):
                seen_again.append((before.finding, item))
            else:
                differs.append(item)
        elif item.resource in open_here:
            ended.append((open_here[item.resource], item))
    texts = Texts(differs)
    drifted = [(_change_of(item, look, against, texts), item) for item in differs]
    texts.keep()
    _insert_new(drifted, look)
    findings = _lock_all(
        [finding.fingerprint for finding, _ in seen_again]
        + [change.fingerprint for change, _ in drifted]
        + [open_here[item.resource].finding.fingerprint for _, item in drifted if item.resource in open_here]
        + [occurrence.finding.fingerprint for occurrence, _ in ended]
    )
    for occurrence in open_here.values():
        occurrence.finding = findings.get(occurrence.finding.fingerprint, occurrence.finding)
    same = [finding.pk for finding, _ in seen_again]
    Finding.objects.filter(pk__in=same, last_seen_at__lt=look.started_at).update(last_seen_at=look.started_at)
    see_again([(open_here[item.resource], item) for _, item in seen_again], look)
    fresh = [
        Sighting(findings[change.fingerprint], item, open_here.get(item.resource)) for change, item in drifted
    ]
    see_fresh(fresh, look, before_at)
    superseded = [one.before for one in fresh if one.before and one.before.finding_id != one.finding.pk]
    Occurrence.objects.filter(pk__in=[occurrence.pk for occurrence in superseded]).update(
        ended_at=look.started_at, ended_as="superseded"
    )
    moved = {occurrence.finding.fingerprint for occurrence in superseded}
    for occurrence, item in ended:
        if _settle(occurrence, item, look):
            moved.add(occurrence.finding.fingerprint)
    for fingerprint in sorted(moved):
        settle_finding(finding_id=findings[fingerprint].pk)


def _insert_new(drifted: list[tuple[DriftChange, Judged]], look: "Look") -> None:
    """Rows for drifts that were never seen before. Another host may be recorded with the same drift at this
    moment: one of the two inserts counts. Before any finding is locked, so that nobody who holds one waits here.
    """
    known = set(
        Finding.objects.filter(fingerprint__in=[change.fingerprint for change, _ in drifted]).values_list(
            "fingerprint", flat=True
        )
    )
    new = {
        change.fingerprint: Finding(
            fingerprint=change.fingerprint,
            resource=item.resource,
            change=change.summary,
            first_seen_at=look.started_at,
            last_seen_at=look.started_at,
        )
        for change, item in drifted
        if change.fingerprint not in known
    }
    Finding.objects.bulk_create(
        [new[fingerprint] for fingerprint in sorted(new)], ignore_conflicts=True, batch_size=AT_ONCE
    )


def _lock_all(fingerprints: list[str]) -> dict[str, Finding]:
    """Every finding that this look concerns, as it is now, locked in one order everywhere (see decided.py)."""
    found = Finding.objects.select_for_update().filter(fingerprint__in=set(fingerprints))
    return {finding.fingerprint: finding for finding in found.order_by("fingerprint")}


def _is_same_drift(occurrence: Occurrence, item: Judged) -> bool:
    """Nothing on the host moved: it stays the finding it is, whatever the definition's values are by now."""
    return bool(occurrence.base == to_json(item.base) and occurrence.live == to_json(item.live))


def _change_of(item: Judged, look: "Look", against: "Against", texts: Texts) -> DriftChange:
    return drift_change(
        resource=item.resource,
        base=item.base,
        live=item.live,
        attributes=item.attributes,
        base_text=texts.base(item, against),
        live_text=texts.live(item.live),
        host=look.view,
        template_values=base_values(item, against),
    )


def _settle(occurrence: Occurrence, item: Judged, look: "Look") -> bool:
    """End the occurrence, or note that it waits; False when the look could not tell."""
    outcome = occurrence_outcome(item, finding_state=occurrence.finding.state)
    if outcome is None:
        return False
    if outcome == "waiting":
        Occurrence.objects.filter(pk=occurrence.pk).update(
            verdict=item.verdict.value,
            live=to_json(item.live),
            head=to_json(item.head),
            last_seen_at=look.started_at,
        )
        return False
    _end(occurrence, outcome, look, live=item.live, head=item.head)
    return True


def _end(
    occurrence: Occurrence, outcome: str, look: "Look", live: State | None = None, head: State | None = None
) -> None:
    fields: dict[str, Any] = {"ended_at": look.started_at, "ended_as": outcome}
    if live is not None and head is not None:
        fields |= {
            "live": to_json(live),
            "head": to_json(head),
            "verdict": "in sync" if outcome == "proven" else occurrence.verdict,
        }
    Occurrence.objects.filter(pk=occurrence.pk).update(**fields)


def settle_finding(*, finding_id: Any) -> None:
    """When the last occurrence has ended, end the finding as they ended since it was last reopened; else leave it."""
    finding = Finding.objects.select_for_update().get(pk=finding_id)
    outcomes = list(finding.occurrences.filter(life=finding.reopened).values_list("ended_as", flat=True))
    event = finding_event(outcomes, state=finding.state)
    if event is None or (finding.state, event) not in FINDING.table:
        return
    transition(
        actor=SYSTEM,
        lifecycle=FINDING,
        subject=finding,
        event=event,
        action=f"finding.{FINDING.next(finding.state, event)}",
        fields={"ended_at": clock.now()},
        emits=f"finding.{FINDING.next(finding.state, event)}",
    )


def claim_finding(*, actor: Actor, finding: Finding) -> None:
    """Say "this was me, or I take care of it". Raises Conflict when somebody else said so first."""
    roles.require(actor, "finding.claim")
    with transaction.atomic():
        claimed = Finding.objects.filter(pk=finding.pk, claimed_by=None).update(
            claimed_by_id=actor.person_id, claimed_at=clock.now()
        )
        finding.refresh_from_db()
        if not claimed and finding.claimed_by_id != actor.person_id:
            assert finding.claimed_by is not None
            raise Conflict(
                f"{finding.claimed_by.name} claimed {finding} first. Ask them, or leave it with them."
            )
        if claimed:
            record_entry(actor=actor, action="finding.claimed", subject=finding)


def unclaim_finding(*, actor: Actor, finding: Finding) -> None:
    """Undo one's own claim."""
    with transaction.atomic():
        released = Finding.objects.filter(pk=finding.pk, claimed_by_id=actor.person_id).update(
            claimed_by=None, claimed_at=None
        )
        if not released:
            raise Conflict(f"{finding} is not claimed by you.")
        record_entry(actor=actor, action="finding.unclaimed", subject=finding)
        finding.refresh_from_db()
