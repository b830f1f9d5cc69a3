"""What a host is asked, without what it should answer: nothing is rendered, and hosts with the same layers share it."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from deployments.core.definition.merge import merge, shared
from deployments.core.definition.model import Definition, DesiredManifest
from deployments.core.definition.plans import plan_of
from deployments.core.definition.render import watched_kinds
from inventory.core.host_view import HostView

Made = TypeVar("Made")


def planned_manifest(definition: Definition, host: HostView) -> DesiredManifest:
    """`desired_manifest` but for the content of templates, which names no other resource and no other attribute."""
    plan = plan_of(definition, merge(definition, host))
    watched = watched_kinds(definition)
    return DesiredManifest(
        plan.resources,
        _paths(plan.exhaustive),
        _paths(plan.secrets),
        watched=tuple(name for name in watched if not name.startswith("/")),
        roots=tuple(name for name in watched if name.startswith("/")),
    )


def shared_by_layers(
    definition: Definition, host: HostView, kind: str, make: Callable[[DesiredManifest], Made]
) -> Made:
    """What `make` makes of the planned manifest, made once for all hosts with the same layers. `kind` names it."""
    layers = merge(definition, host).layers
    return shared(definition, kind, layers, lambda: make(planned_manifest(definition, host)))


def _paths(resources: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(resource.partition(":")[2] for resource in resources))
