"""What is agreed on a host after somebody else's pusher reported a deployment."""

from collections.abc import Collection, Iterable, Mapping

from deployments.core.definition.model import DesiredManifest, DesiredResource
from deployments.core.states import UNDECLARED, Present, State
from drift.core.identity import CONTENT
from drift.core.watched import FILE_KINDS, inside, is_whole, kind_of, path_of
from drift.core.watched_roots import MARK, marked_roots


def deployed_base(
    *,
    base: Mapping[str, State] | None,
    head: DesiredManifest,
    deployed: DesiredManifest,
    resources: Collection[str] = (),
    newer: Iterable[Collection[str]] = (),
) -> dict[str, State]:
    """Base after `deployed` went to a host.

    `resources` limits it to what was deployed (none: all that the revision says). `base` is None before the
    host's first look: the head stands in, as it does at enrolment. `newer` are the resources of each later
    deployment to this host that is known already (an empty one covers all): a report that comes late does not
    take back what a later one said.
    """
    agreed = dict(base) if base is not None else _decided(head)
    scopes = [frozenset(scope) for scope in newer]
    if any(not scope for scope in scopes):
        return agreed
    covered = frozenset().union(*scopes)
    roots = marked_roots(agreed)
    scope = set(resources) or set(deployed.resources) | set(agreed)
    for resource in scope - covered:
        want = deployed.resources.get(resource)
        if want is None and _is_watched(resource, agreed, roots):
            # A revision says nothing of what is watched. Who names it says that it was put there: as the next look
            # finds it, it is agreed.
            if resource in resources and not is_whole(resource):
                agreed[resource] = UNDECLARED
        elif want is None:
            agreed.pop(resource, None)
        elif want.is_decided:  # what could not be rendered says nothing about what was put there
            agreed[resource] = _as_deployed(agreed.get(resource), want)
    return agreed


def _is_watched(resource: str, agreed: Mapping[str, State], roots: Collection[str]) -> bool:
    kind = kind_of(resource)
    if kind in FILE_KINDS:
        return inside(path_of(resource), roots) is not None
    return kind == MARK or f"{kind}:" in agreed


def _decided(manifest: DesiredManifest) -> dict[str, State]:
    return {name: want.state for name, want in manifest.resources.items() if want.is_decided}


def _as_deployed(before: State | None, want: DesiredResource) -> State:
    """The declared attributes as deployed; what the revision does not declare stays as it was agreed.

    A secret's content is not in the definition: what the next look finds is taken as deployed.
    """
    if not isinstance(want.state, Present) or not isinstance(before, Present):
        return want.state
    if before.data.get("type") != want.state.data.get("type"):
        return want.state
    kept = dict(before.data)
    if want.how is not None:
        for name in CONTENT:
            kept.pop(name, None)
    return Present({**kept, **want.state.data})
