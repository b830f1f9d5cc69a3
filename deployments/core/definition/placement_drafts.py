"""What a placement at a given layer has to write, for each kind of change but those inside templates.

A draft is made for all cases at once: where hosts with the same layer would need different things, the draft says
so as its problem. Whether it does what it should is found out by rendering, not here.
"""

import re
from collections.abc import Callable, Iterable

from deployments.core.definition.edit import (
    declare,
    remove_attribute,
    remove_resource,
    set_attribute,
    undeclare,
)
from deployments.core.definition.merge import layers_for
from deployments.core.definition.model import CONTENT_GROUP, FILES, Definition
from deployments.core.definition.placement_model import (
    ATTRIBUTE,
    DECLARE,
    OVERRIDE,
    REMOVE,
    SOURCE_FILE,
    Case,
    Draft,
    declared_in,
    key_of,
    section_for_type,
    section_of,
)
from deployments.core.definition.placement_values import new_attributes, say_attribute
from deployments.core.definition.sections import SECTIONS
from deployments.core.git_safety import UnsafeGitName, check_tree_path

_NOT_PLAIN = re.compile(r"[^\w.@+:,=-]", re.ASCII)
_GIT_OWN = re.compile(r"^(?:\.git|git~)", re.IGNORECASE)

LayerOf = Callable[[Case], str]
"""Which layer a case is written to."""


def declaring_layers(case: Case) -> set[str]:
    """The layers that say what this change contradicts."""
    desired = case.desired
    if desired is None:
        return set()
    if case.kind == "edit":
        return {desired.origins.get(attribute, desired.origin).layer for attribute in case.changed}
    if case.kind == "declare" and "state" in desired.origins:
        return {desired.origins["state"].layer}
    return {desired.origin.layer}


def is_late_enough(case: Case, layer: str) -> bool:
    """Whether what `layer` says is not overruled by the layers that the change contradicts."""
    chain = layers_for(case.host)
    if layer not in chain:
        return False
    position = chain.index(layer)
    return all(chain.index(other) <= position for other in declaring_layers(case) if other in chain)


def draft_at(
    definition: Definition, cases: Iterable[Case], layer_of: LayerOf, *, layer: str, in_place: bool
) -> Draft:
    """Everything the cases need but content that a template renders. In place, each attribute is changed where
    it is declared; otherwise all of them are said anew in the case's layer."""
    draft = Draft(layer, ATTRIBUTE if in_place else OVERRIDE, "")
    for case in cases:
        at = layer_of(case)
        match case.kind:
            case "absent":
                if case.desired is None:
                    draft.kind_of_edit = DECLARE
                draft.operate(
                    at, set_attribute(section_of(case.resource), key_of(case.resource), "state", "absent")
                )
            case "declare":
                draft.kind_of_edit = DECLARE
                _declare(definition, draft, case, at)
            case "retype":
                draft.kind_of_edit = DECLARE
                _retype(definition, draft, case, at)
            case "edit":
                edit_attributes(definition, draft, case, at, in_place=in_place)
                _edit_content(definition, draft, case, at)
    return draft


def removal_draft(definition: Definition, cases: Iterable[Case]) -> Draft:
    """Take the declaration away, with files of the repository that nothing else names: for a directory that is
    exhaustive, where what is not declared should not be."""
    cases = list(cases)
    layers = sorted({case.desired.origin.layer for case in cases if case.desired is not None})
    draft = Draft(" + ".join(layers), REMOVE, "")
    for case in cases:
        if case.desired is None or case.kind != "absent":
            draft.refuse("it is not declared on all hosts")
            continue
        layer = case.desired.origin.layer
        draft.operate(layer, remove_resource(section_of(case.resource), key_of(case.resource)))
        source = case.desired.source_path if case.desired.how == "source" else None
        if source is not None and _is_named_once(definition, source):
            draft.write(source, None)
    return draft


def edit_attributes(definition: Definition, draft: Draft, case: Case, at: str, *, in_place: bool) -> None:
    """Changed attributes other than content; in place, each where it is declared."""
    desired = case.desired
    if desired is None:
        return
    for attribute in sorted(case.changed - {"sha256", "hmac", "type"}):
        layer = desired.origins.get(attribute, desired.origin).layer if in_place else at
        say_attribute(definition, draft, case, attribute, layer, in_place=in_place)


def put_source(definition: Definition, draft: Draft, case: Case, at: str) -> str | None:
    """A new source file with the live content in layer `at`; its name as `source:` says it."""
    content = live_content(draft, case)
    if content is None:
        return None
    name = _name_in_git(key_of(case.resource).lstrip("/"))
    if name is None:
        draft.refuse("no file of the definition can have a name like it")
        return None
    for number in range(1, 100):
        numbered = name if number == 1 else f"{name}.{number}"
        path = f"{at}/files/{numbered}"
        if definition.files.get(path, content) == content and not _is_parent(definition, path):
            draft.write(path, content)
            return numbered
    draft.refuse(f"{at}/files has no free name for the content")
    return None


