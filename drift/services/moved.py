"""Whether a host is not as it was when it was last looked at: then it is worth asking who was at work there."""

from collections.abc import Callable, Iterable, Mapping
from uuid import UUID

from deployments.core.states import State, Unknown
from drift.models import HostState
from drift.services.manifests import load_manifests
from inventory.models import Host

Moved = Callable[[Mapping[str, State]], bool]


def moved_since_last_look(hosts: Iterable[Host]) -> dict[UUID, Moved]:
    """For each host, by its id, what decides it. One that was never looked at has moved: whoever is found there first
    is asked about too. Hosts that are alike share what they are compared with.
    """
    last = dict(HostState.objects.filter(host__in=list(hosts)).values_list("host_id", "observed_id"))
    seen = load_manifests(last.values())
    return {host.pk: moved_since(seen.get(last.get(host.pk) or "")) for host in hosts}


def moved_since(last: Mapping[str, State] | None) -> Moved:
    def moved(states: Mapping[str, State]) -> bool:
        if last is None:
            return True
        if any(last.get(name) != state for name, state in states.items() if not isinstance(state, Unknown)):
            return True
        return bool(last.keys() - states.keys())

    return moved
