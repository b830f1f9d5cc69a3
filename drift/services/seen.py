"""Hosts on which nothing had moved, and of which nothing is to be judged anew: written down many at once.

Of such a host there is only to say when it was seen. Whatever may make that untrue is asked for in the transaction, with
the hosts' states locked: a host of which anything else moved meanwhile is left to `record_look`.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from common.services.jobs import Claim, count_items, fenced_write
from deployments.models import Deployment
from drift.core.verdict import OUT_OF_BAND
from drift.models import Finding, HostScan, HostState, Occurrence, Scan, ScanSeen
from drift.services.memories import Known
from inventory.models import Host


@dataclass(frozen=True)
class Seen:
    """A host that said that nothing had moved, and what was known of it when it was asked."""

    host: Host
    known: Known
    started_at: datetime
    seconds: float


@dataclass(frozen=True)
class _Still:
    """What still holds of a host, by the rows as they are now."""

    seen: Seen
    status: str
    reason: str
    counts: dict[str, Any]
    found: tuple[tuple[UUID, str, datetime], ...] = ()  # finding, verdict, first seen

    @property
    def pk(self) -> UUID:
        return self.seen.host.pk


def record_seen(*, claim: Claim, scan: Scan, seen: Sequence[Seen], revision: str) -> list[Seen]:
    """Write down that these hosts were seen; returns those of which that can't be said, unwritten.

    Raises LostLease before anything is written when the batch has moved on.
    """
    with fenced_write(claim):
        done = done_hosts(scan=scan, claim=claim, among=[one.host.pk for one in seen])
        waiting = [one for one in seen if one.host.pk not in done]
        still = _still_true(waiting)
        if still:
            _see(still)
            _write(claim, scan, still, revision)
            count_items(claim=claim, done=len(still))
    kept = {one.pk for one in still}
    return [one for one in waiting if one.host.pk not in kept]


def done_hosts(*, scan: Scan, claim: Claim, among: Sequence[UUID] | None = None) -> set[UUID]:
    """The hosts of a batch that were written down already, by whoever held it."""
    hosts = claim.items if among is None else among
    rows = HostScan.objects.filter(scan=scan, host_id__in=hosts).values_list("host_id", flat=True)
    many = ScanSeen.objects.filter(scan=scan, batch=claim.batch_id).values_list("hosts", flat=True)
    return set(rows).union(*many)


def _still_true(seen: Sequence[Seen]) -> list[_Still]:
    """Locks the hosts' states, in one order everywhere: two scans may have the same hosts."""
    rows = (
        HostState.objects.filter(host__in=[one.host.pk for one in seen])
        .order_by("pk")
        .select_for_update(no_key=True, of=("self",))
    )
    now = {
        pk: rest
        for pk, *rest in rows.values_list(
            "host_id",
            "base_id",
            "revision",
            "tried_at",
            "observed_at",
            "reimaged_at",
            "counts",
            "host__state",
            "host__version",
            "host__reimaged_at",
            "host__memory__taken_at",
            "host__memory__judged",
            "host__memory__status",
            "host__memory__reason",
        )
    }
    deployed = _deployed_since(seen)
    found = _open_occurrences(now)
    still = []
    for one in seen:
        if (row := now.get(one.host.pk)) is None:
            continue
        (
            base,
            revision,
            tried,
            observed,
            begun,
            counts,
            state,
            version,
            reimaged,
            taken,
            judged,
            status,
            reason,
        ) = row
        here = found.get(one.host.pk, ())
        if (
            state == Host.ACTIVE
            and (base, revision) == (one.known.base, one.known.revision)
            and version == one.host.version
            and (taken, judged) == (one.known.taken_at, one.known.judged)
            and tried <= one.started_at
            and (reimaged is None or (begun is not None and begun >= reimaged))
            and not any(at > one.started_at for at in deployed.get(one.host.name, ()))
            and all(verdict in OUT_OF_BAND and last == observed for _, verdict, _, last in here)
        ):
            still.append(
                _Still(
                    one,
                    status,
                    reason,
                    counts,
                    tuple((finding, verdict, first) for finding, verdict, first, _ in here),
                )
            )
    return still