def _name_in_git(path: str) -> str | None:
    """The path of a file on a host as one in the repository: the same, where Git takes it (not `srv\\x2dapp.mount`, nor
    anything below `.git`), else one like it. None where that can't be, either."""
    plain = "/".join(_GIT_OWN.sub(r"_\g<0>", _NOT_PLAIN.sub("_", part)) for part in path.split("/"))
    for name in (path, plain):
        try:
            return check_tree_path(name)
        except UnsafeGitName:
            continue
    return None


def live_content(draft: Draft, case: Case) -> bytes | None:
    if case.occurrence.content is None:
        draft.refuse(f"the live content on {case.host.name} was not fetched (binary, or larger than the cap)")
    return case.occurrence.content


def _edit_content(definition: Definition, draft: Draft, case: Case, at: str) -> None:
    desired = case.desired
    if desired is None or "sha256" not in case.changed or desired.how == "template":
        return
    section, key = section_of(case.resource), key_of(case.resource)
    in_place = desired.origins["sha256"].layer == at
    if desired.how == "source" and in_place and desired.source_path is not None:
        draft.kind_of_edit = SOURCE_FILE
        if (content := live_content(draft, case)) is not None:
            draft.write(desired.source_path, content)
    elif desired.how == "source":
        draft.kind_of_edit = OVERRIDE
        if (name := put_source(definition, draft, case, at)) is not None:
            draft.operate(at, set_attribute(section, key, "source", name))
    elif desired.how == "content" and (content := live_content(draft, case)) is not None:
        draft.kind_of_edit = ATTRIBUTE if in_place else OVERRIDE
        try:
            draft.operate(at, set_attribute(section, key, "content", content.decode("utf-8")))
        except UnicodeDecodeError:
            draft.refuse("the live content is not text, and content: can only hold text")


def _declare(definition: Definition, draft: Draft, case: Case, at: str) -> None:
    is_path, key = case.section.type is not None, key_of(case.resource)
    section = section_for_type(case.live_type) if is_path else case.section.name
    if section is None:
        draft.refuse(f"a {case.live_type} can't be declared")
        return
    attributes = _attributes(definition, draft, case, at, section)
    there = declared_in(definition, at, case.resource)
    if there is None or there.attributes is None:
        if case.desired is not None:
            attributes["state"] = "present"
        draft.operate(at, declare(section, key, attributes))
        return
    for name, value in attributes.items():
        draft.operate(at, set_attribute(section, key, name, value))
    for name in there.attributes:
        overruled = name in CONTENT_GROUP and "source" in attributes and name != "source"
        gone = SECTIONS[section].optional.get(name, "") is None and name not in attributes
        if name == "state" or overruled or gone:
            draft.operate(at, remove_attribute(section, key, name))


def _retype(definition: Definition, draft: Draft, case: Case, at: str) -> None:
    """The path became another kind of thing: taken back in the old section, declared in the new one."""
    section, key = section_for_type(case.live_type), key_of(case.resource)
    if section is None:
        draft.refuse(f"it became a {case.live_type}, which can't be declared")
        return
    elsewhere = any(
        case.resource in layer.declarations for name, layer in definition.layers.items() if name != at
    )
    if declared_in(definition, at, case.resource) is not None and not elsewhere:
        draft.operate(at, remove_resource(section_of(case.resource), key))
    else:
        draft.operate(at, undeclare(section_of(case.resource), key))
    attributes = _attributes(definition, draft, case, at, section)
    there = declared_in(definition, at, SECTIONS[section].resource(key))
    if there is not None and there.attributes is not None:
        draft.refuse(f"{at} declares it under {section} already")
        return
    draft.operate(at, declare(section, key, attributes))


def _attributes(definition: Definition, draft: Draft, case: Case, at: str, section: str) -> dict[str, object]:
    """A whole declaration of what is live; content goes into a file of the repository."""
    attributes: dict[str, object] = {}
    if section == FILES and (name := put_source(definition, draft, case, at)) is not None:
        attributes["source"] = name
    return attributes | new_attributes(definition, draft, case, SECTIONS[section])


def _is_named_once(definition: Definition, source_path: str) -> bool:
    named = 0
    for layer in definition.layers.values():
        for declaration in layer.declarations.values():
            if declaration.section != FILES:
                continue
            given = (declaration.attributes or {}).get("source")
            named += given is not None and f"{layer.name}/files/{given.value}" == source_path
    return named <= 1


def _is_parent(definition: Definition, path: str) -> bool:
    """Whether the repository has a directory of this name, or a file where it would need a directory."""
    parents = path.split("/")
    above = {"/".join(parents[:depth]) for depth in range(1, len(parents))}
    return any(name.startswith(f"{path}/") or name in above for name in definition.files)
