"""What a decision would do, before anybody proposes it. Reads Git, so never inside a transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.conf import settings

from changemgmt.queries.approvals import APPROVER_ROLES
from common.core.actor import Actor
from common.core.errors import FoldbackError, Invalid, NotFound
from common.models import Person
from deployments.core.content_digests import secrets_in_definition
from deployments.core.definition.model import DEFINITION_FILE
from deployments.queries.definitions import desired_for, head_revision
from drift.core.proposals import Proposal
from drift.models import Explanation, Finding
from drift.queries.findings import findings_with_counts
from drift.services.decisions import MAX_FINDINGS, refuse_unless_open
from drift.services.fold_ground import Ground, stand_on
from drift.services.proposals import PlacementPreview, placements_for, prepare_fold_back
from web.core.patches import FilePatch, parse_patch
from web.core.refusals import plain
from web.core.sentences import plural
from web.queries.effects import EffectView, effect_view

EACH_HOST = "hosts/*"
MOST_OTHER_FILES = 500


def chosen_findings(references: Sequence[str]) -> list[Finding]:
    """The findings named, each of which must be open; raises Invalid, NotFound or Conflict."""
    if not references:
        raise Invalid("No finding is selected. Choose at least one in the inbox.")
    numbers = {_number(text) for text in references}
    if len(numbers) > MAX_FINDINGS:
        raise Invalid(f"{len(numbers)} findings are too many for one decision; {MAX_FINDINGS} at most.")
    found = list(findings_with_counts().filter(number__in=numbers).order_by("number"))
    missing = numbers - {finding.number for finding in found}
    if missing:
        raise NotFound(f"There is no finding DRF-{min(missing)}.")
    for finding in found:
        refuse_unless_open(finding)
    return found


def _number(text: str) -> int:
    head, _, number = text.strip().partition("-")
    if head.upper() != Finding.PREFIX or not (number.isascii() and number.isdigit() and len(number) < 19):
        raise NotFound(f"There is no finding {text[:40]}.")
    return int(number)


@dataclass(frozen=True)
class PlacementOption:
    """What `components/placement.html` draws."""

    key: str
    layer: str
    kind_of_edit: str
    explanation: str
    safe: bool
    why_not: str
    advised: bool
    last_resort: bool
    files: list[FilePatch]
    effect: EffectView | None

    @property
    def label(self) -> str:
        return "each host’s own layer" if self.layer == EACH_HOST else self.layer

    def _hosts(self, label: str) -> list[str]:
        outcomes = self.effect.outcomes if self.effect else []
        return next((outcome.hosts for outcome in outcomes if outcome.label == label), [])

    @property
    def hosts_right(self) -> list[str]:
        return self._hosts("already right")

    @property
    def hosts_changed(self) -> list[str]:
        return self._hosts("will be changed")

    @property
    def hosts_conflict(self) -> list[str]:
        return self._hosts("in conflict")

    @property
    def hosts_total(self) -> int:
        outcomes = self.effect.outcomes if self.effect else []
        return len({host for outcome in outcomes for host in outcome.hosts})


@dataclass
class FoldBackOptions:
    """Where findings can be folded back: placements of one, or one proposal for several."""

    findings: list[Finding]
    revision: str = ""
    options: list[PlacementOption] = field(default_factory=list)
    refused: list[PlacementOption] = field(default_factory=list)
    proposal: "ProposalView | None" = None
    problem: str = ""

    @property
    def possible(self) -> bool:
        return bool(self.options) or self.proposal is not None


@dataclass(frozen=True)
class ProposalView:
    """A whole proposal, drawn: what would be committed, and what that does."""

    layer: str
    explanation: str
    files: list[FilePatch]
    effect: EffectView | None
    missed: tuple[str, ...]


def fold_back_options(findings: list[Finding]) -> FoldBackOptions:
    found = FoldBackOptions(findings)
    try:
        if len(findings) == 1:
            found.revision, previews = placements_for(findings[0])
            # Where the definition moved too and both meet, nobody can advise which of the two is right.
            options = [
                _option(preview, is_advised=index == 0 and not preview.placement.takes_back)
                for index, preview in enumerate(previews)
            ]
            found.options = [option for option in options if option.safe]
            found.refused = [option for option in options if not option.safe]
        else:
            proposal = prepare_fold_back(findings=findings)
            found.revision, found.proposal = proposal.base_revision, proposal_view(proposal)
    except FoldbackError as error:
        found.problem = plain(error.detail)
    return found


def _option(preview: PlacementPreview, *, is_advised: bool) -> PlacementOption:
    placement = preview.placement
    return PlacementOption(
        key=placement.key,
        layer=placement.layer,
        kind_of_edit=placement.kind_of_edit,
        explanation=placement.explanation,
        safe=placement.safe,
        why_not=placement.why_not,
        advised=is_advised and placement.safe and not placement.last_resort,
        last_resort=placement.last_resort,
        files=parse_patch(placement.patch),
        effect=effect_view(dict(preview.effect)),
    )


def proposal_view(proposal: Proposal) -> ProposalView:
    return ProposalView(
        layer=proposal.layer,
        explanation=proposal.explanation,
        files=parse_patch(proposal.patch),
        effect=effect_view(proposal.effect),
        missed=proposal.missed,
    )


@dataclass(frozen=True)
class EditableFile:
    path: str
    text: str
    exists: bool
    why: str = ""

    @property
    def rows(self) -> int:
        return min(30, max(6, self.text.count("\n") + 2))


@dataclass(frozen=True)
class HandEdit:
    """Files of the definition that have to do with the findings, and the others that can be added."""

    findings: list[Finding]
    revision: str
    files: list[EditableFile]
    others: list[str]


def hand_edit(
    findings: list[Finding], *, added: Sequence[str] = (), typed: Mapping[str, str] | None = None
) -> HandEdit:
    """`added` are paths that a person asked for; `typed` replaces the text of files by what they typed."""
    typed = typed or {}
    ground = stand_on(head_revision(), findings)
    why: dict[str, str] = {}
    for finding in findings:
        why |= _files_about(ground, finding)
    for path in (*added, *typed):
        why.setdefault(path, "")
    files = [
        EditableFile(path, typed.get(path, text), path in ground.files, reason)
        for path, reason in why.items()
        if (text := _text(ground.files.get(path, b""))) is not None
    ]
    others = sorted(path for path in ground.files if path not in why and path != DEFINITION_FILE)
    return HandEdit(findings, ground.revision, files, others[:MOST_OTHER_FILES])


def _files_about(ground: Ground, finding: Finding) -> dict[str, str]:
    """The files that say what the finding's resource is on its first host: path → what it is for."""
    occurrences = ground.changes[finding.reference].occurrences
    if not occurrences:
        return {}
    desired = desired_for(ground.definition, occurrences[0].host).resources.get(finding.resource)
    if desired is None:
        role = occurrences[0].host.roles[-1:]
        layer = f"roles/{role[0]}" if role else "base"
        return {f"{layer}/resources.yaml": "nothing declares it yet; this would be the place"}
    found: dict[str, str] = {}
    if desired.source_path:
        found[desired.source_path] = "its template" if desired.how == "template" else "its source"
    found[desired.origin.path] = "declares it"
    return found


def _text(content: bytes) -> str | None:
    """What can be edited on a page; a file that holds a secret is not even shown there."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return None
    return None if "\0" in text or secrets_in_definition(content) else text


def as_typed(original: str | None, typed: str) -> str:
    """A browser sends every line end as CR LF; files that had none of those keep having none."""
    return typed if original is not None and "\r\n" in original else typed.replace("\r\n", "\n")


def possible_approvers(findings: Sequence[Finding], actor: Actor) -> list[Person]:
    """Who could approve a decision of this person about these findings."""
    people = Person.objects.filter(is_active=True, role__in=APPROVER_ROLES)
    if settings.FOUR_EYES:
        explained = Explanation.objects.filter(finding__in=findings).values_list(
            "change__owner_id", flat=True
        )
        made = {finding.claimed_by_id for finding in findings} | set(explained) | {actor.person_id}
        people = people.exclude(pk__in={pk for pk in made if pk})
    return list(people.order_by("name")[:10])


def about_findings(findings: Sequence[Finding]) -> str:
    """`1 finding on 7 hosts`, for the bar."""
    hosts = sum(getattr(finding, "hosts_open", 0) for finding in findings)
    return f"{plural(len(findings), 'finding')} on {plural(hosts, 'host')}"
