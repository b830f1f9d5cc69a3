"""What a look saw out of band, written down for all of its findings at once.

All of it runs in the transaction of the look, with the host and every finding that it concerns locked.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db.models import F

from common.core.actor import SYSTEM
from common.services.ledger import record_and_emit, transition
from deployments.core.states import to_json
from drift.core.evaluation import Judged
from drift.core.lifecycles import ENDED, FINDING
from drift.models import Finding, Occurrence
from drift.services.attribution import attributed
from drift.services.explanations import explain_findings
from drift.services.waivers import end_if_outgrown

if TYPE_CHECKING:
    from drift.services.observations import Look

MOST_ATTRIBUTED = 200
"""Changes of one host at one look for which somebody is looked for: a host may show many, and many traces."""
AT_ONCE = 500
_SAID = (
    "verdict", "base", "head", "live", "attributes", "evidence", "watched", "redactions", "attribution", "last_seen_at",
)  # fmt: skip
_BEGUN = ("first_seen_at", "before_at", "ended_at", "ended_as", "life")


@dataclass(frozen=True)
class Sighting:
    """A drift on this host that was not here before; `before` is the open occurrence of the same resource, if any."""

    finding: Finding
    item: Judged
    before: Occurrence | None


def see_again(seen: Iterable[tuple[Occurrence, Judged]], look: "Look") -> None:
    """What is as it was when it was last seen. Mostly only the time is new."""
    same, changed = [], []
    for occurrence, item in seen:
        said = _said(item, look)
        if not occurrence.attribution:
            # Who it was is asked about the time in which it was found, and only then.
            said |= attributed(item=item, look=look, before_at=occurrence.before_at)
        if all(getattr(occurrence, name) == value for name, value in said.items()):
            same.append(occurrence.pk)
        else:
            changed.append(_with(occurrence, said | {"last_seen_at": look.started_at}))
    Occurrence.objects.filter(pk__in=same).update(last_seen_at=look.started_at)
    _write(changed, _SAID)


def see_fresh(sightings: Sequence[Sighting], look: "Look", before_at: datetime | None) -> None:
    """This host is among the occurrences of these findings; one that had ended is open again."""
    known = Occurrence.objects.filter(finding__in=[one.finding.pk for one in sightings])
    old = set(known.values_list("finding_id", flat=True).distinct())
    new = [one for one in sightings if one.finding.pk not in old]
    for one in sightings:
        finding = one.finding
        if finding.state in ENDED:
            hidden = finding.state == "ignored"
            _reopen(finding, "no ignore rule hides it any more" if hidden else "it is on a host again")
        if finding.state == "waived":
            end_if_outgrown(finding=finding, host=look.host)
    seen = [one.finding.pk for one in sightings]
    Finding.objects.filter(pk__in=seen, last_seen_at__lt=look.started_at).update(last_seen_at=look.started_at)
    _supersede(new)
    opened = [(one.finding, {"resource": one.item.resource, "host": look.host.name}) for one in new]
    record_and_emit(actor=SYSTEM, action="finding.opened", emits="finding.opened", subjects=opened)
    _occur(sightings, look, before_at)
    explain_findings(findings=[one.finding for one in sightings], host=look.host)


def _supersede(new: Sequence[Sighting]) -> None:
    """A further edit takes the place of what was found before, and is the same person's."""
    concerned = []
    for one in new:
        if one.before is not None and one.before.finding_id != one.finding.pk:
            earlier = one.before.finding
            one.finding.supersedes = earlier
            one.finding.claimed_by_id, one.finding.claimed_at = earlier.claimed_by_id, earlier.claimed_at
            concerned.append(one.finding)
    Finding.objects.bulk_create(
        concerned,
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=["supersedes", "claimed_by", "claimed_at"],
        batch_size=AT_ONCE,
    )


def _occur(sightings: Sequence[Sighting], look: "Look", before_at: datetime | None) -> None:
    findings = [one.finding.pk for one in sightings]
    here = {row.finding_id: row for row in Occurrence.objects.filter(host=look.host, finding__in=findings)}
    new, again, still = [], [], []
    for number, one in enumerate(sightings):
        said = _said(one.item, look) | {"last_seen_at": look.started_at}
        if number < MOST_ATTRIBUTED:
            said |= attributed(item=one.item, look=look, before_at=before_at)
        begun = {
            "first_seen_at": look.started_at,
            "before_at": before_at,
            "ended_at": None,
            "ended_as": "",
            "life": one.finding.reopened,
        }
        row = here.get(one.finding.pk)
        if row is None:
            new.append(Occurrence(finding=one.finding, host=look.host, **said, **begun))
        elif row.ended_at is None:
            still.append(_with(row, said))
        else:
            again.append(_with(row, said | begun))
    Occurrence.objects.bulk_create(new, batch_size=AT_ONCE)
    _write(still, _SAID)
    _write(again, (*_SAID, *_BEGUN))


def _said(item: Judged, look: "Look") -> dict[str, Any]:
    """The fields of an occurrence that this look fills in, but for its time. Of what was not looked at again, since it
    had not moved, there is no new evidence."""
    said = {
        "verdict": item.verdict.value,
        "base": to_json(item.base),
        "head": to_json(item.head),
        "live": to_json(item.live),
        "attributes": sorted(item.attributes),
        "watched": item.watched,
        "redactions": look.observation.redacted.get(item.resource, 0),
    }
    if item.resource not in look.observation.recalled:
        said["evidence"] = dict(look.observation.evidence.get(item.resource, {}))
    return said


def _with(occurrence: Occurrence, fields: dict[str, Any]) -> Occurrence:
    for name, value in fields.items():
        setattr(occurrence, name, value)
    return occurrence


def _write(rows: Sequence[Occurrence], fields: Sequence[str]) -> None:
    """Rows that are there, as they are now; a statement for hundreds of them."""
    Occurrence.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["id"], update_fields=fields, batch_size=AT_ONCE
    )


def _reopen(finding: Finding, why: str) -> None:
    transition(
        actor=SYSTEM,
        lifecycle=FINDING,
        subject=finding,
        event="reopen",
        action="finding.reopened",
        data={"why": why},
        fields={"reopened": F("reopened") + 1, "ended_at": None, "waived_until": None, "alerted_at": None},
        emits="finding.reopened",
    )
    finding.refresh_from_db()
