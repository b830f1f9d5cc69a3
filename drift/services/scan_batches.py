"""One batch of a scan: some hosts looked at over the network, each recorded as it comes in.

Each host is written in a fenced transaction of its own. So a batch that is taken over finds what was recorded, and
looks only at the rest.
"""

import hashlib
import time
from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import structlog
from django.db import InterfaceError, OperationalError

from common.services.jobs import Claim, LeaseKeeper, LostLease
from deployments.collector import reasons
from deployments.collector.question import Observation, Question, WatchedRoots
from deployments.collector.reasons import code_of
from deployments.core.content_digests import is_keyed
from deployments.core.definition.model import DefinitionError, DesiredManifest, DesiredResource
from deployments.core.states import Absent, Present, State
from deployments.queries.definitions import definition_at, head_revision, repository
from drift.models import HostScan, HostState, Scan
from drift.scanner import HostResult, Target
from drift.services.contents import desired_to_compare
from drift.services.looking import looks
from drift.services.moved import Moved, moved_since_last_look
from drift.services.observations import Against, Look, record_look
from drift.services.roots import watched_roots
from inventory.models import Host
from inventory.queries.hosts import host_view

log = structlog.get_logger()
RECORD_ATTEMPTS = 5
TRY_AGAIN = ("40P01", "40001")  # PostgreSQL's codes for a deadlock and for a serialization failure


def run_scan_batch(*, claim: Claim, keeper: LeaseKeeper) -> None:
    """Look at the batch's hosts that this scan has not recorded yet. Raises LostLease when it is taken away."""
    scan = Scan.objects.get(pk=claim.subject_id)
    done = HostScan.objects.filter(scan=scan, host_id__in=claim.items).values_list("host_id", flat=True)
    hosts = {host.pk: host for host in Host.objects.filter(pk__in=claim.items).exclude(pk__in=list(done))}
    against = _what_to_compare_with(hosts.values())
    moved = moved_since_last_look(hosts.values())
    kept: set[str] = set()
    roots = watched_roots({pk: one.desired for pk, one in against.items()}, kept)
    targets = [
        _target(host, against[pk], moved[pk], roots.get(pk, WatchedRoots())) for pk, host in hosts.items()
    ]
    with closing(looks(hosts=hosts, targets=targets, claim=claim, keeper=keeper)) as results:
        for result in results:
            host = hosts[result.target.context]
            compared = replace(against[host.pk], later=_later_than(against[host.pk].revision))
            _record(claim=claim, scan=scan, look=_look(host, result), against=compared)
            kept.update(result.observation.contents)


def _record(*, claim: Claim, scan: Scan, look: Look, against: Against) -> None:
    """Record a look, again where the database found a deadlock. One that can't be recorded makes its own host
    unknown, and no other: whatever a host shows, the rest of the batch is looked at.
    """
    for attempt in range(1, RECORD_ATTEMPTS + 1):
        try:
            record_look(claim=claim, scan=scan, look=look, against=against)
            return
        except (LostLease, InterfaceError):
            raise
        except OperationalError as error:
            if getattr(error.__cause__, "pgcode", None) not in TRY_AGAIN or attempt == RECORD_ATTEMPTS:
                raise
            time.sleep(0.05 * attempt)
        except Exception as error:
            if look.reason == reasons.INTERNAL:
                raise
            log.exception("what a host showed can't be recorded", host=look.host.name, scan=str(scan))
            look = replace(
                look,
                status="unknown",
                reason=reasons.INTERNAL,
                detail=f"what it showed can't be recorded ({type(error).__name__})",
                observation=Observation({}),
            )


def _later_than(revision: str) -> frozenset[str]:
    """The revisions that came after this one while hosts were looked at."""
    return frozenset() if head_revision() == revision else repository().later_than(revision)


def _what_to_compare_with(hosts: Iterable[Host]) -> dict[UUID, Against]:
    """The definition's head, and each host's manifest of it and of the revision it was last compared with."""
    revision = head_revision()
    definition = definition_at(revision)
    revisions = dict(HostState.objects.filter(host__in=list(hosts)).values_list("host_id", "revision"))
    result = {}
    for host in hosts:
        view = host_view(host)
        earlier: DesiredManifest | None = None
        last = revisions.get(host.pk)
        if last and last != revision:
            try:
                earlier = desired_to_compare(definition_at(last), view)
            except (DefinitionError, LookupError):
                log.warning("an earlier revision can't be read; diffs may lack a text", revision=last)
        result[host.pk] = Against(revision, definition, desired_to_compare(definition, view), earlier)
    return result


def _target(host: Host, against: Against, moved: Moved, roots: WatchedRoots) -> Target:
    return Target(
        host=host.name,
        question=_question(against, roots),
        wanted=WantedByDigest.unlike(against.desired),
        moved=moved,
        context=host.pk,
    )


def _question(against: Against, roots: WatchedRoots) -> Question:
    """What is declared, and no more, and all of each watched kind and root; all of what should be gone, and of secrets,
    whose content is compared too."""
    desired = against.desired
    resources = {
        name: None if isinstance(want.state, Absent) or want.how == "secret" else frozenset(want.attributes)
        for name, want in desired.resources.items()
    }
    return Question(
        resources,
        tuple(desired.exhaustive),
        secret_paths=against.definition.secret_paths,
        secret_files=frozenset(desired.secret_paths),
        watched=frozenset(desired.watched),
        roots=roots,
        secret_contents=frozenset(
            digest
            for want in desired.resources.values()
            if is_keyed(_sha256(want.state) or "") and (digest := _wanted_sha256(want))
        ),
    )


def _sha256(state: State) -> str | None:
    return state.data.get("sha256") if isinstance(state, Present) else None


def _wanted_sha256(want: DesiredResource) -> str | None:
    """What the host's own digest of the declared content would be; only ever kept in memory."""
    declared = _sha256(want.state)
    if declared is not None and is_keyed(declared) and want.content is not None:
        return hashlib.sha256(want.content).hexdigest()
    return declared


class WantedByDigest:
    """Content is fetched where it is not what the definition says; of undeclared entries always."""

    def __init__(self, expected: dict[str, str | None]) -> None:
        self._expected = expected

    @classmethod
    def unlike(cls, desired: DesiredManifest) -> "WantedByDigest":
        return cls({name: _wanted_sha256(want) for name, want in desired.resources.items()})

    def __call__(self, resource: str, state: State) -> bool:
        return _sha256(state) != self._expected.get(resource)


def _look(host: Host, result: HostResult) -> Look:
    return Look(
        host=host,
        view=host_view(host),
        started_at=datetime.fromtimestamp(result.ended_at - result.seconds, UTC),
        seconds=result.seconds,
        status=result.status,
        reason=code_of(result.reason or ""),
        detail=result.reason or "",
        observation=result.observation,
        offered_key=result.offered_key.fingerprint if result.offered_key else "",
    )
