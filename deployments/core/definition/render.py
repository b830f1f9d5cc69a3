"""A definition and a host → the host's desired manifest, each resource with the layer and line it came from.

What is the same for all hosts with the same layers is made once per definition (`plans`). Of templates only those are
rendered for each host that use something of its own.
"""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from deployments.core.content_digests import shown_digest
from deployments.core.definition.merge import merge, shared
from deployments.core.definition.model import Definition, DesiredManifest, DesiredResource, Merged
from deployments.core.definition.parse import TEMPLATES
from deployments.core.definition.plans import Plan, plan_of
from deployments.core.definition.sandbox import RenderError, TemplateStore
from deployments.core.definition.sections import SECTIONS, split_resource
from deployments.core.states import Present, State, Unknown
from inventory.core.host_view import HostView


@dataclass(frozen=True)
class DesiredParts:
    """A desired manifest in two parts, both by resource id.

    `shared` is the same for all hosts whose `key` is equal (within one definition), and is made once for them. `own`
    depends on the host itself: what its own layer says, and templates that use its facts, its name or a variable of
    its own. Two hosts with one key have own resources of the same ids and sorts. `own_ids` has besides what the host's
    layer takes back.
    """

    shared: Mapping[str, DesiredResource]
    own: Mapping[str, DesiredResource]
    own_ids: frozenset[str]
    key: Hashable
    exhaustive: tuple[str, ...]


def desired_manifest(definition: Definition, host: HostView) -> DesiredManifest:
    """Everything `host` should be, by resource id in order. What can't be said is Unknown with the reason."""
    merged = merge(definition, host)
    plan = plan_of(definition, merged)
    common, own_ids = _split(definition, merged, plan, host)
    resources = dict(plan.resources)
    if plan.templates:
        shared_part = _shared_part(definition, common, own_ids, host)
        context = template_context(merged, host)
        for resource in plan.templates:
            made = plan.resources[resource]
            resources[resource] = (
                _rendered(definition, made, context) if resource in own_ids else shared_part[resource]
            )
    watched = watched_kinds(definition)
    return DesiredManifest(
        resources,
        _paths(plan.exhaustive),
        _paths(plan.secrets),
        watched=tuple(name for name in watched if not name.startswith("/")),
        roots=tuple(name for name in watched if name.startswith("/")),
        own=own_ids,
    )


def desired_parts(definition: Definition, host: HostView) -> DesiredParts:
    """`desired_manifest` for whoever judges many hosts: what they share is not made for each of them."""
    merged = merge(definition, host)
    plan = plan_of(definition, merged)
    common, own_ids = _split(definition, merged, plan, host)
    context = template_context(merged, host)
    own = {name: plan.resources[name] for name in sorted(own_ids) if name in plan.resources}
    for name in own.keys() & plan.templates:
        own[name] = _rendered(definition, own[name], context)
    sorts = tuple((name, made.how, _type(plan.resources[name].state)) for name, made in own.items())
    exhaustive = _paths(plan.exhaustive)
    key = (_shared_key(common, own_ids, host), sorts, exhaustive)
    return DesiredParts(_shared_part(definition, common, own_ids, host), own, own_ids, key, exhaustive)


def _type(state: State) -> str:
    return str(state.data.get("type")) if isinstance(state, Present) else type(state).__name__


def _split(
    definition: Definition, merged: Merged, plan: Plan, host: HostView
) -> tuple[Merged, frozenset[str]]:
    """The layers that other hosts have too, merged; and the resources that depend on this host itself."""
    layer = f"hosts/{host.name}"
    common, touched, names = merged, frozenset[str](), frozenset(host.variables)
    if merged.before is not None and merged.layers[-1] == layer:
        common, touched = merged.before, merged.touched
        names |= definition.layers[layer].variables.keys()

    def make() -> frozenset[str]:
        return touched | {name for name in plan.templates if _is_own(definition, plan.resources[name], names)}

    return common, shared(definition, "own", (*merged.layers, "", *sorted(names)), make)


