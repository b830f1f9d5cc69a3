"""What hosts were seen to be before and after a moment: for the changes that name them (LIVE_STATE_PROVIDER)."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from changemgmt.core.live_states import LiveStates, Seen
from deployments.core.states import to_json
from drift.models import HostHistory, HostState
from drift.queries.manifests import load_manifests
from inventory.models import FormerName, Host
from inventory.queries.host_names import spans_of


def live_states(
    *, hosts: Sequence[str], resources: Sequence[str], began: datetime, ended: datetime | None
) -> list[LiveStates]:
    """For each host and resource the last look before `began`, and the first one after `ended` (None: not yet).

    `hosts` are names as they were at `began`. A constant number of queries, and as many for what is stored of the looks.
    """
    ids = _called(hosts, began)
    before = _latest(set(ids.values()), began)
    after = _first_after(set(ids.values()), ended) if ended is not None else {}
    looks = [*before.values(), *after.values()]
    states = load_manifests({manifest for manifest, _ in looks})

    def seen(looks: dict[UUID, tuple[str, datetime]], host: str, resource: str) -> Seen | None:
        look = looks.get(ids[host]) if host in ids else None
        state = states.get(look[0], {}).get(resource) if look is not None else None
        return Seen(to_json(state), look[1]) if look is not None and state is not None else None

    return [
        LiveStates(host, resource, seen(before, host, resource), seen(after, host, resource))
        for host in hosts
        for resource in resources
    ]


def _called(names: Sequence[str], at: datetime) -> dict[str, UUID]:
    """Which hosts bore these names then."""
    bearers = {*Host.objects.filter(name__in=names).values_list("pk", flat=True)}
    bearers |= {*FormerName.objects.filter(name__in=names).values_list("host", flat=True)}
    return {span.name: span.host_id for span in spans_of(bearers) if span.name in names and span.covers(at)}


def _latest(hosts: Collection[UUID], at: datetime) -> dict[UUID, tuple[str, datetime]]:
    """Host → manifest of its last look up to `at`, and when that is known to have been seen last."""
    rows = (
        HostHistory.objects.filter(host__in=hosts, seen_at__lte=at)
        .order_by("host", "-seen_at")
        .distinct("host")
    )
    found = {
        host: (manifest, seen) for host, manifest, seen in rows.values_list("host", "manifest", "seen_at")
    }
    # Later looks that showed the same are written down only where the next one differed, and of the very last one.
    later = (
        HostHistory.objects.filter(host__in=found, seen_at__gt=at)
        .order_by("host", "seen_at")
        .distinct("host")
    )
    confirmed = dict(later.values_list("host", "before_at"))
    known = dict(HostState.objects.filter(host__in=found).values_list("host", "observed_at"))
    for host, (manifest, seen) in found.items():
        last = confirmed[host] if host in confirmed else known.get(host)
        if last is not None and seen < last <= at:
            found[host] = (manifest, last)
    return found


def _first_after(hosts: Collection[UUID], at: datetime) -> dict[UUID, tuple[str, datetime]]:
    """Host → manifest of the first look after `at`, and a time at which it was seen."""
    later = (
        HostHistory.objects.filter(host__in=hosts, seen_at__gt=at)
        .order_by("host", "seen_at")
        .distinct("host")
    )
    found = {
        host: (manifest, seen, before)
        for host, manifest, seen, before in later.values_list("host", "manifest", "seen_at", "before_at")
    }
    now = (
        HostHistory.objects.filter(host__in=hosts, seen_at__lte=at)
        .order_by("host", "-seen_at")
        .distinct("host")
    )
    unmoved = dict(now.values_list("host", "manifest"))
    looked = dict(HostState.objects.filter(host__in=hosts).values_list("host", "observed_at"))
    answer: dict[UUID, tuple[str, datetime]] = {}
    for host in {*found, *unmoved}:
        manifest, seen, before = found.get(host, (None, None, None))
        still = before if host in found else looked.get(host)  # when it was last seen as it was at `at`
        if host in unmoved and still is not None and still > at:
            answer[host] = (unmoved[host], still)
        elif manifest is not None and seen is not None:
            answer[host] = (manifest, seen)
    return answer
