"""The job that writes a definition from what was seen, and proves it by rendering. Reads Git; commits nothing."""

from typing import Any

from common.core.actor import SYSTEM
from common.core.errors import Unprocessable
from common.services.jobs import Claim, LeaseKeeper, LostLease, count_items, fenced_write
from common.services.ledger import transition
from deployments.core.definition.effect import effect, effect_digest
from deployments.core.definition.model import DefinitionError
from deployments.core.definition.parse import parse_definition
from deployments.core.definition.patches import apply_to
from deployments.core.definition.yaml_tree import CannotEdit
from deployments.core.states import from_json
from deployments.queries.definitions import definition_at
from deployments.services.definitions import fetch_definition
from drift.core.adoption import Plan, SeenHost, Text
from drift.core.adoption_lifecycle import ADOPTION
from drift.core.adoption_options import clean_options
from drift.core.adoption_plan import plan_adoption
from drift.core.proposals import edits_to_json
from drift.models import Adoption, AdoptionHost
from drift.services.adoptions import lock_adoption
from inventory.queries.hosts import host_view, host_views


def run_plan_adoption_batch(*, claim: Claim, keeper: LeaseKeeper) -> None:
    """1. Read the head, what hosts showed, and who else there is. 2. Plan. 3. The digest of the edits and of what they
    do to every host. 4. Record. Done again it finds the same."""
    adoption = Adoption.objects.get(pk=claim.subject_id)
    if adoption.state != "planning":
        return
    head = fetch_definition()
    definition = definition_at(head)
    views = host_views()
    seen = _seen(adoption)
    names = {host.name for host in seen}
    chosen = set(host_views(adoption.hosts))
    try:
        plan = plan_adoption(
            definition=definition,
            hosts=seen,
            texts={row.digest: Text(row.text, row.secrets) for row in adoption.texts.all()},
            others=[view for name, view in views.items() if name not in chosen],
            roots=adoption.roots,
            options=clean_options(adoption.options),
            reference=adoption.reference,
        )
        after = parse_definition(apply_to(definition.files, plan.edits), previous=definition)
    except DefinitionError as error:
        raise Unprocessable(f"The definition does not take it: {error.problems[0]}") from error
    except CannotEdit as error:
        raise Unprocessable(f"A layer that exists can't be added to: {error.reason}") from error
    if keeper.lost:
        raise LostLease(f"batch {claim.batch_id} was taken over or cancelled")
    change = effect(
        definition, after, [view for name, view in views.items() if name in names or name not in chosen]
    )
    digest = effect_digest(definition.files, plan.edits, change)
    _record(claim, adoption, head, plan, digest, set(definition.files))


def _seen(adoption: Adoption) -> list[SeenHost]:
    rows = AdoptionHost.objects.filter(adoption=adoption).exclude(status="unknown")
    return [
        SeenHost(
            view=host_view(row.host),
            states={resource: from_json(state) for resource, state in row.seen.get("states", {}).items()},
            listed=row.seen.get("listed", {}),
            redacted=row.seen.get("redacted", {}),
            shipped=frozenset(row.seen.get("shipped", ())),
            withheld=row.seen.get("withheld", {}),
        )
        for row in rows.select_related("host").order_by("host__name")
    ]


def _record(claim: Claim, adoption: Adoption, head: str, plan: Plan, digest: str, there: set[str]) -> None:
    with fenced_write(claim):
        locked = lock_adoption(adoption)
        if locked.state != "planning":
            return
        for check in plan.checks:
            AdoptionHost.objects.filter(adoption=locked, host__name=check.name).update(
                declared=check.declared, wrong=list(check.wrong)
            )
        transition(
            actor=SYSTEM,
            lifecycle=ADOPTION,
            subject=locked,
            event="show",
            action="adoption.planned",
            data={"base": head, "digest": digest, "layers": plan.layers, "files": len(plan.edits)},
            fields={
                "base_revision": head,
                "edits": edits_to_json(plan.edits),
                "digest": digest,
                "summary": _summary(plan, there),
                "left_out": [
                    {
                        "resource": one.resource,
                        "reason": one.reason,
                        "hosts": list(one.hosts),
                        "only_content": one.only_content,
                    }
                    for one in plan.left_out
                ],
            },
        )
        count_items(claim=claim, done=1)


def _summary(plan: Plan, there: set[str]) -> dict[str, Any]:
    """`there` are the files of the definition before."""
    rendering = [check for check in plan.checks if not check.wrong]
    return {
        "layers": plan.layers,
        "files": {path: "changed" if path in there else "added" for path in plan.edits},
        "resources": sorted(plan.resources),
        "hosts": {"seen": len(plan.checks), "render": len(rendering)},
        "notes": [{"resource": note.resource, "text": note.text} for note in plan.notes],
        "templates": list(plan.templates),
        "exhaustive": list(plan.exhaustive),
        "already": plan.already,
        "unlisted": list(plan.unlisted),
    }
