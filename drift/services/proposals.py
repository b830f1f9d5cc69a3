"""Fold-backs as they are proposed: chosen among placements, or written by a person. Reads Git, writes nothing.

Placements are tried one finding after the other, each on top of the one before, so that several findings become
one patch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from common.core.errors import Conflict, FieldError, Unprocessable
from deployments.core.definition.model import Definition
from deployments.core.definition.parse import parse_definition
from deployments.core.definition.patches import apply_to, only_changes
from deployments.core.definition.placement import Placement, placements
from deployments.queries.definitions import head_revision, repository
from deployments.repository import CannotRebase, UnknownRevision
from drift.core.folded import effect_to_json, joins_live, refuse_unsafe_edits
from drift.core.host_key import RESOURCE as HOST_KEY
from drift.core.proposals import Proposal, edits_from_json
from drift.models import Decision, Finding
from drift.models.decision import FOLD_BACK
from drift.services.decided import current_findings
from drift.services.fold_ground import Ground, complete, effect_on, stand_on


@dataclass(frozen=True)
class PlacementPreview:
    """One placement with what it does to hosts; both are empty where it can't be made."""

    placement: Placement
    effect: dict[str, object]


def placements_for(finding: Finding) -> tuple[str, list[PlacementPreview]]:
    """The head, and every way to fold one finding back there, most recommended first, unsafe ones with the reason."""
    _refuse_host_keys([finding])
    ground = stand_on(head_revision(), [finding])
    found = placements(ground.definition, ground.files, ground.changes[finding.reference], ground.views)
    previews = []
    for placement in found:
        shown: dict[str, object] = {}
        if placement.edits:
            after = parse_definition(apply_to(ground.files, placement.edits), previous=ground.definition)
            shown = effect_to_json(effect_on(ground, after), ())
        previews.append(PlacementPreview(placement, shown))
    return ground.revision, previews


def prepare_fold_back(
    *,
    findings: Sequence[Finding],
    layer: str = "",
    placement: str = "",
    edits: Mapping[str, str | None] | None = None,
) -> Proposal:
    """What folding these findings back would commit on top of the present head.

    `layer` chooses where (empty: where each is declared), `placement` one of several at a layer, by its key. With
    `edits` (path → text, None deletes) a person says it instead; then it is allowed that not every occurrence
    becomes as it is live, and the proposal says which. Raises Unprocessable with what stands in the way.
    """
    _refuse_host_keys(findings)
    ground = stand_on(head_revision(), findings)
    if edits is not None:
        written = _by_hand(ground, edits)
        return complete(ground, written, layer="", explanation="Written by hand.")
    chosen: dict[str, bytes | None] = {}
    definition, explanations, layers = ground.definition, [], []
    for finding in findings:
        layers_wanted = (layer,) if len(findings) == 1 else (layer, *layer.split(" + "))
        picked = _pick(finding, ground, definition, layers_wanted, placement if len(findings) == 1 else "")
        if picked is None:  # what was folded before says this already
            continue
        chosen |= picked.edits
        definition = parse_definition(apply_to(definition.files, picked.edits), previous=definition)
        explanations.append(picked.explanation)
        layers.append(picked.layer)
    label = layer or " + ".join(sorted(set(layers)))
    proposal = complete(ground, chosen, layer=label, explanation="\n".join(explanations))
    if proposal.missed:
        detail = f"folded back together they contradict each other: {', '.join(proposal.missed[:5])}"
        raise Unprocessable(f"/findings: {detail}.", errors=[FieldError("/findings", detail)])
    return proposal


def prepare_refresh(decision: Decision) -> tuple[list[Finding], Proposal]:
    """A fold-back's proposal anew on the present head, for those of its findings that still wait for it.

    Placed again at the same layer; what a person wrote is rebased. Raises Conflict where there is nothing to
    refresh, and Unprocessable where the same can't be done on this head: then it is withdrawn and proposed anew.
    """
    if decision.kind != FOLD_BACK:
        raise Conflict(f"{decision} is a {decision.kind}: only a fold-back stands on a revision.")
    if decision.change.state != "proposed":
        raise Conflict(f"{decision} is {decision.change.state}; only what is proposed can be refreshed.")
    if (sha := find_commit(decision)) is not None:
        raise Conflict(
            f"{decision} was committed already, as {sha[:12]}, by a worker that was stopped. Approve it as it is to "
            "have that recorded, or withdraw it: a scan will close its findings."
        )
    findings = current_findings(decision, "decided")
    if not findings:
        raise Conflict(f"None of the findings of {decision} waits for it any more. Withdraw it.")
    if decision.layer:
        return findings, prepare_fold_back(findings=findings, layer=decision.layer)
    ground = stand_on(head_revision(), findings)
    try:
        edits = repository().rebase(decision.base_revision, edits_from_json(decision.edits), ground.revision)
    except CannotRebase as error:
        raise Unprocessable(
            f"{decision} can't be refreshed: {error}. Withdraw it and propose anew."
        ) from error
    if not edits:
        raise Conflict(
            f"The definition says already what {decision} would change. A scan will close its findings."
        )
    return findings, complete(ground, edits, layer="", explanation=decision.explanation)


