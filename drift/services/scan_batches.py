"""One batch of a scan: some hosts looked at over the network, each recorded as it comes in.

A host on which something moved, or that could not be looked at, is written in a fenced transaction of its own; hosts on
which nothing had moved are written many at once. So a batch that is taken over finds what was recorded, and looks only
at the rest.
"""

import time
from collections.abc import Callable, Collection, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypeVar
from uuid import UUID

import structlog
from django.db import InterfaceError, OperationalError

from common.clock import monotonic
from common.services.jobs import Claim, LeaseKeeper, LostLease
from deployments.collector import reasons
from deployments.collector.question import Observation
from deployments.collector.reasons import code_of
from deployments.queries.definitions import head_revision, repository
from drift.models import Occurrence, Scan
from drift.scanner import HostResult
from drift.services.judging import compare_anew
from drift.services.looking import looks, scan_limits
from drift.services.memories import known_of
from drift.services.observations import Against, Look, LookAgain, record_look
from drift.services.scans import PROOF
from drift.services.seen import Seen, done_hosts, record_seen
from drift.services.targets import Targets
from inventory.models import Host
from inventory.queries.hosts import host_view

log = structlog.get_logger()
RECORD_ATTEMPTS = 5
TRY_AGAIN = ("40P01", "40001")  # PostgreSQL's codes for a deadlock and for a serialization failure
SEEN_AT_ONCE = 200
SEEN_AFTER_SECONDS = 1.0
Written = TypeVar("Written")


def run_scan_batch(*, claim: Claim, keeper: LeaseKeeper) -> None:
    """Look at the batch's hosts that this scan has not recorded yet. Raises LostLease when it is taken away."""
    scan = Scan.objects.defer("hosts").get(pk=claim.subject_id)
    done = done_hosts(scan=scan, claim=claim)
    batch = _Batch(
        scan,
        claim,
        {host.pk: host for host in Host.objects.filter(pk__in=claim.items) if host.pk not in done},
    )
    batch.look(keeper, in_full=_to_prove(scan, batch.hosts))
    # By what is remembered of these it can't be told how they are.
    while batch.again:
        again, batch.hosts = batch.again, {pk: batch.hosts[pk] for pk in batch.again}
        batch.again = set()
        batch.look(keeper, in_full=again)


def _to_prove(scan: Scan, hosts: dict[UUID, Host]) -> set[UUID]:
    """Proof takes more than that nothing seems to have moved: whoever has a finding is looked at in full."""
    if scan.purpose != PROOF:
        return set()
    found = Occurrence.objects.filter(host__in=hosts, ended_at=None)
    return set(found.values_list("host_id", flat=True))


