"""What a proposed fold-back stands on (one revision, the hosts, what is live), and what edits do there.

Reads Git: never inside a transaction. The same is computed when somebody proposes and again before the commit, on
the head as it is then.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from common.core.errors import FieldError, Unprocessable
from deployments.core.definition.effect import CHANGED, Effect, effect, effect_digest
from deployments.core.definition.model import Definition, DefinitionError
from deployments.core.definition.parse import parse_definition
from deployments.core.definition.patches import apply_to, only_changes, unified_diff
from deployments.core.definition.placement import LiveChange
from deployments.core.definition.placement import Occurrence as LiveOccurrence
from deployments.core.states import Present, State, from_json
from deployments.queries.definitions import definition_at
from drift.core.folded import effect_to_json, gives_live, hosts_of, joins_live
from drift.core.proposals import Edits, Proposal, fold_back_digest
from drift.core.watched import FILE_KINDS, kind_of
from drift.models import Blob, Finding, HostState
from drift.services.manifests import load_states
from inventory.core.host_view import HostView
from inventory.queries.hosts import host_view, host_views

OUT_OF_BAND = ("drifted", "conflict")


@dataclass(frozen=True)
class Ground:
    """What a proposal stands on: one revision, the hosts there are, and the findings with what is live."""

    revision: str
    definition: Definition
    views: tuple[HostView, ...]
    changes: Mapping[str, LiveChange]  # finding's reference → what its hosts have
    fingerprints: tuple[str, ...]

    @property
    def files(self) -> Mapping[str, bytes]:
        return self.definition.files


def stand_on(revision: str, findings: Iterable[Finding]) -> Ground:
    """Read the revision, the hosts and what is live on each open occurrence."""
    findings = list(findings)
    return Ground(
        revision=revision,
        definition=definition_at(revision),
        views=tuple(host_views().values()),
        changes={finding.reference: live_change(finding) for finding in findings},
        fingerprints=tuple(sorted(finding.fingerprint for finding in findings)),
    )


def live_change(finding: Finding) -> LiveChange:
    """Every host that shows the change now, with the live text where it is known exactly (never a redacted one)."""
    rows = finding.occurrences.filter(ended_at=None, verdict__in=OUT_OF_BAND, host__state="active")
    occurrences = list(rows.select_related("host").order_by("host__name"))
    lives = [from_json(row.live) for row in occurrences]
    bases = [from_json(row.base) for row in occurrences]
    blobs = Blob.objects.in_bulk({digest for state in (*lives, *bases) if (digest := _sha256(state))})
    return LiveChange(
        finding.resource,
        tuple(
            LiveOccurrence(
                host_view(row.host),
                base,
                live,
                _content(blobs, live),
                redacted=row.redactions,
                attributes=None if kind_of(finding.resource) in FILE_KINDS else frozenset(row.attributes),
                base_content=_content(blobs, base),
            )
            for row, live, base in zip(occurrences, lives, bases, strict=True)
        ),
    )


def _sha256(state: State) -> str:
    return str(state.data.get("sha256", "")) if isinstance(state, Present) else ""


def _content(blobs: Mapping[str, Blob], live: State) -> bytes | None:
    blob = blobs.get(_sha256(live))
    return blob.text.encode() if blob is not None and not blob.redactions else None


def complete(ground: Ground, edits: Edits, *, layer: str, explanation: str) -> Proposal:
    """Patch, effect on each host, what is missed, and the digest that an approval binds, for these edits."""
    edits = only_changes(ground.files, edits)
    try:
        after = parse_definition(apply_to(ground.files, edits), previous=ground.definition)
    except DefinitionError as error:
        raise Unprocessable(
            f"With the edits the definition would have problems: {error.problems[0]}",
            errors=[FieldError("/edits", str(problem)) for problem in error.problems[:50]],
        ) from None
    change = effect_on(ground, after)
    joined = tuple(f"{reference} on {found.host.name}" for reference, _, found in joined_by(ground, after))
    missed = tuple(
        name
        for reference, live in sorted(ground.changes.items())
        for occurrence in live.occurrences
        if not gives_live(after, live.resource, occurrence)
        and (name := f"{reference} on {occurrence.host.name}") not in joined
    )
    bound = effect_digest(ground.files, edits, change)
    with_finding = {o.host.name for live in ground.changes.values() for o in live.occurrences}
    return Proposal(
        base_revision=ground.revision,
        layer=layer,
        edits=edits,
        patch=unified_diff(ground.files, edits),
        effect=effect_to_json(change, missed, joined),
        effect_digest=bound,
        digest=fold_back_digest(effect_digest=bound, fingerprints=ground.fingerprints, missed=missed),
        explanation=explanation,
        missed=missed,
        hosts=tuple(sorted(with_finding | hosts_of(change))),
    )


def joined_by(ground: Ground, after: Definition) -> list[tuple[str, str, LiveOccurrence]]:
    """(finding, resource, occurrence) where `after` says what was changed by hand on top of something newer."""
    return [
        (reference, live.resource, occurrence)
        for reference, live in sorted(ground.changes.items())
        for occurrence in live.occurrences
        if joins_live(after, live.resource, occurrence)
    ]


def effect_on(ground: Ground, after: Definition) -> Effect:
    """What changes for which host, beside what each was seen to have last."""
    change = effect(ground.definition, after, ground.views)
    if not change.resources:
        return change
    change = effect(ground.definition, after, ground.views, _last_seen(hosts_of(change)))
    waiting = {(found.host.name, resource) for _, resource, found in joined_by(ground, after)}
    resources = (
        replace(item, outcome=CHANGED) if (item.host, item.resource) in waiting else item
        for item in change.resources
    )
    return replace(change, resources=tuple(resources))


def _last_seen(hosts: Iterable[str]) -> dict[tuple[str, str], State]:
    seen: dict[tuple[str, str], State] = {}
    by_manifest: dict[str, dict[str, State]] = {}
    states = HostState.objects.filter(host__name__in=list(hosts)).exclude(observed=None)
    for state in states.select_related("host", "observed"):
        digest = str(state.observed_id)
        if digest not in by_manifest:
            by_manifest[digest] = load_states(state.observed) or {}
        seen |= {(state.host.name, resource): live for resource, live in by_manifest[digest].items()}
    return seen
