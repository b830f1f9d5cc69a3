"""How a live attribute is written where it is declared: in the order and spelling that is there, with what is new.

States hold one form of everything; people write another. What they wrote stays wherever it means the same.
"""

from collections.abc import Mapping
from typing import Any

from deployments.core.definition.edit import RemoveValue, SetValue, remove_attribute, set_attribute
from deployments.core.definition.merge import merge
from deployments.core.definition.model import Definition
from deployments.core.definition.placement_model import Case, Draft, key_of, section_of
from deployments.core.definition.section import Section
from deployments.core.line_opcodes import opcodes
from deployments.core.states import Present


def say_attribute(
    definition: Definition, draft: Draft, case: Case, attribute: str, layer: str, *, in_place: bool
) -> None:
    """Make `layer` say the live value of one attribute; in place, it is the layer that says it now."""
    live = case.live.data.get(attribute) if isinstance(case.live, Present) else None
    section, key = section_of(case.resource), key_of(case.resource)
    if live is None:
        _say_none(draft, case, attribute, layer, in_place=in_place)
        return
    written = _written(definition, case, attribute)
    if in_place and isinstance(live, Mapping) and isinstance(written, Mapping):
        for name in sorted(written.keys() | live.keys()):
            if name not in live:
                draft.operate(layer, RemoveValue((section, key, attribute, name)))
            elif written.get(name) != live[name]:
                draft.operate(layer, SetValue((section, key, attribute, name), live[name]))
        return
    draft.operate(
        layer, set_attribute(section, key, attribute, as_written(case.section, attribute, live, written))
    )


def as_written(section: Section, attribute: str, live: Any, written: Any) -> Any:
    """`live` with those items of a list that stay as they were written, where they were written."""
    if not isinstance(live, list) or not isinstance(written, list):
        return dict(live) if isinstance(live, Mapping) else live
    if section.is_unordered(attribute):
        return [item for item in written if item in live] + [item for item in live if item not in written]
    forms = [(section.in_one_form(attribute, [item]) or [""])[0] for item in written]
    items: list[Any] = []
    for tag, i1, i2, j1, j2 in opcodes(forms, live):
        items += written[i1:i2] if tag == "equal" else live[j1:j2]
    return items


def new_attributes(definition: Definition, draft: Draft, case: Case, section: Section) -> dict[str, Any]:
    """What a new declaration says: of what was there before only what was changed, else all but what goes without
    saying."""
    known = case.occurrence.counts(case.live) if section.type is None else case.live
    live = known.data if isinstance(known, Present) else {}
    declared = merge(definition, case.host).resources.get(case.resource)
    said = declared.attributes.keys() if declared is not None else frozenset()
    if case.desired is None and isinstance(case.head, Present):
        names = [name for name in section.in_state if name in case.changed]
    else:
        names = [
            name
            for name in section.in_state
            if name in said or (name in live and section.leaves_out.get(name) != live[name])
        ]
    for name in section.required:
        if live.get(name) is None:
            draft.refuse(f"the {name} on {case.host.name} is not known")
    attributes: dict[str, Any] = {}
    for name in names:
        value = live.get(name, section.optional.get(name))
        if value is not None:
            attributes[name] = as_written(section, name, value, None)
        elif name not in section.optional:
            draft.refuse(f"the live {name} is not known on {case.host.name}")
    return attributes


def _say_none(draft: Draft, case: Case, attribute: str, layer: str, *, in_place: bool) -> None:
    section, key = section_of(case.resource), key_of(case.resource)
    if attribute not in case.section.optional:
        draft.refuse(f"the live {attribute} is not known on {case.host.name}")
        return
    none = case.section.optional[attribute]
    if none is None and in_place:
        draft.operate(layer, remove_attribute(section, key, attribute))
    else:
        draft.operate(layer, set_attribute(section, key, attribute, none))


def _written(definition: Definition, case: Case, attribute: str) -> Any:
    """The value as the definition has it, before it was brought into one form."""
    declared = merge(definition, case.host).resources.get(case.resource)
    return declared.get(attribute) if declared is not None else None
