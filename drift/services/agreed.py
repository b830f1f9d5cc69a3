"""What was changed by hand is agreed on, once the definition says it on top of something newer.

Such a host has neither what was agreed before nor what the definition says by now. With its live state as base it
waits for the next push, as any host does that the definition has left behind.
"""

from collections.abc import Sequence

from drift.models import HostState
from drift.services.fold_ground import LiveOccurrence
from drift.services.manifests import load_states, own_in, store_manifest


def agree_on_live(joined: Sequence[tuple[str, str, LiveOccurrence]]) -> list[str]:
    """Move base to live for (finding, resource, occurrence); the names of those that moved, "DRF-3 on web-8".

    Runs in the transaction that records the commit. What was agreed otherwise meanwhile, or has been changed
    further, stays as it is.
    """
    moved = []
    for reference, resource, occurrence in sorted(joined, key=lambda item: item[2].host.name):
        state = HostState.objects.select_for_update().filter(host__name=occurrence.host.name).first()
        base = load_states(state.base) if state is not None else None
        if state is None or base is None or base.get(resource) != occurrence.base:
            continue
        manifest = store_manifest({**base, resource: occurrence.live}, own_in(state.base))
        HostState.objects.filter(pk=state.pk).update(base=manifest)
        moved.append(f"{reference} on {occurrence.host.name}")
    return moved