def _deployed_since(seen: Sequence[Seen]) -> dict[str, list[datetime]]:
    """When something was deployed to a host since the first of these looks began."""
    times: dict[str, list[datetime]] = defaultdict(list)
    begun = min((one.started_at for one in seen), default=None)
    if begun is not None:
        for names, at in Deployment.objects.filter(deployed_at__gt=begun).values_list("hosts", "deployed_at"):
            for name in names:
                times[name].append(at)
    return times


def _open_occurrences(hosts: Iterable[UUID]) -> dict[UUID, list[tuple[UUID, str, datetime, datetime]]]:
    rows = Occurrence.objects.filter(host__in=list(hosts), ended_at=None)
    found: dict[UUID, list[tuple[UUID, str, datetime, datetime]]] = defaultdict(list)
    for host, finding, verdict, first, last in rows.values_list(
        "host_id", "finding_id", "verdict", "first_seen_at", "last_seen_at"
    ):
        found[host].append((finding, verdict, first, last))
    return found


def _see(still: Sequence[_Still]) -> None:
    """The states, and what was found there and is still there. What this writes is in no index of the states."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE drift_hoststate AS state
            SET observed_at = seen.at, tried_at = seen.at, status = seen.status, reason = seen.reason
            FROM unnest(%s::uuid[], %s::timestamptz[], %s::text[], %s::text[]) AS seen(host_id, at, status, reason)
            WHERE state.host_id = seen.host_id
            """,
            [
                [one.pk for one in still],
                [one.seen.started_at for one in still],
                [one.status for one in still],
                [one.reason for one in still],
            ],
        )
    found = [one for one in still if one.found]
    if not found:
        return
    last: dict[UUID, datetime] = {}
    for one in found:
        for finding, *_ in one.found:
            last[finding] = max(one.seen.started_at, last.get(finding, one.seen.started_at))
    # Locked first, in the order in which whoever records a look or a decision locks them.
    locked = Finding.objects.filter(pk__in=last).order_by("fingerprint").select_for_update()
    findings = list(locked.values_list("pk", flat=True))
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE drift_occurrence AS occurrence SET last_seen_at = seen.at
            FROM unnest(%s::uuid[], %s::timestamptz[]) AS seen(host_id, at)
            WHERE occurrence.host_id = seen.host_id AND occurrence.ended_at IS NULL
            """,
            [[one.pk for one in found], [one.seen.started_at for one in found]],
        )
        cursor.execute(
            """
            UPDATE drift_finding AS finding SET last_seen_at = seen.at
            FROM unnest(%s::uuid[], %s::timestamptz[]) AS seen(id, at)
            WHERE finding.id = seen.id AND finding.last_seen_at < seen.at
            """,
            [findings, [last[finding] for finding in findings]],
        )


def _write(claim: Claim, scan: Scan, still: Sequence[_Still], revision: str) -> None:
    """A row for each host with something out of band, for reports that stay as they are; one for many of the others."""
    HostScan.objects.bulk_create(
        HostScan(
            scan=scan,
            host=one.seen.host,
            status=one.status,
            reason=one.reason,
            seconds=one.seen.seconds,
            revision=revision,
            manifest_id=one.seen.known.observed,
            counts=one.counts,
            seen=[
                {"finding": str(finding), "verdict": verdict, "first_seen": first.isoformat()}
                for finding, verdict, first in one.found
            ],
            unmoved=True,
        )
        for one in still
        if one.found
    )
    alike: dict[tuple[Any, ...], list[_Still]] = defaultdict(list)
    for one in still:
        if not one.found:
            alike[one.status, one.reason, *sorted(one.counts.items())].append(one)
    ScanSeen.objects.bulk_create(
        ScanSeen(
            scan=scan,
            batch=claim.batch_id,
            hosts=[one.pk for one in group],
            status=group[0].status,
            reason=group[0].reason,
            revision=revision,
            counts=group[0].counts,
            seconds=sum(one.seen.seconds for one in group) / len(group),
        )
        for group in alike.values()
    )
