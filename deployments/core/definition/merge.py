"""Layers → what is declared for one host, each attribute with the place that said it last.

Key by key, attribute by attribute, later wins; a list or mapping given as a value is replaced whole. `null`
takes back a resource, an attribute or a variable. Setting one of content, source, template and secret takes
back the others. A declaration that only takes attributes back declares nothing by itself.
"""

from collections.abc import Iterable

from deployments.core.definition.model import (
    Attribute,
    Declaration,
    Definition,
    Layer,
    Merged,
    MergedResource,
    Origin,
)
from deployments.core.definition.sections import SECTIONS
from inventory.core.host_view import HostView


def layers_for(host: HostView) -> tuple[str, ...]:
    """The names of all layers that speak about a host, later wins; not all of them need to exist."""
    environment = f"environments/{host.environment}"
    return (
        "base",
        environment,
        *(f"roles/{role}" for role in host.roles),
        *(f"{environment}/roles/{role}" for role in host.roles),
        f"hosts/{host.name}",
    )


def merge(definition: Definition, host: HostView) -> Merged:
    """What the definition declares for a host. Hosts with the same existing layers share the answer."""
    names = tuple(name for name in layers_for(host) if name in definition.layers)
    key = ("merged", names)
    if (merged := definition.cache.get(key)) is None:
        merged = definition.cache[key] = merge_layers(definition.layers[name] for name in names)
    return merged


def merge_layers(layers: Iterable[Layer]) -> Merged:
    """The pure fold behind `merge`: layers in order, later wins."""
    names: list[str] = []
    variables: dict[str, Attribute] = {}
    attributes: dict[str, dict[str, Attribute]] = {}
    latest: dict[str, Declaration] = {}
    for layer in layers:
        names.append(layer.name)
        _update(variables, layer.variables.items())
        for resource, declaration in layer.declarations.items():
            if declaration.attributes is None:
                attributes.pop(resource, None)
                continue
            if resource not in attributes:
                if declaration.attributes and _takes_back_only(declaration):
                    continue
                attributes[resource] = {}
            _apply(attributes[resource], declaration)
            latest[resource] = declaration
    resources = {
        resource: MergedResource(
            section=latest[resource].section,
            resource=resource,
            key=latest[resource].key,
            attributes=merged,
            origin=latest[resource].origin,
        )
        for resource, merged in sorted(attributes.items())
    }
    return Merged(tuple(names), variables, resources, _conflicts(resources))


def _takes_back_only(declaration: Declaration) -> bool:
    return all(attribute.value is None for attribute in (declaration.attributes or {}).values())


def _apply(merged: dict[str, Attribute], declaration: Declaration) -> None:
    given = declaration.attributes or {}
    for group in SECTIONS[declaration.section].exclusive:
        if any(name in given and given[name].value is not None for name in group):
            for name in group:
                merged.pop(name, None)
    _update(merged, given.items())


def _update(merged: dict[str, Attribute], given: Iterable[tuple[str, Attribute]]) -> None:
    for name, attribute in given:
        # Taken out first, so that the order is that of the layer which spoke last.
        merged.pop(name, None)
        if attribute.value is not None:
            merged[name] = attribute


def _conflicts(resources: dict[str, MergedResource]) -> dict[str, str]:
    """Paths that two layers declare as different kinds. Which layer is meant is not ours to guess: the later one
    has to take the earlier declaration back with null, and until then the state is unknown."""
    by_path: dict[str, list[MergedResource]] = {}
    for resource in resources.values():
        if SECTIONS[resource.section].type is not None:
            by_path.setdefault(resource.key, []).append(resource)
    return {
        resource.resource: _conflict(path, together)
        for path, together in by_path.items()
        if len(together) > 1
        for resource in together
    }


def _conflict(path: str, together: list[MergedResource]) -> str:
    places = " and ".join(f"{resource.section} ({_place(resource.origin)})" for resource in together)
    return f"{path} is declared under {places}; set all but one of them to null"


def _place(origin: Origin) -> str:
    return f"{origin.path}:{origin.line}"
