"""An adoption to read: how far it is, what would be committed, and what was left out."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from changemgmt.queries.approvals import approvers_for
from common.core import roles
from common.core.actor import Actor
from common.core.errors import NotFound
from common.models import Person
from drift.core.proposals import edits_from_json
from drift.models import Adoption, AdoptionHost, Scan
from drift.queries.adoptions import layers_in_order, left_out_by_reason, unseen_hosts
from web.core.sentences import plural, sentence, share
from web.paging import Page, paged
from web.queries.changes import Event, timeline, why_not_decide
from web.queries.jobs import JobBar, job_bar

MOST_LINES = 400
MOST_LEFT_OUT = 200
MOVING = ("looking", "planning")
PROOF_COMES_WITHIN = timedelta(minutes=1)  # of the merge; else nobody has to wait for it on the page


def adoption_list(request: HttpRequest) -> Page[Adoption]:
    found: QuerySet[Adoption] = Adoption.objects.defer("edits", "left_out", "summary")
    return paged(request, found, noun="adoption", size=30)


@dataclass(frozen=True)
class PlannedFile:
    path: str
    action: str
    lines: int


@dataclass(frozen=True)
class PlannedLayer:
    """One layer of the plan: how much it declares, its resources.yaml to read at once, and its other files."""

    name: str
    counts: list[tuple[str, int]]
    path: str
    lines: list[str]
    more_lines: int
    files: list[PlannedFile]

    @property
    def declarations(self) -> int:
        return sum(count for _, count in self.counts)


@dataclass(frozen=True)
class LeftOutGroup:
    reason: str
    resources: int
    only_content: bool
    shown: list[dict[str, Any]]

    @property
    def more(self) -> int:
        return self.resources - len(self.shown)


@dataclass(frozen=True)
class AdoptionPage:
    adoption: Adoption
    bar: JobBar | None
    looks: list[AdoptionHost]
    unseen: list[str]
    layers: list[PlannedLayer] = field(default_factory=list)
    left_out: list[LeftOutGroup] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    approvers: list[Person] = field(default_factory=list)
    why_not: str = ""
    may_act: bool = False
    proof: Scan | None = None
    awaits_proof: bool = False

    @property
    def state(self) -> str:
        return self.adoption.state

    @property
    def is_alive(self) -> bool:
        """Whether it moves by itself: a worker is at it, or its branch or merge is on its way."""
        waits = self.state == "proposed" and not self.adoption.commit and not self.adoption.problem
        return self.state in MOVING or waits or self.is_merging or self.awaits_proof

    @property
    def is_merging(self) -> bool:
        change = self.adoption.change
        return self.state == "proposed" and change is not None and change.state == "approved"

    @property
    def partial(self) -> list[AdoptionHost]:
        return [look for look in self.looks if look.status == "partial"]

    @property
    def wrong(self) -> list[AdoptionHost]:
        return [look for look in self.looks if look.wrong]

    @property
    def sentence(self) -> str:
        adoption, total = self.adoption, len(self.adoption.hosts)
        if self.state == "looking":
            return sentence(f"{share(len(self.looks), total, 'host')} looked at so far")
        if self.state == "planning":
            return sentence("The definition is being written, and rendered for every host")
        if self.state == "failed":
            return sentence("It came to nothing")
        if not adoption.base_revision:
            return sentence("It was given up")
        counts = adoption.summary["hosts"]
        declared = sum(count for _, found in layers_in_order(adoption) for _, count in found)
        return sentence(
            f"{plural(declared, 'declaration')} in {plural(len(adoption.summary['layers']), 'layer')}",
            f"rendered, {share(counts['render'], counts['seen'], 'host')} would be as they are live",
            f"{plural(len(self.unseen), 'host')} could not be looked at" if self.unseen else "",
        )


def adoption_page(adoption: Adoption, *, actor: Actor, now: datetime) -> AdoptionPage:
    looks = AdoptionHost.objects.filter(adoption=adoption).select_related("host").defer("seen")
    change = adoption.change
    bar = None
    if adoption.job is not None and adoption.job.state in ("queued", "running"):
        bar = job_bar(adoption.job, now=now, actor=actor, title=_TITLES.get(adoption.job.kind, ""))
    waits = adoption.state == "proposed" and change is not None and change.state == "proposed"
    subjects = [adoption.pk] + ([change.pk] if change else [])
    proof = _proof(adoption) if adoption.merged else None
    is_new = change is not None and now - change.updated_at < PROOF_COMES_WITHIN
    return AdoptionPage(
        adoption=adoption,
        bar=bar,
        looks=list(looks.order_by("host__name")),
        unseen=unseen_hosts(adoption) if adoption.state != "looking" else [],
        layers=_layers(adoption),
        left_out=_left_out(adoption),
        events=timeline(*subjects),
        approvers=approvers_for(change) if waits and change else [],
        why_not=why_not_decide(change, actor) if waits and change else "",
        may_act=roles.allows(actor, "decision.propose"),
        proof=proof,
        awaits_proof=bool(adoption.merged) and proof is None and is_new,
    )


_TITLES = {
    "adopt": "Looking at hosts",
    "plan-adoption": "Writing the definition",
    "branch-adoption": "Committing to its branch",
    "merge-adoption": "Merging",
    "settle-adoption": "Settling the merge",
}


def _layers(adoption: Adoption) -> list[PlannedLayer]:
    edits = edits_from_json(adoption.edits)
    actions = adoption.summary.get("files", {})
    found = []
    for name, counts in layers_in_order(adoption):
        path = f"{name}/resources.yaml"
        text = (edits.get(path) or b"").decode()
        lines = text.removesuffix("\n").split("\n")
        files = [
            PlannedFile(other, actions.get(other, "added"), (content or b"").count(b"\n"))
            for other, content in sorted(edits.items())
            if other != path and other.startswith((f"{name}/files/", f"{name}/templates/"))
        ]
        found.append(
            PlannedLayer(
                name, counts, path, lines[:MOST_LINES] if text else [], max(0, len(lines) - MOST_LINES), files
            )
        )
    return found


def _left_out(adoption: Adoption) -> list[LeftOutGroup]:
    groups = []
    for why in left_out_by_reason(adoption):
        shown = [
            one
            for one in adoption.left_out
            if (one["reason"], one["only_content"]) == (why.reason, why.only_content)
        ]
        groups.append(LeftOutGroup(why.reason, why.resources, why.only_content, shown[:MOST_LEFT_OUT]))
    return groups


def _proof(adoption: Adoption) -> Scan | None:
    """The scan that followed its merge."""
    after = Scan.objects.filter(
        purpose="proof", hosts__overlap=adoption.hosts, created_at__gte=adoption.created_at
    )
    return after.order_by("created_at").first()


@dataclass(frozen=True)
class PlannedText:
    path: str
    action: str
    lines: list[str]


def planned_file(adoption: Adoption, path: str) -> PlannedText:
    """One file of the plan; raises NotFound."""
    edits = edits_from_json(adoption.edits)
    content = edits.get(path)
    if content is None:
        raise NotFound(f"{adoption} has no file {path[:200]}.")
    return PlannedText(
        path, adoption.summary["files"].get(path, "added"), content.decode().removesuffix("\n").split("\n")
    )
