"""Layers → what is declared for one host, each attribute with the place that said it last.

Key by key, attribute by attribute, later wins; a list or mapping given as a value is replaced whole. `null`
takes back a resource, an attribute or a variable. Setting one of content, source, template and secret takes
back the others. A declaration that only takes attributes back declares nothing by itself.
"""

from collections.abc import Callable, Iterable, Mapping
from threading import Lock
from typing import TypeVar

from deployments.core.definition.model import (
    Attribute,
    Declaration,
    Definition,
    Layer,
    Merged,
    MergedResource,
    Origin,
)
from deployments.core.definition.sections import KIND_TO_SECTION, SECTIONS
from inventory.core.host_view import HostView

MAX_SHARED = 256
"""How many merges (and plans made of them) a definition keeps. Hosts of a role share one; a host with a layer
of its own needs one of its own, which is made of the shared one and soon forgotten."""

Made = TypeVar("Made")
_keeping = Lock()


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
    return _merged(definition, tuple(name for name in layers_for(host) if name in definition.layers))


def _merged(definition: Definition, names: tuple[str, ...]) -> Merged:
    if not names:
        return Merged()

    def make() -> Merged:
        return extend(_merged(definition, names[:-1]), definition.layers[names[-1]])

    return shared(definition, "merged", names, make)


def shared(definition: Definition, kind: str, names: tuple[str, ...], make: Callable[[], Made]) -> Made:
    """What `make` makes for these layers, made once while it is in use; the longest unused is forgotten."""
    kept = definition.cache.setdefault(kind, {})
    with _keeping:
        made: Made | None = kept.pop(names, None)
    if made is None:
        made = make()
    with _keeping:
        kept[names] = made
        while len(kept) > MAX_SHARED:
            del kept[next(iter(kept))]
    return made


def merge_layers(layers: Iterable[Layer]) -> Merged:
    """Layers in order, later wins."""
    merged = Merged()
    for layer in layers:
        merged = extend(merged, layer)
    return merged


def extend(before: Merged, layer: Layer) -> Merged:
    """One more layer on top; what it doesn't speak of is shared with `before`."""
    variables = dict(before.variables)
    _update(variables, layer.variables.items())
    resources = dict(before.resources)
    touched: set[str] = set()
    for resource, declaration in layer.declarations.items():
        existing = resources.pop(resource, None)
        if declaration.attributes is None:
            touched |= {resource} if existing else set()
        elif existing is None and _takes_back_only(declaration):
            continue
        else:
            touched.add(resource)
            attributes = dict(existing.attributes) if existing else {}
            _apply(attributes, declaration)
            resources[resource] = MergedResource(
                section=declaration.section,
                resource=resource,
                key=declaration.key,
                attributes=attributes,
                origin=declaration.origin,
            )
    conflicts = _conflicts(before, resources, touched)
    return Merged(
        layers=(*before.layers, layer.name),
        variables=variables,
        resources=dict(sorted(resources.items())) if touched else resources,
        conflicts=conflicts,
        before=before,
        touched=frozenset(touched) | _changed(before.conflicts, conflicts),
    )


def _takes_back_only(declaration: Declaration) -> bool:
    """Whether all it says is null. `{}` is not that: it says that the thing exists."""
    given = declaration.attributes or {}
    return bool(given) and all(attribute.value is None for attribute in given.values())


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


def _conflicts(before: Merged, resources: dict[str, MergedResource], touched: set[str]) -> dict[str, str]:
    """Paths that two layers declare as different kinds. Which layer is meant is not ours to guess: the later one
    has to take the earlier declaration back with null, and until then the state is unknown."""
    conflicts = dict(before.conflicts)
    for path in {_path(resource) for resource in touched}:
        kinds = [f"{section.kind}:{path}" for section in SECTIONS.values() if section.type is not None]
        together = [resources[kind] for kind in kinds if kind in resources]
        for kind in kinds:
            conflicts.pop(kind, None)
        if len(together) > 1:
            conflicts |= {each.resource: _conflict(path, together) for each in together}
    return conflicts


def _changed(before: Mapping[str, str], after: Mapping[str, str]) -> set[str]:
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def _path(resource: str) -> str:
    """The path of a thing in the file system; for other kinds a name that no path is."""
    kind, _, key = resource.partition(":")
    return key if KIND_TO_SECTION[kind].type is not None else ""


def _conflict(path: str, together: list[MergedResource]) -> str:
    places = " and ".join(f"{resource.section} ({_place(resource.origin)})" for resource in together)
    return f"{path} is declared under {places}; set all but one of them to null"


def _place(origin: Origin) -> str:
    return f"{origin.path}:{origin.line}"
