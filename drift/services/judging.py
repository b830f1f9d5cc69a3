"""Verdicts of many hosts from what is stored, without looking at them: what alike hosts share is judged once.

After a commit nothing has moved on the hosts, and most of them have nothing to do with it. For these it is enough to
say that they were compared with the new revision; only where that says something else is a look recorded again.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from common.services.jobs import Claim, fenced_write
from deployments.collector.question import Memory, Observation, Recalled
from deployments.core.content_digests import compared, in_the_same_form
from deployments.core.definition.model import Definition
from deployments.core.definition.render import DesiredParts, desired_parts, watched_kinds
from deployments.core.states import State
from drift.core.basis import basis_of
from drift.core.shared_evaluation import Halves, HostParts, HostVerdicts, SharedEvaluation, shape_of
from drift.core.verdict import OUT_OF_BAND
from drift.models import HostState, Occurrence, ResourceVerdict
from drift.queries.manifests import load_groups, load_own_chunks, load_rows
from drift.services.contents import hmac_key
from inventory.models import Host
from inventory.queries.hosts import host_view

MOST_KEPT = 128
"""Shared parts that are remembered of one revision. Hosts of a thousand sorts would fill the memory of a worker."""
NOTHING: Mapping[str, State] = {}
_kept: tuple[Definition, SharedEvaluation] | None = None
_keeping = Lock()


class Stored(NamedTuple):
    """What is known of a host, as it was read. `base` and `observed` are digests of manifests."""

    base: str | None
    observed: str | None
    counts: Mapping[str, int]
    shape: Observation
    shape_key: Any
    found: Mapping[str, State] = NOTHING


def judge_stored(
    hosts: Iterable[Host],
    stored: Mapping[UUID, Stored],
    definition: Definition,
    desired: Callable[[Host], DesiredParts] | None = None,
) -> Iterator[tuple[Host, HostVerdicts]]:
    """What `definition` says of each host with an observed manifest that is in `stored`. `desired` gives what each should
    be where that is known already; else it is rendered."""
    known = [host for host in hosts if host.pk in stored and stored[host.pk].observed]
    sides = Sides(digest for host in known for digest in (stored[host.pk].base, stored[host.pk].observed))
    with _keeping:
        together = _shared_evaluation(definition)
        for host in known:
            row = stored[host.pk]
            live = sides[row.observed]
            assert live is not None
            parts = HostParts(
                base=live if row.base == row.observed else sides[row.base],
                desired=desired(host) if desired else desired_parts(definition, host_view(host)),
                live=live,
                shape=row.shape,
                shape_key=row.shape_key,
                found=row.found,
            )
            yield host, together.judge(parts)


def _shared_evaluation(definition: Definition) -> SharedEvaluation:
    """The one of this definition, as long as no other is asked for."""
    global _kept
    if _kept is None or _kept[0] is not definition or _kept[1].distinct > MOST_KEPT:
        key = hmac_key()
        watched = watched_kinds(definition)
        _kept = (
            definition,
            SharedEvaluation(
                watched=tuple(name for name in watched if not name.startswith("/")),
                roots=tuple(name for name in watched if name.startswith("/")),
                ignore=definition.ignore,
                compared=lambda desired: compared(desired, key),
                same_form=lambda base, live: in_the_same_form(base, live, key),
            ),
        )
    return _kept[1]


class Sides:
    """Manifests in halves, many read at once; each shared half is one object."""

    def __init__(self, digests: Iterable[str | None]) -> None:
        self._rows = load_rows({digest for digest in digests if digest})
        self._groups = load_groups({group for group, _ in self._rows.values() if group})
        self._own = load_own_chunks({chunk for _, chunks in self._rows.values() for chunk in chunks})

    def __getitem__(self, digest: str | None) -> Halves[State] | None:
        if digest is None:
            return None
        group, chunks = self._rows[digest]
        if len(chunks) == 1:
            own = self._own[chunks[0]]
        else:
            own = {name: state for chunk in chunks for name, state in self._own[chunk].items()}
        return Halves(group, self._groups[group] if group else NOTHING, own)


# --- after a commit --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Before:
    """What was judged of a host, and from what."""

    stored: Stored
    revision: str
    judged: str
    verdicts: frozenset[tuple[str, str, str, str]]


def compare_anew(*, claim: Claim, hosts: Sequence[Host], definition: Definition, revision: str) -> set[UUID]:
    """Say of hosts on which nothing has moved that they are by `revision` as they were by the one before.

    Returns those of which that is so, and is written; of the others nothing is written. Raises LostLease when the batch
    has moved on.
    """
    before = _before(hosts)
    alike = {
        host.pk: host
        for host, verdicts in judge_stored(hosts, {pk: one.stored for pk, one in before.items()}, definition)
        if _is_the_same(verdicts, before[host.pk])
    }
    if not alike:
        return set()
    with fenced_write(claim):
        return _write(alike, before, revision)


def _before(hosts: Sequence[Host]) -> dict[UUID, _Before]:
    """Hosts with a memory by which they were judged, and with nothing found on them."""
    ids = [host.pk for host in hosts]
    verdicts: dict[UUID, set[tuple[str, str, str, str]]] = defaultdict(set)
    for pk, *row in ResourceVerdict.objects.filter(host__in=ids).values_list(
        "host_id", "resource", "verdict", "reason", "hidden"
    ):
        verdicts[pk].add((row[0], row[1], row[2], row[3]))
    rows = (
        HostState.objects.filter(host__in=ids, observed__isnull=False, base__isnull=False)
        .exclude(host__memory=None)
        .exclude(host__memory__judged="")
        .exclude(host__in=Occurrence.objects.filter(host__in=ids, ended_at=None).values("host"))
    )
    shapes: dict[str, tuple[Observation, Any]] = {}
    found = {}
    for pk, base, observed, counts, revision, judged, rest in rows.values_list(
        "host_id",
        "base_id",
        "observed_id",
        "counts",
        "revision",
        "host__memory__judged",
        "host__memory__rest",
    ):
        said = repr(rest)
        if said not in shapes:
            shapes[said] = shape_of(Recalled(Memory({}, b"", rest), NOTHING).observation())
        stored = Stored(base, observed, counts, *shapes[said])
        found[pk] = _Before(stored, revision, judged, frozenset(verdicts[pk]))
    return found


def _is_the_same(verdicts: HostVerdicts, before: _Before) -> bool:
    if verdicts.moves_base or verdicts.counts() != before.stored.counts:
        return False
    unsettled = list(verdicts.unsettled())
    if any(item.verdict in OUT_OF_BAND for item in unsettled):
        return False
    return before.verdicts == {
        (item.resource, item.verdict.value, item.judgement.reason[:300], item.hidden[:300])
        for item in unsettled
    }


def _write(alike: Mapping[UUID, Host], before: Mapping[UUID, _Before], revision: str) -> set[UUID]:
    """Where all that it was judged from is still so, with the hosts' states locked."""
    rows = (
        HostState.objects.filter(host__in=alike, host__state=Host.ACTIVE)
        .order_by("pk")
        .select_for_update(no_key=True, of=("self",))
        .values_list(
            "host_id",
            "base_id",
            "observed_id",
            "revision",
            "host__version",
            "host__facts",
            "host__memory__judged",
        )
    )
    judged: dict[UUID, str] = {}
    for pk, base, observed, last, version, facts, how in rows:
        one, host = before[pk], alike[pk]
        if (base, observed, last, version, facts, how) == (
            *(one.stored.base, one.stored.observed, one.revision),
            *(host.version, host.facts, one.judged),
        ):
            judged[pk] = basis_of(
                revision=revision, version=version, facts=facts, base=base, observed=observed
            )
    found = Occurrence.objects.filter(host__in=judged, ended_at=None).values_list("host_id", flat=True)
    for pk in found:
        judged.pop(pk, None)
    HostState.objects.filter(host__in=judged).update(revision=revision)
    _remember(judged)
    return set(judged)


def _remember(judged: Mapping[UUID, str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE drift_hostmemory AS memory SET judged = now.judged
            FROM unnest(%s::uuid[], %s::text[]) AS now(host_id, judged) WHERE memory.host_id = now.host_id
            """,
            [list(judged), list(judged.values())],
        )