def _is_own(definition: Definition, made: DesiredResource, names: frozenset[str]) -> bool:
    templates: TemplateStore = definition.cache[TEMPLATES]
    uses = templates.uses(made.source_path or "")
    return uses.computed or any(
        name.partition(".")[0] in names
        or (name.partition(".")[0] in ("facts", "host") and name not in ("host.environment", "host.roles"))
        for name in uses.names
    )


def _shared_key(common: Merged, own_ids: frozenset[str], host: HostView) -> tuple[str, ...]:
    return (*common.layers, "", host.environment, *host.roles, "", *sorted(own_ids))


def _shared_part(
    definition: Definition, common: Merged, own_ids: frozenset[str], host: HostView
) -> Mapping[str, DesiredResource]:
    """What is declared but for own resources, rendered for any of the hosts that share it."""

    def make() -> Mapping[str, DesiredResource]:
        plan = plan_of(definition, common)
        context = template_context(common, host)
        return {
            name: _rendered(definition, made, context) if name in plan.templates else made
            for name, made in plan.resources.items()
            if name not in own_ids
        }

    return shared(definition, "shared", _shared_key(common, own_ids, host), make)


def watched_kinds(definition: Definition) -> tuple[str, ...]:
    """What the definition watches whole: kinds ("package") and roots ("/etc")."""
    return tuple(sorted(SECTIONS[name].kind if name in SECTIONS else name for name in definition.watched))


def desired_resource(definition: Definition, host: HostView, resource: str) -> DesiredResource | None:
    """One resource of `desired_manifest`, without rendering the others; None where it is not declared."""
    merged = merge(definition, host)
    plan = plan_of(definition, merged)
    if resource in plan.templates:
        return _rendered(definition, plan.resources[resource], template_context(merged, host))
    return plan.resources.get(resource)


def declared_at(definition: Definition, host: HostView, resource: str) -> DesiredResource | None:
    """What is declared for a resource; of a thing in the file system, for its path as whatever kind of thing."""
    section, key = split_resource(resource)
    if section.type is None:
        return desired_resource(definition, host, resource)
    for other in SECTIONS.values():
        if other.type is not None and (found := desired_resource(definition, host, other.resource(key))):
            return found
    return None


def template_context(merged: Merged, host: HostView) -> dict[str, Any]:
    """What a template can name: variables (the host's own win over the definition's), `facts` and `host`."""
    context = {name: attribute.value for name, attribute in merged.variables.items()}
    context.update(host.variables)
    context["facts"] = dict(host.facts)
    context["host"] = {
        "name": host.name,
        "environment": host.environment,
        "roles": list(host.roles),
        "address": host.address,
    }
    return context


def _paths(resources: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(resource.partition(":")[2] for resource in resources))


def _rendered(definition: Definition, made: DesiredResource, context: Mapping[str, Any]) -> DesiredResource:
    templates: TemplateStore = definition.cache[TEMPLATES]
    path = made.source_path or ""
    used = _used(templates, path, context)
    try:
        content = templates.render(path, context).encode("utf-8")
    except (RenderError, UnicodeEncodeError) as error:
        return replace(made, state=Unknown(f"render error: {error}"), variables=used)
    state: State = made.state
    if isinstance(state, Present):
        state = Present({**state.data, "sha256": shown_digest(content)})
    return replace(made, state=state, content=content, variables=used)


def _used(templates: TemplateStore, path: str, context: Mapping[str, Any]) -> dict[str, Any]:
    """The values a template takes from its context, by the names that `TemplateUses` gives them."""
    values: dict[str, Any] = {}
    for name in sorted(templates.uses(path).names):
        first, _, entry = name.partition(".")
        if first in context and (not entry or entry in context[first]):
            values[name] = context[first][entry] if entry else context[first]
    return values
