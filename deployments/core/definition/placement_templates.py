"""Placements for files that a template renders: the template or a variable is changed, not the rendered text."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deployments.core.definition.edit import SetValue, set_attribute, set_variable
from deployments.core.definition.merge import layers_for, merge
from deployments.core.definition.model import Definition
from deployments.core.definition.parse import TEMPLATES
from deployments.core.definition.placement_model import Case, Draft, key_of, section_of
from deployments.core.definition.render import template_context
from deployments.core.definition.sandbox import RenderError, TemplateStore
from deployments.core.definition.template_edits import Rendering, edit_templates
from deployments.core.definition.template_mapping import CannotMap
from deployments.core.definition.template_trace import Tracer
from deployments.core.definition.template_variables import NewValue, candidates


@dataclass(frozen=True)
class VariableChange:
    """On every case, the whole change is another value of variable `name` (or of an entry of it)."""

    name: str
    path: tuple[str, ...]
    values: tuple[tuple[Case, NewValue], ...]
    contexts: tuple[Mapping[str, Any], ...]
    seen: bool

    @property
    def shown(self) -> str:
        return ".".join((self.name, *self.path))

    @property
    def from_inventory(self) -> list[Case]:
        """Cases whose host has the value in its inventory, where the definition can't change it."""
        return [case for case, _ in self.values if self.name in case.host.variables]


@dataclass
class TemplateGroup:
    """The cases of one template. `problem` says why it can't be traced at all."""

    definition: Definition
    path: str
    cases: list[Case]

    def __post_init__(self) -> None:
        self.store: TemplateStore = self.definition.cache[TEMPLATES]
        self.tracer = self._tracer()
        self.problem = ""
        self.renderings: list[Rendering] = []
        for case in self.cases:
            rendering = self._rendering(case)
            if isinstance(rendering, str):
                self.problem = self.problem or rendering
            else:
                self.renderings.append(rendering)

    def _tracer(self) -> Tracer:
        cache, key = self.definition.cache, ("tracer", self.path)
        if key not in cache:
            cache[key] = Tracer(self.store, self.path)
        tracer: Tracer = cache[key]
        return tracer

    def _rendering(self, case: Case) -> Rendering | str:
        content, live = case.desired.content if case.desired else None, case.occurrence.content
        if content is None or live is None:
            return f"the content on {case.host.name} is not known"
        try:
            wanted = live.decode("utf-8")
        except UnicodeDecodeError:
            return f"the live content on {case.host.name} is not UTF-8 text"
        context = template_context(merge(self.definition, case.host), case.host)
        runs = self.tracer.trace(context, content.decode("utf-8"))
        if runs is None:
            return f"{self.path} can't be traced back from what it renders; edit the template by hand"
        return Rendering(case.host, context, wanted, runs)

    def edits(self) -> dict[str, bytes]:
        """New contents of the template, or of what it includes. Raises CannotMap with the reason."""
        if self.problem:
            raise CannotMap(self.problem)
        return edit_templates(self.tracer, self.renderings)

    def variable_changes(self) -> Iterator[VariableChange]:
        """Variables whose value alone explains the change on every host, seen values first."""
        if self.problem or not self.renderings:
            return
        first = self._holding(self.renderings[0])
        options = [first, *(self._holding(rendering) for rendering in self.renderings[1:] if first)]
        for (name, path), value in first.items():
            if all((name, path) in option for option in options):
                pairs = zip(self.cases, options, strict=True)
                yield VariableChange(
                    name,
                    path,
                    tuple((case, option[name, path]) for case, option in pairs),
                    tuple(rendering.context for rendering in self.renderings),
                    value.seen,
                )

    def _holding(self, rendering: Rendering) -> dict[tuple[str, tuple[str, ...]], NewValue]:
        """The new values with which the template as it is renders the live text."""
        used = {
            name: rendering.context[name]
            for name in self.store.uses(self.path).names
            if name in rendering.context and name not in ("facts", "host")
        }
        found: dict[tuple[str, tuple[str, ...]], NewValue] = {}
        for value in candidates(rendering.runs, rendering.wanted, used):
            try:
                rendered = self.store.render(self.path, value.in_context(rendering.context))
            except RenderError:
                continue
            if rendered == rendering.wanted:
                found.setdefault((value.name, value.path), value)
        return found


def change_variable(
    draft: Draft, definition: Definition, change: VariableChange, layer_of: Callable[[Case], str] | None
) -> None:
    """Write the new value where the variable is declared (`layer_of` None), or anew in another layer."""
    for (case, value), context in zip(change.values, change.contexts, strict=True):
        declared = merge(definition, case.host).variables[change.name]
        if layer_of is None or layer_of(case) == declared.origin.layer:
            operation = SetValue(("variables", change.name, *change.path), value.value)
            draft.operate(declared.origin.layer, operation)
        else:
            whole = value.in_context(context)[change.name]
            draft.operate(layer_of(case), set_variable(change.name, whole))


def variable_layers(definition: Definition, change: VariableChange) -> list[str]:
    """The layers that declare the variable for these hosts."""
    return sorted(
        {merge(definition, case.host).variables[change.name].origin.layer for case, _ in change.values}
    )


def variable_may_be_set_in(definition: Definition, change: VariableChange, layer: str) -> bool:
    """Whether a value in `layer` would count: no later layer declares the variable."""
    for case, _ in change.values:
        chain = layers_for(case.host)
        origin = merge(definition, case.host).variables[change.name].origin.layer
        if layer not in chain or chain.index(layer) < chain.index(origin):
            return False
    return True


def copy_template(draft: Draft, group: TemplateGroup, edited: bytes, layer: str) -> None:
    """The edited template as a copy in another layer, for the hosts of that layer only."""
    name = group.path.partition("/templates/")[2]
    path = f"{layer}/templates/{name}"
    if group.definition.files.get(path, edited) != edited:
        draft.refuse(f"{path} is there already, and is another template")
    draft.write(path, edited)
    for case in group.cases:
        draft.operate(
            layer, set_attribute(section_of(case.resource), key_of(case.resource), "template", name)
        )


def template_groups(definition: Definition, cases: Sequence[Case]) -> list[TemplateGroup]:
    """The cases whose changed content a template renders, by template."""
    by_path: dict[str, list[Case]] = {}
    for case in cases:
        if case.kind != "edit" or "sha256" not in case.changed or case.desired is None:
            continue
        if case.desired.how == "template" and case.desired.source_path is not None:
            by_path.setdefault(case.desired.source_path, []).append(case)
    return [TemplateGroup(definition, path, together) for path, together in sorted(by_path.items())]