class _Batch:
    """The hosts of a batch that are still to be looked at; `again` are those that are to be looked at in full."""

    def __init__(self, scan: Scan, claim: Claim, hosts: dict[UUID, Host]) -> None:
        self.scan, self.claim, self.hosts = scan, claim, hosts
        self.again: set[UUID] = set()
        self._seen: list[Seen] = []
        self._anew: list[Seen] = []  # the same, and judged by something else than what there is now
        self._since = 0.0

    def look(self, keeper: LeaseKeeper, *, in_full: Collection[UUID]) -> None:
        limits = scan_limits()
        known = known_of(
            list(self.hosts)
        )  # before the revision: what is known may be older than it, never newer
        self._targets = Targets(
            self.hosts,
            revision=head_revision(),
            known=known,
            limits=limits,
            in_full=in_full,
            deep=self.scan.mode == "deep",
        )
        found = looks(
            hosts=self.hosts,
            targets=self._targets,
            claim=self.claim,
            keeper=keeper,
            limits=limits,
            prepare=self._targets.prepare,
        )
        with closing(found) as results:
            for result in results:
                if result is not None:
                    self._take(result)
                waiting = len(self._seen) + len(self._anew)
                if waiting >= SEEN_AT_ONCE or (waiting and monotonic() - self._since > SEEN_AFTER_SECONDS):
                    self._write_seen()
        self._write_seen()

    def _take(self, result: HostResult) -> None:
        host = self.hosts[result.target.context]
        look = _look(host, result)
        if not result.unmoved:
            against = self._targets.against_for(result)
            try:
                self._record(look, against)
                self._targets.kept(result.observation.contents)
            except LookAgain:
                self.again.add(host.pk)
            return
        known = self._targets.known[host.pk]
        seen = Seen(host, known, look.started_at, look.seconds)
        if not self._seen and not self._anew:
            self._since = monotonic()
        holds = known.is_judged_by(host, self._targets.revision)
        (self._seen if holds else self._anew).append(seen)

    def _write_seen(self) -> None:
        """What many of them say is nothing new, also by what the definition says now; the others come one by one."""
        seen, self._seen = self._seen, []
        anew, self._anew = self._anew, []
        targets = self._targets
        if anew:
            alike = self._compared_anew(anew)
            seen += alike
            compared = {one.host.pk for one in alike}
            anew = [one for one in anew if one.host.pk not in compared]
        if seen:
            anew += _tried(
                lambda: record_seen(claim=self.claim, scan=self.scan, seen=seen, revision=targets.revision)
            )
        for one in anew:
            self._judge_anew(one)

    def _compared_anew(self, anew: Sequence[Seen]) -> list[Seen]:
        """Those of which the definition says what it said before, judged together; as they are known then."""
        now = known_of([one.host.pk for one in anew])
        hosts = [one.host for one in anew if now.get(one.host.pk) == one.known]
        targets = self._targets
        alike = _tried(
            lambda: compare_anew(
                claim=self.claim, hosts=hosts, definition=targets.definition, revision=targets.revision
            )
        )
        known = known_of(list(alike))
        return [replace(one, known=known[one.host.pk]) for one in anew if one.host.pk in alike]

    def _judge_anew(self, seen: Seen) -> None:
        """By what is remembered of it, without the network."""
        look = Look(
            host=seen.host,
            view=host_view(seen.host),
            started_at=seen.started_at,
            seconds=seen.seconds,
            status="ok",
            reason="",
            detail="",
            observation=Observation({}),
            unmoved=seen.known.taken_at,
            sections=self._targets.sections(seen.host).names,
        )
        try:
            self._record(look, self._targets.against(seen.host))
        except LookAgain:
            self.again.add(seen.host.pk)

    def _record(self, look: Look, against: Against) -> None:
        """One that can't be recorded makes its own host unknown, and no other: whatever a host shows, the rest of the
        batch is looked at."""
        against = replace(against, later=_later_than(against.revision))
        try:
            _tried(lambda: record_look(claim=self.claim, scan=self.scan, look=look, against=against))
        except (LostLease, LookAgain, InterfaceError, OperationalError):
            raise
        except Exception as error:
            log.exception("what a host showed can't be recorded", host=look.host.name, scan=str(self.scan))
            unknown = replace(
                look,
                status="unknown",
                reason=reasons.INTERNAL,
                detail=f"what it showed can't be recorded ({type(error).__name__})",
                observation=Observation({}),
                unmoved=None,
            )
            _tried(lambda: record_look(claim=self.claim, scan=self.scan, look=unknown, against=against))


def _tried(write: Callable[[], Written]) -> Written:
    """Written, again where the database found a deadlock."""
    for attempt in range(1, RECORD_ATTEMPTS + 1):
        try:
            return write()
        except OperationalError as error:
            if getattr(error.__cause__, "pgcode", None) not in TRY_AGAIN or attempt == RECORD_ATTEMPTS:
                raise
            time.sleep(0.05 * attempt)
    raise AssertionError("the last attempt returns or raises")


def _later_than(revision: str) -> frozenset[str]:
    """The revisions that came after this one while hosts were looked at."""
    return frozenset() if head_revision() == revision else repository().later_than(revision)


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
