"""Where in the definition a change by hand can be folded back: every layer that makes sense, each one tried.

A placement is safe only when it was tried: with its edits the definition parses, and every host that has the
change renders to exactly what it has now. What can't be placed comes back too, with the reason.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial

from deployments.core.definition.effect import exhaustive_directories
from deployments.core.definition.layout import split_layer
from deployments.core.definition.merge import merge
from deployments.core.definition.model import Definition
from deployments.core.definition.placement_drafts import (
    declaring_layers,
    draft_at,
    is_late_enough,
    removal_draft,
)
from deployments.core.definition.placement_merge import CannotMerge, merged_case
from deployments.core.definition.placement_model import (
    ATTRIBUTE,
    DECLARE,
    EACH_HOST,
    OVERRIDE,
    SOURCE_FILE,
    Case,
    Draft,
    LiveChange,
    Occurrence,
    Placement,
    beside_watched,
    is_exhaustive,
    shared_layers,
    shown,
    undeclared_state,
)
from deployments.core.definition.placement_refusals import never_folded
from deployments.core.definition.placement_template_drafts import template_drafts
from deployments.core.definition.placement_templates import template_groups
from deployments.core.definition.placement_trial import Trial
from deployments.core.definition.render import desired_resource, watched_kinds
from deployments.core.definition.sections import is_managed
from inventory.core.host_view import HostView

__all__ = ["EACH_HOST", "LiveChange", "Occurrence", "Placement", "placements"]


def placements(
    definition: Definition,
    files: Mapping[str, bytes],
    change: LiveChange,
    hosts: Iterable[HostView] = (),
) -> list[Placement]:
    """Every way to fold `change` back, most recommended first; empty where the definition already says it.

    `files` is the tree that `definition` was parsed from; `hosts` are all active hosts, for the reach of each
    edit. First comes the layer in which the resource (or its template, or a variable) is declared, then layers
    that all occurrences share, then each host on its own. Where the definition has moved since the change was made,
    it is folded into what it says by now, if they don't meet: then that is what a safe placement renders to, and the
    hosts wait for the next push; if they do meet, a placement decides for what is live, and says so. Where nothing
    may be folded the list holds one placement that says why. Raises ValueError when `files` is another tree.
    """
    if files is not definition.files and files != definition.files:
        raise ValueError("the files are not those of the definition")
    if not is_managed(change.resource):
        reason = f"no section of the definition speaks of {change.resource}"
        return [Placement("", DECLARE, {}, "", "This is not folded back.", False, reason)]
    cases = [case_of(definition, change.resource, occurrence) for occurrence in change.occurrences]
    why_not_both = ""
    try:
        cases = [merged_case(case) for case in cases]
    except CannotMerge as refusal:
        why_not_both = refusal.reason
    differing = [case for case in cases if case.kind != "right"]
    if not differing:
        return []
    reason = never_folded(definition, differing)
    if reason:
        draft = Draft(_label(_homes(definition, differing)), _kind(differing), "This is not folded back.")
        draft.refuse(reason)
        drafts: Iterable[Draft] = [draft]
    else:
        drafts = _drafts(definition, differing)
    trial = Trial(definition, cases, hosts, why_not_both)
    found = [placement for draft in drafts if (placement := trial.placement(draft)) is not None]
    return list({placement.key: placement for placement in found}.values())


def case_of(definition: Definition, resource: str, occurrence: Occurrence) -> Case:
    """One occurrence beside what the definition says about it now."""
    desired = desired_resource(definition, occurrence.host, resource)
    if desired is not None:
        desired = beside_watched(desired, occurrence, watched_kinds(definition))
        return Case(resource, occurrence, desired, desired.state)
    exhaustive = exhaustive_directories(merge(definition, occurrence.host))
    head = undeclared_state(resource, exhaustive, watched_kinds(definition), occurrence.base)
    return Case(resource, occurrence, None, head)


def _drafts(definition: Definition, cases: Sequence[Case]) -> Iterator[Draft]:
    groups = template_groups(definition, cases)
    if groups:
        yield from template_drafts(definition, cases, groups)
        return
    homes = _homes(definition, cases)
    if all(homes):
        home_of = dict(zip((id(case) for case in cases), homes, strict=True))
        in_place = draft_at(
            definition, cases, lambda case: home_of[id(case)], layer=_label(homes), in_place=True
        )
        yield _explained(in_place, cases)
    if all(case.kind == "absent" and _in_exhaustive(definition, case) for case in cases):
        removal = removal_draft(definition, cases)
        removal.explanation = (
            "Takes the declaration away; the directory is exhaustive, so what is not declared is removed."
        )
        yield removal
    for layer in shared_layers(case.host for case in cases):
        if layer != _label(homes) and all(is_late_enough(case, layer) for case in cases):
            yield _explained(
                draft_at(definition, cases, partial(_always, layer), layer=layer, in_place=False), cases
            )
    each = [f"hosts/{case.host.name}" for case in cases]
    if set(each) != set(homes):
        own = draft_at(definition, cases, _own_layer, layer=_label(each), in_place=False)
        yield _explained(own, cases)


def _homes(definition: Definition, cases: Iterable[Case]) -> list[str]:
    return [home_layer(definition, case) for case in cases]


def home_layer(definition: Definition, case: Case) -> str:
    """The layer that declares what has to change; of an undeclared entry, that which declares its directory as
    exhaustive; empty where there is none."""
    desired = case.desired
    if desired is None:
        return next(
            (
                declared.attributes["exhaustive"].origin.layer
                for declared in merge(definition, case.host).resources.values()
                if declared.get("exhaustive") and is_exhaustive((declared.key,), case.resource)
            ),
            "",
        )
    if case.kind == "edit" and "sha256" in case.changed:
        return desired.origins["sha256"].layer
    return max(declaring_layers(case), default=desired.origin.layer)


def _in_exhaustive(definition: Definition, case: Case) -> bool:
    return is_exhaustive(exhaustive_directories(merge(definition, case.host)), case.resource)


def _always(layer: str, case: Case) -> str:
    return layer


def _own_layer(case: Case) -> str:
    return f"hosts/{case.host.name}"


def _label(layers: Iterable[str]) -> str:
    names = sorted(set(layers))
    if len(names) > 1 and all(name.startswith("hosts/") for name in names):
        return EACH_HOST
    return " + ".join(names)


def _kind(cases: Sequence[Case]) -> str:
    if any(case.kind in ("declare", "retype") for case in cases):
        return DECLARE
    return ATTRIBUTE


def _explained(draft: Draft, cases: Sequence[Case]) -> Draft:
    """The first sentence: what the edit does."""
    path = shown(cases[0].resource)
    layers = ", ".join(sorted({*draft.operations, *(_layer_of(name) for name in draft.files)})) or draft.layer
    attributes = sorted({name for case in cases for name in case.changed} - {"sha256", "type"})
    besides = f" and sets {', '.join(attributes)}" if attributes and "sha256" in _changed(cases) else ""
    match draft.kind_of_edit:
        case k if k == SOURCE_FILE:
            files = ", ".join(sorted(draft.files))
            draft.explanation = f"Edits {files}, from which {path} is copied{besides}."
        case k if k == DECLARE:
            how = "to be absent" if all(case.kind == "absent" for case in cases) else "as it is live"
            draft.explanation = f"Declares {path} {how} in {_shortened(layers)}."
        case k if k == OVERRIDE:
            draft.explanation = (
                f"Says it anew for {path} in {_shortened(layers)}, over what earlier layers say."
            )
        case _:
            what = "state: absent" if any(case.kind == "absent" for case in cases) else ", ".join(attributes)
            draft.explanation = (
                f"Sets {what or 'content'} of {path} in {_shortened(layers)}, where it is declared."
            )
            if besides:
                draft.explanation = (
                    f"Sets content{besides.replace(' and sets', ',')} of {path} in {_shortened(layers)}."
                )
    return draft


def _changed(cases: Iterable[Case]) -> set[str]:
    return {name for case in cases for name in case.changed}


def _layer_of(path: str) -> str:
    place = split_layer(path)
    return place[0] if place else path


def _shortened(layers: str) -> str:
    names = layers.split(", ")
    return layers if len(names) <= 3 else f"{', '.join(names[:3])} and {len(names) - 3} more"