def find_commit(decision: Decision) -> str | None:
    """The commit that carries this decision, if it has been made: after its base, on main."""
    try:
        return repository().find_trailer("Decision", decision.reference, since=decision.base_revision)
    except UnknownRevision as error:
        raise Conflict(
            f"The definition has no revision {decision.base_revision[:12]} any more, on which {decision} stands."
        ) from error


def _by_hand(ground: Ground, edits: Mapping[str, str | None]) -> dict[str, bytes | None]:
    written = {path: None if text is None else text.encode("utf-8") for path, text in edits.items()}
    refuse_unsafe_edits(ground.files, written)
    changed = only_changes(ground.files, written)
    if not changed:
        raise Unprocessable(
            "/edits: they change nothing.", errors=[FieldError("/edits", "every file is like this already")]
        )
    return changed


def _refuse_host_keys(findings: Sequence[Finding]) -> None:
    for finding in findings:
        if finding.resource == HOST_KEY:
            detail = f"{finding} is a host key, which is pinned and not defined"
            raise Unprocessable(
                f"{detail}. If the new key is right, enrol the host anew; if it was installed anew, say so (re-image).",
                errors=[FieldError("/findings", detail)],
            )


def _pick(
    finding: Finding, ground: Ground, definition: Definition, at: tuple[str, ...], key: str
) -> Placement | None:
    """The placement asked for (`at`: the layer, or several of which any will do); None where `definition` says what is live already because of an earlier finding."""
    change = ground.changes[finding.reference]
    if not change.occurrences:
        raise Conflict(f"{finding} is on no host any more, so there is nothing to fold back.")
    found = placements(definition, definition.files, change, ground.views)
    if not found:
        if definition is ground.definition:
            if any(joins_live(definition, change.resource, found) for found in change.occurrences):
                raise Conflict(
                    f"The definition has what {finding} shows already, beside something newer. The next push brings "
                    "that to its hosts; a scan will close the finding then."
                )
            raise Conflict(
                f"The definition says already what {finding} shows on its hosts. A scan of them will close it."
            )
        return None
    layer = at[0]
    wanted = [p for p in found if (not layer or p.layer in at) and (not key or p.key == key)]
    safe = [p for p in wanted if p.safe]
    if safe:
        best = min(safe, key=lambda p: p.last_resort)
        if best.takes_back and not layer and not key:
            detail = f"{finding} is in conflict: the definition moved too since it was changed by hand, and both meet"
            raise Unprocessable(
                f"{detail}. Look at its placements, and name the layer of the patch that you want.",
                errors=[FieldError("/layer", "has to be named in a conflict")],
            )
        if best.last_resort and not layer and not key:
            detail = (
                f"{finding} can only be folded back as a last resort, at {best.layer}: {best.explanation}"
            )
            raise Unprocessable(
                f"{detail} Name that layer if it is what you want, or edit the definition by hand (`edits`).",
                errors=[FieldError("/layer", "a last resort has to be named")],
            )
        return best
    possible = sorted({p.layer for p in found if p.safe})
    where = (
        f" Possible layers: {', '.join(possible)}." if possible else " Edit the definition by hand (`edits`)."
    )
    if not wanted:
        detail = f"{finding} can't be folded back at {layer or key}: that is not one of its placements"
    else:
        place = f" at {wanted[0].layer}" if wanted[0].layer else ""
        detail = f"{finding} can't be folded back safely{place}: {wanted[0].why_not}"
    pointer = "/layer" if layer and possible else "/findings"
    raise Unprocessable(f"{detail}.{where}", errors=[FieldError(pointer, detail)])
