"""What an edit of the definition does: for every host, which resources should be something else afterwards.

Only hosts whose layers are touched are looked at, and of those only resources whose declaration, template or
variables differ; what is the same for hosts with the same layers is found once. So the cost follows the edit.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from jinja2 import TemplateSyntaxError

from deployments.core.content_digests import is_masked
from deployments.core.definition.layout import split_layer
from deployments.core.definition.merge import layers_for, merge
from deployments.core.definition.model import (
    FILES,
    RESOURCES_FILE,
    Attribute,
    Definition,
    Merged,
    MergedResource,
)
from deployments.core.definition.parse import TEMPLATES
from deployments.core.definition.patches import Edits, changed_lines, declared_lines
from deployments.core.definition.placement_model import is_watched, undeclared_state
from deployments.core.definition.render import desired_resource, watched_kinds
from deployments.core.definition.sandbox import TemplateStore
from deployments.core.states import (
    UNDECLARED,
    Absent,
    Present,
    State,
    Undeclared,
    Unknown,
    canonical_json,
    digest,
    project,
)
from inventory.core.host_view import HostView

CHANGED, ALREADY, CONFLICT = "changed", "already right", "in conflict"
UNMANAGED, UNKNOWN = "no longer managed", "unknown"

_COMPUTED_INCLUDE = re.compile(rb"\{%[-+]?\s*(?:include|import|extends|from)\s+[^'\"\s\[(]")


@dataclass(frozen=True)
class ResourceEffect:
    """One resource of one host whose desired state differs.

    `outcome` is CHANGED (the next push changes it, or would: live is as before, or not known), ALREADY (live is
    what it should become), CONFLICT (live is neither), UNMANAGED (nothing is declared any more) or UNKNOWN (the
    desired state can't be said afterwards; `reason` tells why).
    """

    host: str
    resource: str
    before: State
    after: State
    outcome: str
    live_is_known: bool
    reason: str = ""


@dataclass(frozen=True)
class Effect:
    """All effects, by host and resource; `hosts` is how many hosts were considered, for the denominator."""

    resources: tuple[ResourceEffect, ...]
    hosts: int

    def of(self, outcome: str) -> tuple[ResourceEffect, ...]:
        return tuple(item for item in self.resources if item.outcome == outcome)

    def hosts_of(self, outcome: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(item.host for item in self.of(outcome)))


def effect(
    before: Definition,
    after: Definition,
    hosts: Iterable[HostView],
    live: Mapping[tuple[str, str], State] | None = None,
) -> Effect:
    """What changes for `hosts` between two definitions. `live` maps (host name, resource id) to what was seen
    last, with all attributes; what is not in it is not known."""
    comparison = _Comparison(before, after)
    found: list[ResourceEffect] = []
    count = 0
    for host in hosts:
        count += 1
        for resource in comparison.suspects(host):
            was, becomes = comparison.said(host, resource)
            if was != becomes:
                seen = (live or {}).get((host.name, resource))
                found.append(_judged(host.name, resource, was, becomes, seen))
    return Effect(tuple(sorted(found, key=lambda item: (item.host, item.resource))), count)


def effect_digest(files: Mapping[str, bytes], edits: Edits, change: Effect) -> str:
    """SHA-256 (hex) of what an approval is about: the lines taken out and put in, and for every host and resource
    the desired state before and after. Line numbers, context and live states are not in it, so that a rebase
    which changes none of this keeps the approval. Nor are the headings of sections and that a resources.yaml is new:
    whoever comes first writes them; each line is bound with the section that it stands in.
    """
    ours = {path: content for path, content in edits.items() if _is_ours(path)}
    others = {path: content for path, content in edits.items() if path not in ours}
    lines = [list(line) for line in (*changed_lines(files, others), *declared_lines(files, ours))]
    states = [
        [item.host, item.resource, digest(item.before), digest(item.after)] for item in change.resources
    ]
    return hashlib.sha256(canonical_json({"source": lines, "effect": states}).encode("utf-8")).hexdigest()


@dataclass(frozen=True)
class _Said:
    """A desired state, the attributes that count, and whether it only says that nothing should move."""

    state: State
    compared: frozenset[str] = frozenset()
    watched: bool = False


def _is_ours(path: str) -> bool:
    """Whether it is a layer's resources.yaml: a host's own file may have that name too."""
    place = split_layer(path)
    return place is not None and place[1] == RESOURCES_FILE


def _judged(host: str, resource: str, was: _Said, becomes: _Said, live: State | None) -> ResourceEffect:
    before, after = was.state, becomes.state
    if is_masked(before) or is_masked(after):
        live = None  # what holds a secret is compared by workers only
    known = live is not None and not isinstance(live, Unknown)
    outcome, reason = CHANGED, ""
    if isinstance(after, Unknown):
        outcome, reason = UNKNOWN, after.reason
    elif isinstance(after, Undeclared):
        outcome = UNMANAGED
    elif known and live is not None:
        if _holds(live, becomes):
            outcome = ALREADY
        elif not was.watched and not _holds(live, was) and not isinstance(before, Unknown):
            outcome = CONFLICT
    return ResourceEffect(host, resource, before, after, outcome, known, reason)


def _holds(live: State, said: _Said) -> bool:
    """Whether `live` is as desired, in what is declared. What was not there and not declared is no conflict."""
    if isinstance(said.state, Present):
        return project(live, said.compared) == said.state
    if isinstance(said.state, Absent | Undeclared):
        return isinstance(live, Absent | Undeclared)
    return False


class _Comparison:
    """Two definitions, asked host by host what may differ; remembers the answer for hosts with the same layers."""

    def __init__(self, before: Definition, after: Definition) -> None:
        self._before, self._after = before, after
        paths = before.files.keys() | after.files.keys()
        self._touched = {path for path in paths if before.files.get(path) != after.files.get(path)}
        places = (split_layer(path) for path in self._touched)
        self._layers = {place[0] for place in places if place is not None}
        self._suspects: dict[tuple[tuple[str, ...], tuple[str, ...]], tuple[str, ...]] = {}
        self._exhaustive: dict[tuple[int, tuple[str, ...]], tuple[str, ...]] = {}

    def suspects(self, host: HostView) -> tuple[str, ...]:
        """Resources of the host whose desired state may differ."""
        # What a template includes is in its own layer or in base, and base is a layer of every host.
        if not self._layers.intersection(layers_for(host)):
            return ()
        before, after = merge(self._before, host), merge(self._after, host)
        key = (before.layers, after.layers)
        if key not in self._suspects:
            self._suspects[key] = tuple(self._compared(before, after))
        return self._suspects[key]

    def said(self, host: HostView, resource: str) -> tuple[_Said, _Said]:
        return self._said(self._before, host, resource), self._said(self._after, host, resource)

    def _said(self, definition: Definition, host: HostView, resource: str) -> _Said:
        desired = desired_resource(definition, host, resource)
        if desired is not None:
            return _Said(desired.state, desired.compared)
        merged = merge(definition, host)
        key = (id(definition), merged.layers)
        if key not in self._exhaustive:
            self._exhaustive[key] = exhaustive_directories(merged)
        said = undeclared_state(resource, self._exhaustive[key])
        return _Said(said, watched=said == UNDECLARED and is_watched(resource, watched_kinds(definition)))

    def _compared(self, before: Merged, after: Merged) -> Iterator[str]:
        variables = {
            name
            for name in before.variables.keys() | after.variables.keys()
            if _value(before.variables.get(name)) != _value(after.variables.get(name))
        }
        for resource in sorted(before.resources.keys() | after.resources.keys()):
            was, becomes = before.resources.get(resource), after.resources.get(resource)
            if (
                was is None
                or becomes is None
                or _written(was) != _written(becomes)
                or before.conflicts.get(resource) != after.conflicts.get(resource)
                or self._content_may_differ(becomes, variables)
            ):
                yield resource

    def _content_may_differ(self, declared: MergedResource, variables: set[str]) -> bool:
        if declared.section != FILES:
            return False
        for attribute, directory in (("source", "files"), ("template", "templates")):
            given = declared.attributes.get(attribute)
            if given is None:
                continue
            path = f"{given.origin.layer}/{directory}/{given.value}"
            if path in self._touched:
                return True
            if attribute == "template":
                return self._template_may_differ(path, variables)
        return False

    def _template_may_differ(self, path: str, variables: set[str]) -> bool:
        store: TemplateStore = self._after.cache[TEMPLATES]
        try:
            uses = store.uses(path)
        except TemplateSyntaxError:
            return True
        if variables & uses.names:
            return True
        names = {name for _, name, _ in uses.includes}
        if any(touched.partition("/templates/")[2] in names for touched in self._touched):
            return True
        # An include whose name is computed can't be seen from here.
        place = split_layer(path)
        beside = [
            f"{layer}/templates/{name}" for layer in (place[0] if place else "base", "base") for name in names
        ]
        sources = (self._after.files.get(name, b"") for name in (path, *beside))
        return any(_COMPUTED_INCLUDE.search(source) for source in sources)


def exhaustive_directories(merged: Merged) -> tuple[str, ...]:
    """Directories in which nothing undeclared should be."""
    return tuple(
        declared.key
        for name, declared in merged.resources.items()
        if declared.get("exhaustive") and declared.get("state") != "absent" and name not in merged.conflicts
    )


def _written(declared: MergedResource) -> dict[str, object]:
    """What is declared, without where; of a file in the repository the layer is part of its name."""
    said = {name: attribute.value for name, attribute in declared.attributes.items()}
    for name in ("source", "template") if declared.section == FILES else ():
        if name in declared.attributes:
            said[name] = (declared.attributes[name].origin.layer, declared.attributes[name].value)
    return said


def _value(attribute: Attribute | None) -> str:
    """As JSON, in which 1, 1.0 and true are three values."""
    return "" if attribute is None else canonical_json(attribute.value)
