"""What is remembered of hosts between looks: read for a whole batch, and written with each look that says something."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from deployments.collector.question import Memory, Recalled
from deployments.collector.quick import CONTENTS, PATHS, section_of_kind
from deployments.core.states import State
from drift.core.basis import basis_of
from drift.models import HostMemory, HostState
from inventory.models import Host

if TYPE_CHECKING:
    from drift.services.observations import Look


@dataclass(frozen=True)
class Known:
    """What is known of a host before it is looked at. `sums` are empty where nothing is remembered."""

    base: str | None = None
    observed: str | None = None
    revision: str = ""
    sums: Mapping[str, str] | None = None
    taken_at: datetime | None = None
    judged: str = ""

    def is_judged_by(self, host: Host, revision: str) -> bool:
        """Whether what was judged was judged from all that there is now: the definition, the host's values, base."""
        return bool(self.judged) and self.judged == basis_of(
            revision=revision,
            version=host.version,
            facts=host.facts,
            base=self.base,
            observed=self.observed,
        )


NOTHING_KNOWN = Known()


def known_of(hosts: Sequence[UUID]) -> dict[UUID, Known]:
    """By host, in one query, for hosts that were looked at or tried; without what only a host that moved needs."""
    rows = HostState.objects.filter(host__in=hosts).values_list(
        "host_id",
        "base_id",
        "observed_id",
        "revision",
        "host__memory__sums",
        "host__memory__taken_at",
        "host__memory__judged",
    )
    return {
        pk: Known(base, observed, revision, sums, taken_at, judged or "")
        for pk, base, observed, revision, sums, taken_at, judged in rows
    }


def recalled_for(
    host: UUID,
    states: Mapping[str, State] | None,
    *,
    taken_at: datetime | None,
    sections: Collection[str],
) -> Recalled | None:
    """The memory of that time, with the states that it belongs to; None where another scan has left a newer one
    meanwhile: what has not moved since then may have moved since those states.

    Only of `sections`, those that are asked about now: of what nobody asks for any more nothing is known.
    """
    if states is None or taken_at is None:
        return None
    rows = HostMemory.objects.filter(host=host, taken_at=taken_at)
    row = rows.values_list("sums", "stats", "rest").first()
    if row is None:
        return None
    sums, stats, rest = row
    kept = {*sections, CONTENTS} if PATHS in sections else set(sections)
    return Recalled(
        Memory(
            {name: told for name, told in sums.items() if name in kept},
            bytes(stats) if PATHS in sections else b"",
            {name: part for name, part in rest.items() if name in sections},
        ),
        {
            resource: state
            for resource, state in states.items()
            if section_of_kind(resource.partition(":")[0]) in sections
        },
    )


def remember(*, look: "Look", judged: str) -> None:
    """Keep what a look leaves behind, in its transaction; where that is nothing, what was before is gone too."""
    memory = look.observation.memory
    if look.unmoved and memory is not None:
        told = {"sums": dict(memory.sums), "stats": memory.stats, "rest": dict(memory.rest)}
        HostMemory.objects.filter(host=look.host).update(judged=judged, **told)
        return
    if memory is None:
        HostMemory.objects.filter(host=look.host).delete()
        return
    row = HostMemory(
        host=look.host,
        taken_at=look.started_at,
        sums=dict(memory.sums),
        stats=memory.stats,
        rest=dict(memory.rest),
        judged=judged,
        status=look.status,
        reason=look.reason[:200],
    )
    HostMemory.objects.bulk_create(
        [row],
        update_conflicts=True,
        unique_fields=["host"],
        update_fields=["taken_at", "sums", "stats", "rest", "judged", "status", "reason"],
    )
