"""What is the same for all hosts with the same layers: the *plan*, made once per definition and list of layers.

Content given as `content:` or `source:` is taken as it is, never as a template; what templates give, each host gives.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from deployments.core.content_digests import shown_digest
from deployments.core.definition.merge import shared
from deployments.core.definition.model import (
    CONTENT_GROUP,
    FILES,
    Definition,
    DesiredResource,
    Merged,
    MergedResource,
)
from deployments.core.definition.sections import SECTIONS, Section
from deployments.core.states import ABSENT, Present, Unknown


@dataclass(frozen=True)
class Plan:
    """`resources` are complete but for those of `templates`, whose content each host gives. The sets hold ids."""

    resources: Mapping[str, DesiredResource] = field(default_factory=dict)
    templates: frozenset[str] = frozenset()
    exhaustive: frozenset[str] = frozenset()
    secrets: frozenset[str] = frozenset()


def plan_of(definition: Definition, merged: Merged) -> Plan:
    if merged.before is None:
        return Plan()
    before = merged.before

    def make() -> Plan:
        return _extended(definition, plan_of(definition, before), merged)

    return shared(definition, "plans", merged.layers, make)


def _extended(definition: Definition, plan: Plan, merged: Merged) -> Plan:
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
    return Plan(
        resources=dict(sorted(resources.items())),
        templates=plan.templates - merged.touched | chosen["templates"],
        exhaustive=plan.exhaustive - merged.touched | chosen["exhaustive"],
        secrets=plan.secrets - merged.touched | chosen["secrets"],
    )


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
