"""What a host looked like, now or at any time: as its looks showed it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from deployments.core.states import State
from drift.models import HostHistory, HostState
from drift.queries.manifests import load_states
from inventory.models import Host

OBSERVED, BASE = "observed", "base"


@dataclass(frozen=True)
class HostAt:
    """The states of a host at a time, and how that is known.

    `seen_at` is the look that first showed it so, `confirmed_at` the last one that did (None where that was not written
    down), `changed_at` the next look, which showed something else (None where there is none). Between these two nobody
    looked: `certain` says that `as_of` is not there. `manifest` is the digest of it all.
    """

    host: Host
    as_of: datetime
    part: str
    manifest: str
    states: Mapping[str, State]
    seen_at: datetime | None = None
    confirmed_at: datetime | None = None
    changed_at: datetime | None = None

    @property
    def certain(self) -> bool:
        return self.confirmed_at is not None and self.as_of <= self.confirmed_at


def first_look(host: Host) -> datetime | None:
    """The first of which it is still known what it showed."""
    return HostHistory.objects.filter(host=host).order_by("seen_at").values_list("seen_at", flat=True).first()


def observed_at(host: Host, as_of: datetime) -> HostAt | None:
    """What the last look before `as_of` showed; None where that is before the first one."""
    rows = HostHistory.objects.filter(host=host).select_related("manifest")
    row = rows.filter(seen_at__lte=as_of).order_by("-seen_at").first()
    if row is None:
        return None
    later = rows.filter(seen_at__gt=row.seen_at).order_by("seen_at").first()
    confirmed = later.before_at if later is not None else _last_look(host)
    return HostAt(
        host,
        as_of,
        OBSERVED,
        row.manifest.digest,
        load_states(row.manifest) or {},
        seen_at=row.seen_at,
        confirmed_at=confirmed,
        changed_at=later.seen_at if later is not None else None,
    )


def _last_look(host: Host) -> datetime | None:
    return HostState.objects.filter(host=host).values_list("observed_at", flat=True).first()


def agreed_now(host: Host, now: datetime) -> HostAt | None:
    """Base as it is; what it was before is not kept."""
    state = HostState.objects.filter(host=host).select_related("base").first()
    if state is None or state.base is None:
        return None
    return HostAt(host, now, BASE, state.base.digest, load_states(state.base) or {})


def history_of(host: Host, limit: int = 20) -> list[HostHistory]:
    """When it was seen to be another, latest first."""
    return list(HostHistory.objects.filter(host=host).order_by("-seen_at")[:limit])
