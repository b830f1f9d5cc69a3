"""Drafts for files that templates render, in the order in which they are worth proposing."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

from deployments.core.definition.edit import set_attribute
from deployments.core.definition.model import Definition
from deployments.core.definition.placement_drafts import draft_at, is_late_enough, put_source
from deployments.core.definition.placement_model import (
    EACH_HOST,
    OVERRIDE,
    TEMPLATE,
    VARIABLE,
    Case,
    Draft,
    key_of,
    section_of,
    shared_layers,
)
from deployments.core.definition.placement_templates import (
    TemplateGroup,
    VariableChange,
    change_variable,
    copy_template,
    variable_layers,
    variable_may_be_set_in,
)
from deployments.core.definition.template_mapping import CannotMap

MOST_VARIABLES = 3
"""So many variables that explain a change are proposed; more would only be noise."""


def template_drafts(
    definition: Definition, cases: Sequence[Case], groups: list[TemplateGroup]
) -> Iterator[Draft]:
    """Variable, template, copies of it in later layers, and as the last resort the rendered text."""
    writer = _Writer(definition, cases, groups)
    variables = list(islice(groups[0].variable_changes(), MOST_VARIABLES)) if len(groups) == 1 else []
    edited, refusal = writer.edited_templates()
    for change in variables:
        yield writer.variable_in_place(change)
    if edited:
        yield writer.template_in_place(edited)
    elif not variables:
        yield writer.refused(refusal)
    usable = [change for change in variables if not change.from_inventory]
    for layer in shared_layers(case.host for case in cases):
        yield from writer.in_layer(layer, usable[:1], edited)
    for change in usable[:1]:
        yield writer.variable_on_each_host(change)
    yield writer.rendered_text()


class _Writer:
    def __init__(self, definition: Definition, cases: Sequence[Case], groups: list[TemplateGroup]) -> None:
        self._definition, self._cases, self._groups = definition, cases, groups
        self._path = key_of(cases[0].resource)
        self._hosts_layer = EACH_HOST if len(cases) > 1 else f"hosts/{cases[0].host.name}"

    def edited_templates(self) -> tuple[dict[str, bytes], str]:
        """New contents by path, and the reason where there are none."""
        edited: dict[str, bytes] = {}
        for group in self._groups:
            try:
                new = group.edits()
            except CannotMap as refusal:
                return {}, refusal.reason
            if any(edited.get(path, content) != content for path, content in new.items()):
                return {}, "two templates include a third one, and would need different text in it"
            edited.update(new)
        return edited, ""

    def template_in_place(self, edited: dict[str, bytes]) -> Draft:
        draft = self._draft(_layers(edited), TEMPLATE, _home)
        for path, content in edited.items():
            draft.write(path, content)
        draft.explanation = f"Edits {', '.join(sorted(edited))}, which renders {self._path}; values of hosts stay placeholders."
        return draft

    def refused(self, reason: str) -> Draft:
        draft = Draft(_layers(group.path for group in self._groups), TEMPLATE, "")
        draft.explanation = f"{self._path} is rendered by {', '.join(group.path for group in self._groups)}."
        draft.refuse(reason)
        return draft

    def variable_in_place(self, change: VariableChange) -> Draft:
        inventory = change.from_inventory
        if inventory:
            names = ", ".join(case.host.name for case in inventory[:3])
            draft = Draft("inventory", VARIABLE, f"The whole change is another value of {change.shown}.")
            draft.refuse(f"{change.shown} comes from the inventory of {names}; change it there")
            return draft
        layers = variable_layers(self._definition, change)
        draft = self._draft(" + ".join(layers), VARIABLE, _home)
        change_variable(draft, self._definition, change, None)
        draft.explanation = f"Sets the variable {change.shown} to {_shown(change)} in {', '.join(layers)}, where it is declared."
        return draft

    def in_layer(
        self, layer: str, variables: list[VariableChange], edited: dict[str, bytes]
    ) -> Iterator[Draft]:
        """A variable's new value, or else a copy of the edited template, for one shared layer."""
        for change in variables:
            others = [other for other in variable_layers(self._definition, change) if other != layer]
            if others and variable_may_be_set_in(self._definition, change, layer):
                draft = self._draft(layer, VARIABLE, lambda case: layer)
                change_variable(draft, self._definition, change, lambda case: layer)
                draft.explanation = f"Sets the variable {change.shown} to {_shown(change)} for {layer} only."
                yield draft
        if variables or len(self._groups) != 1 or list(edited) != [self._groups[0].path]:
            return
        group = self._groups[0]
        if group.path.startswith(f"{layer}/") or not all(is_late_enough(case, layer) for case in self._cases):
            return
        draft = self._draft(layer, OVERRIDE, lambda case: layer)
        copy_template(draft, group, edited[group.path], layer)
        draft.explanation = f"Copies {group.path} with the edit into {layer}, for its hosts only; from then on there are two templates."
        yield draft

    def variable_on_each_host(self, change: VariableChange) -> Draft:
        draft = self._draft(self._hosts_layer, VARIABLE, _own)
        change_variable(draft, self._definition, change, _own)
        draft.explanation = f"Sets the variable {change.shown} in the layer of each host on its own."
        return draft

    def rendered_text(self) -> Draft:
        draft = self._draft(self._hosts_layer, OVERRIDE, _own)
        for case in self._cases:
            if (name := put_source(self._definition, draft, case, _own(case))) is not None:
                draft.operate(
                    _own(case), set_attribute(section_of(case.resource), self._path, "source", name)
                )
        draft.last_resort = True
        draft.explanation = (
            "Last resort: keeps the rendered text as a file of each host on its own; "
            "it no longer follows the template, nor the variables in it."
        )
        return draft

    def _draft(self, layer: str, kind: str, layer_of: Callable[[Case], str]) -> Draft:
        """A draft with everything but the content: attributes that were changed as well."""
        in_place = layer_of is _home
        draft = draft_at(self._definition, self._cases, layer_of, layer=layer, in_place=in_place)
        draft.kind_of_edit = kind
        return draft


def _home(case: Case) -> str:
    return case.desired.origins["sha256"].layer if case.desired and "sha256" in case.desired.origins else ""


def _own(case: Case) -> str:
    return f"hosts/{case.host.name}"


def _layers(paths: Iterable[str]) -> str:
    return " + ".join(sorted({path.partition("/templates/")[0] for path in paths}))


def _shown(change: VariableChange) -> str:
    values = list(dict.fromkeys(str(value.value) for _, value in change.values))
    return values[0] if len(values) == 1 else "each host's own value"
