"""Adoptions: begun over a selector, planned again with other options, proposed, discarded.

Looking, planning and committing are jobs (`adoption_looks`, `adoption_plans`, `adoption_commits`). A proposal is a change like
any decision: it waits for another person's approval, which merges it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.db import transaction

from changemgmt.core.texts import clean_text
from changemgmt.models import Approval
from changemgmt.services.approvals import approve_change
from changemgmt.services.proposals import propose_change, withdraw_change
from common.core import roles
from common.core.actor import SYSTEM, Actor
from common.core.errors import Conflict, FieldError, Invalid, Unprocessable
from common.models import Job
from common.services.jobs import cancel_job, create_job
from common.services.ledger import record_entry, transition
from drift.core.adoption_lifecycle import ADOPTION
from drift.core.adoption_options import MOST_HOSTS, clean_options, clean_roots, options_to_json
from drift.models import Adoption, AdoptionHost
from drift.queries.adoptions import seen_hosts, unseen_hosts
from inventory.queries.hosts import host_views, resolve_selector
from inventory.queries.sites import batches_by_site

LOOK_JOB, PLAN_JOB, BRANCH_JOB = "adopt", "plan-adoption", "branch-adoption"
MERGE_JOB, SETTLE_JOB = "merge-adoption", "settle-adoption"
MOST_RESOURCES = 1_000
"""A change that touches more names its hosts only; the adoption has them all."""


def create_adoption(
    *,
    actor: Actor,
    selector: str,
    roots: Sequence[str] | None = None,
    options: Mapping[str, Any] | None = None,
) -> Adoption:
    """Begin to look at the hosts that `selector` names now, to write a definition from what they have.

    Raises Invalid for a selector, root or option that can't be used, and for more than 500 hosts at once.
    """
    roles.require(actor, "decision.propose")
    chosen = clean_options(options or {})
    directories = clean_roots(roots)
    hosts = resolve_selector(selector).ids
    if len(hosts) > MOST_HOSTS:
        detail = f"{len(hosts)} hosts are too many for one adoption; {MOST_HOSTS} at most. Begin with a few of each role"
        raise Invalid(f"/hosts: {detail}.", errors=[FieldError("/hosts", detail)])
    batches = batches_by_site(hosts, settings.SCAN_BATCH_HOSTS)
    with transaction.atomic():
        adoption = Adoption.objects.create(
            state="looking",
            selector=selector,
            hosts=hosts,
            roots=directories,
            options=options_to_json(chosen),
            requested_by=actor.label,
            person_id=actor.person_id,
        )
        adoption.refresh_from_db()
        adoption.job = create_job(
            actor=actor, kind=LOOK_JOB, subject=adoption, batches=batches.items, lanes=batches.lanes
        )
        adoption.save(update_fields=["job"])
        record_entry(
            actor=actor,
            action="adoption.started",
            subject=adoption,
            data={"selector": selector, "hosts": len(hosts), "roots": directories},
        )
    return adoption


def plan_again(*, actor: Actor, adoption: Adoption, options: Mapping[str, Any]) -> Adoption:
    """Write the definition anew from what was seen, with other options or on a newer head."""
    roles.require(actor, "decision.propose")
    chosen = options_to_json(clean_options({**adoption.options, **options}))
    with transaction.atomic():
        locked = lock_adoption(adoption)
        begin_planning(actor=actor, adoption=locked, fields={"options": chosen})
    return locked


def begin_planning(*, actor: Actor, adoption: Adoption, fields: dict[str, Any] | None = None) -> None:
    """From looking, planned or failed to planning, with the job that does it; call it with the row locked."""
    job = create_job(actor=actor, kind=PLAN_JOB, subject=adoption, batches=[[str(adoption.pk)]])
    transition(
        actor=actor,
        lifecycle=ADOPTION,
        subject=adoption,
        event="plan",
        action="adoption.planning",
        fields={"job": job, "problem": "", **(fields or {})},
    )


def lock_adoption(adoption: Adoption) -> Adoption:
    return Adoption.objects.select_for_update().get(pk=adoption.pk)


def propose_adoption(
    *, actor: Actor, adoption: Adoption, reason: str = "", without_unseen: bool = False, digest: str = ""
) -> Adoption:
    """One commit on a branch, which another person merges.

    `without_unseen` confirms that hosts which could not be looked at are left out: a layer that they share may then
    say what they don't have. `digest` is that of the preview that was read. Raises Conflict where it moved since, or
    there is nothing to commit.
    """
    roles.require(actor, "decision.propose")
    with transaction.atomic():
        locked = lock_adoption(adoption)
        _check(locked, digest, without_unseen)
        names = host_views(locked.hosts)
        seen = set(seen_hosts(locked))
        reason = (
            clean_text("reason", reason) or f"what {len(seen)} live hosts have becomes what they should have"
        )
        change = propose_change(
            actor=actor,
            title=f"Adopt {len(seen)} host{'' if len(seen) == 1 else 's'} into the definition ({locked.reference})",
            reason=reason,
            hosts=[name for name in names if name in seen],
            resources=_resources(locked),
            digest=locked.digest,
            description=_description(locked),
            links={"adoption": locked.reference},
        )
        change.refresh_from_db()
        job = create_job(actor=actor, kind=BRANCH_JOB, subject=locked, batches=[[str(locked.pk)]])
        transition(
            actor=actor,
            lifecycle=ADOPTION,
            subject=locked,
            event="propose",
            action="adoption.proposed",
            data={"change": change.reference, "digest": locked.digest, "without": unseen_hosts(locked)},
            fields={"change": change, "reason": reason, "commit": "", "job": job, "problem": ""},
        )
    return locked


def _check(adoption: Adoption, digest: str, without_unseen: bool) -> None:
    if adoption.state != "planned":
        raise Conflict(f"{adoption} is {adoption.state}; only what is planned can be committed.")
    if digest and digest != adoption.digest:
        raise Conflict(f"The plan of {adoption} was made anew since you read it. Look at it again.")
    if not adoption.edits:
        raise Unprocessable(
            f"{adoption} would change nothing: all that was seen is declared already, or left out."
        )
    unseen = unseen_hosts(adoption)
    if unseen and not without_unseen:
        shown = ", ".join(unseen[:5]) + (f" and {len(unseen) - 5} more" if len(unseen) > 5 else "")
        detail = f"{len(unseen)} of {len(adoption.hosts)} hosts could not be looked at: {shown}"
        raise Unprocessable(
            f"{detail}. Say without_unseen to go on without them, or begin again when they can be reached.",
            errors=[FieldError("/without_unseen", detail)],
        )


def _resources(adoption: Adoption) -> list[str]:
    declared = adoption.summary.get("resources", [])
    return declared if len(declared) <= MOST_RESOURCES else []


def _description(adoption: Adoption) -> str:
    layers = adoption.summary.get("layers", {})
    total = sum(sum(counts.values()) for counts in layers.values())
    return f"{total} declarations in {len(layers)} layers, written from what was live; rendered, they are what is live."


def merge_adoption(*, actor: Actor, adoption: Adoption, digest: str, comment: str = "") -> Approval:
    """Another person has read the branch and says yes: its commit goes to main. The approval is that of its change."""
    if adoption.state != "proposed" or adoption.change is None:
        raise Conflict(f"{adoption} is {adoption.state}; only what is proposed can be merged.")
    return approve_change(actor=actor, change=adoption.change, digest=digest, comment=comment)


def discard_adoption(*, actor: Actor, adoption: Adoption) -> Adoption:
    """Give it up, wherever it stands; what was seen is forgotten. What is proposed is withdrawn with it."""
    roles.require(actor, "decision.propose")
    with transaction.atomic():
        jobs = Job.objects.filter(subject_id=adoption.pk, state__in=("queued", "running"))
        for job in jobs.order_by("number"):
            if job.kind in (MERGE_JOB, SETTLE_JOB):
                raise Conflict(f"{adoption} is being merged by {job}. Wait for it, or stop it first.")
            cancel_job(actor=SYSTEM, job=job)
        change = adoption.change
        if change is not None and adoption.state == "proposed":
            withdraw_change(actor=actor, change=change, reason=f"{adoption} was discarded")
        locked = lock_adoption(adoption)
        transition(
            actor=actor,
            lifecycle=ADOPTION,
            subject=locked,
            event="discard",
            action="adoption.discarded",
            fields={"edits": {}},
        )
        if change is not None:
            create_job(actor=SYSTEM, kind=BRANCH_JOB, subject=locked, batches=[[str(locked.pk)]])
        forget_what_was_seen(locked)
    return locked


def forget_what_was_seen(adoption: Adoption) -> None:
    """States and texts are only kept while something can be made of them."""
    AdoptionHost.objects.filter(adoption=adoption).update(seen={})
    adoption.texts.all().delete()
