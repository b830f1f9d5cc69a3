"""A definition and a host → the host's desired manifest, each resource with the layer and line it came from.

What is the same for all hosts with the same layers is made once per definition (a *plan*); only templates are
rendered for each host. Content given as `content:` or `source:` is taken as it is, never as a template.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from deployments.core.content_digests import shown_digest
from deployments.core.definition.merge import merge, shared
from deployments.core.definition.model import (
    CONTENT_GROUP,
    FILES,
    Definition,
    DesiredManifest,
    DesiredResource,
    Merged,
    MergedResource,
)
from deployments.core.definition.parse import TEMPLATES
from deployments.core.definition.sandbox import RenderError, TemplateStore
from deployments.core.definition.sections import SECTIONS, Section, split_resource
from deployments.core.states import ABSENT, Present, State, Unknown
from inventory.core.host_view import HostView


@dataclass(frozen=True)
class _Plan:
    """`resources` are complete but for those of `templates`, whose content each host gives. The sets hold ids."""

    resources: Mapping[str, DesiredResource] = field(default_factory=dict)
    templates: frozenset[str] = frozenset()
    exhaustive: frozenset[str] = frozenset()
    secrets: frozenset[str] = frozenset()


def desired_manifest(definition: Definition, host: HostView) -> DesiredManifest:
    """Everything `host` should be, by resource id in order. What can't be said is Unknown with the reason."""
    merged = merge(definition, host)
    plan = _plan(definition, merged)
    resources = dict(plan.resources)
    if plan.templates:
        context = template_context(merged, host)
        for resource in plan.templates:
            resources[resource] = _rendered(definition, resources[resource], context)
    watched = watched_kinds(definition)
    return DesiredManifest(
        resources,
        _paths(plan.exhaustive),
        _paths(plan.secrets),
        watched=tuple(name for name in watched if not name.startswith("/")),
        roots=tuple(name for name in watched if name.startswith("/")),
    )


def watched_kinds(definition: Definition) -> tuple[str, ...]:
    """What the definition watches whole: kinds ("package") and roots ("/etc")."""
    return tuple(sorted(SECTIONS[name].kind if name in SECTIONS else name for name in definition.watched))


def desired_resource(definition: Definition, host: HostView, resource: str) -> DesiredResource | None:
    """One resource of `desired_manifest`, without rendering the others; None where it is not declared."""
    merged = merge(definition, host)
    plan = _plan(definition, merged)
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


def _plan(definition: Definition, merged: Merged) -> _Plan:
    if merged.before is None:
        return _Plan()
    before = merged.before

    def make() -> _Plan:
        return _extended(definition, _plan(definition, before), merged)

    return shared(definition, "plans", merged.layers, make)


def _extended(definition: Definition, plan: _Plan, merged: Merged) -> _Plan:
    """The plan of the layers before, with what the last layer touched made anew."""
    if not merged.touched:
        return plan
    resources = {name: made for name, made in plan.resources.items() if name not in merged.touched}
    fresh = [merged.resources[name] for name in merged.touched if name in merged.resources]
    for declared in fresh:
        conflict = merged.conflicts.get(declared.resource)
        resources[declared.resource] = _planned(definition, declared, conflict)
    present = {each.resource for each in fresh if isinstance(resources[each.resource].state, Present)}
    chosen = {
        "templates": {name for name in present if resources[name].how == "template"},
        "exhaustive": {
            each.resource for each in fresh if each.get("exhaustive") and each.resource in present
        },
        "secrets": {each.resource for each in fresh if "secret" in each.attributes},
    }
    return _Plan(
        resources=dict(sorted(resources.items())),
        templates=plan.templates - merged.touched | chosen["templates"],
        exhaustive=plan.exhaustive - merged.touched | chosen["exhaustive"],
        secrets=plan.secrets - merged.touched | chosen["secrets"],
    )


def _paths(resources: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(resource.partition(":")[2] for resource in resources))


def _planned(definition: Definition, declared: MergedResource, conflict: str | None) -> DesiredResource:
    section = SECTIONS[declared.section]
    data: dict[str, Any] = {} if section.type is None else {"type": section.type}
    said = {name: declared.get(name) for name in section.in_state if name in declared.attributes}
    forms = {name: section.in_one_form(name, value) for name, value in said.items()}
    data |= {name: value for name, value in forms.items() if value is not None}
    how = None
    if declared.section == FILES:
        how = next((name for name in CONTENT_GROUP if name in declared.attributes), None)
    content, source_path = _content(definition, declared, how)
    attributes = set(data) | set(said) | ({"sha256"} if how in ("content", "source", "template") else set())
    if content is not None:
        data["sha256"] = _digest(definition, source_path, content)
    origins = {name: attribute.origin for name, attribute in declared.attributes.items()}
    if section.type is not None:
        origins["type"] = declared.origin
    if how and "sha256" in attributes:
        origins["sha256"] = origins[how]
    made = DesiredResource(
        resource=declared.resource,
        state=Present(data),
        attributes=frozenset(attributes),
        origin=declared.origin,
        origins=origins,
        content=content,
        how=how,
        source_path=source_path,
        secret_name=declared.get("secret"),
        notify=tuple(declared.get("notify", ())),
        implied=frozenset(section.implied) - said.keys(),
    )
    missing = [name for name in section.required if name not in declared.attributes]
    if conflict is not None:
        return replace(made, state=Unknown(conflict), content=None)
    if declared.get("state") == "absent":
        return _absent(made, section)
    if missing:
        place = f"{declared.origin.path}:{declared.origin.line}"
        return replace(made, state=Unknown(f"{declared.key} has no {missing[0]} ({place})"), content=None)
    return made


def _absent(made: DesiredResource, section: Section) -> DesiredResource:
    """Of what should not be there only that counts: its type, or all that a listing would show of it."""
    names = ("type",) if section.type is not None else section.in_state
    return replace(
        made,
        state=ABSENT,
        attributes=frozenset(names),
        implied=frozenset(),
        origins=dict.fromkeys(names, made.origins["state"]) | dict(made.origins),
        content=None,
        how=None,
        source_path=None,
        secret_name=None,
    )


def _content(
    definition: Definition, declared: MergedResource, how: str | None
) -> tuple[bytes | None, str | None]:
    """The content that is the same for every host, and the file of the repository it is in."""
    if how is None:
        return None, None
    given = declared.attributes[how]
    if how == "content":
        return given.value.encode("utf-8"), None
    if how == "source":
        path = f"{given.origin.layer}/files/{given.value}"
        return definition.files[path], path
    return None, f"{given.origin.layer}/templates/{given.value}" if how == "template" else None


def _digest(definition: Definition, source_path: str | None, content: bytes) -> str:
    if source_path is None:
        return shown_digest(content)
    key = ("sha256", source_path)
    if key not in definition.cache:
        definition.cache[key] = shown_digest(content)
    return str(definition.cache[key])


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
