"""What a person decides about findings. A decision is a change; its approval is changemgmt's.

A service here is transactional; what reads Git (the proposal) is prepared before, in drift.services.proposals.
Locks are taken in one order everywhere: a job's batches, the change, then findings by fingerprint.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from changemgmt.core.texts import clean_text
from changemgmt.models import Change
from changemgmt.services.proposals import propose_change, set_digest, withdraw_change
from common import clock
from common.core import roles
from common.core.actor import SYSTEM, Actor
from common.core.errors import Conflict, FieldError, Invalid, Unprocessable
from common.models import Job
from common.services.jobs import cancel_job
from common.services.ledger import record_entry, transition
from drift.core.commit_message import subject_line
from drift.core.lifecycles import FINDING
from drift.core.proposals import Proposal, edits_to_json, waive_digest
from drift.models import Decision, Finding, Occurrence
from drift.models.decision import FOLD_BACK, WAIVE
from drift.queries.makers import people_who_made
from drift.services.decided import current_findings, lock_findings, reopen

KINDS = (FOLD_BACK, WAIVE)
MAX_FINDINGS = 200


def propose_decision(
    *,
    actor: Actor,
    kind: str,
    findings: Sequence[Finding],
    reason: str,
    proposal: Proposal | None = None,
    until: datetime | None = None,
) -> Decision:
    """Propose to fold findings back (with the `proposal` that was prepared for them) or to waive them `until`.

    1. Check the permission, the kind, reason and date. 2. Lock the findings; each must be open. 3. Make the
    change, which carries the approvals, and the decision. 4. Findings: open → decided.
    Raises Unprocessable for a kind that is not possible, Conflict, saying why, for a finding that is not open.
    """
    roles.require(actor, "decision.propose")
    reason = clean_text("reason", reason, required=True)
    if kind not in KINDS:
        raise not_possible(kind)
    if not findings:
        raise Invalid("/findings: name at least one.", errors=[FieldError("/findings", "empty")])
    if kind == WAIVE:
        until = check_until(until, clock.now())
    elif proposal is None:
        raise ValueError("a fold-back is proposed with what was prepared for it")
    with transaction.atomic():
        locked = lock_findings(finding.pk for finding in findings)
        for finding in locked:
            refuse_unless_open(finding)
        decision = _create(actor, kind, locked, reason, proposal, until)
        for finding in locked:
            transition(
                actor=actor,
                lifecycle=FINDING,
                subject=finding,
                event="decide",
                action="finding.decided",
                data={"decision": decision.reference, "kind": kind},
                emits="finding.decided",
            )
    return decision


def not_possible(kind: str) -> Unprocessable:
    detail = f"{kind[:40]!r} is not possible yet; possible now: {', '.join(KINDS)}"
    return Unprocessable(f"/kind: {detail}.", errors=[FieldError("/kind", detail)])


def check_until(until: datetime | None, now: datetime) -> datetime:
    """A waiver's date: given, and still to come."""
    detail = "a waiver needs a date" if until is None else "this is in the past" if until <= now else ""
    if detail or until is None:
        problem = f"{detail}; say until when the findings are accepted"
        raise Unprocessable(f"/until: {problem}.", errors=[FieldError("/until", problem)])
    return until


def refuse_unless_open(finding: Finding) -> None:
    if finding.state == "open":
        return
    latest = finding.decisions.order_by("-number").select_related("change__owner").first()
    if finding.state in ("decided", "approved", "committed") and latest is not None:
        raise Conflict(
            f"{finding} is {finding.state}: {latest} ({latest.kind}, {latest.change.reference}) by "
            f"{latest.change.owner.name}. Withdraw or refuse that first, or wait for it."
        )
    if finding.state == "waived" and latest is not None:
        raise Conflict(
            f"{finding} is waived until {finding.waived_until:%Y-%m-%d} by {latest}. End the waiver first."
        )
    raise Conflict(f"{finding} is {finding.state}, and only an open finding can be decided on.")


def _create(
    actor: Actor,
    kind: str,
    findings: Sequence[Finding],
    reason: str,
    proposal: Proposal | None,
    until: datetime | None,
) -> Decision:
    open_here = Occurrence.objects.filter(finding__in=findings, ended_at=None)
    hosts = set(open_here.values_list("host__name", flat=True)) | set(proposal.hosts if proposal else ())
    references = [finding.reference for finding in findings]
    change = propose_change(
        actor=actor,
        title=_title(kind, findings, proposal, until),
        reason=reason,
        hosts=sorted(hosts),
        resources=sorted({finding.resource for finding in findings}),
        digest=_digest(findings, hosts, reason, proposal, until),
        description=proposal.explanation if proposal else "",
        made_by=sorted(people_who_made(findings)),
        links={"findings": references},
    )
    decision = Decision.objects.create(
        kind=kind, change=change, reason=reason, until=until, **_content(proposal)
    )
    decision.refresh_from_db()
    decision.findings.set(findings)
    record_entry(
        actor=actor,
        action="decision.proposed",
        subject=decision,
        data={"kind": kind, "change": Change.objects.get(pk=change.pk).reference, "findings": references},
    )
    return decision


def _digest(
    findings: Sequence[Finding],
    hosts: Iterable[str],
    reason: str,
    proposal: Proposal | None,
    until: datetime | None,
) -> str:
    if proposal is not None:
        return proposal.digest
    assert until is not None
    fingerprints = [finding.fingerprint for finding in findings]
    return waive_digest(fingerprints=fingerprints, hosts=hosts, until=until, reason=reason)


def _title(kind: str, findings: Sequence[Finding], proposal: Proposal | None, until: datetime | None) -> str:
    references = [finding.reference for finding in findings]
    resources = [finding.resource for finding in findings]
    if kind == FOLD_BACK:
        return subject_line(
            findings=references, resources=resources, layer=proposal.layer if proposal else ""
        )
    which = references[0] if len(references) == 1 else f"{len(references)} findings"
    assert until is not None
    return f"Waive {which} until {until:%Y-%m-%d}"


def _content(proposal: Proposal | None) -> dict[str, Any]:
    if proposal is None:
        return {}
    return {
        "layer": proposal.layer,
        "explanation": proposal.explanation,
        "base_revision": proposal.base_revision,
        "edits": edits_to_json(proposal.edits),
        "patch": proposal.patch,
        "effect": proposal.effect,
    }


def refresh_decision(
    *, actor: Actor, decision: Decision, findings: Sequence[Finding], proposal: Proposal
) -> Decision:
    """Replace what a fold-back would commit by `proposal`, computed on the present head for `findings`: those of
    its findings that still wait for it. Any approval of the old content is void.
    """
    roles.require(actor, "decision.propose")
    with transaction.atomic():
        change = set_digest(actor=actor, change=decision.change, digest=proposal.digest)
        locked = lock_findings(finding.pk for finding in current_findings(decision, "decided"))
        if {finding.pk for finding in locked} != {finding.pk for finding in findings}:
            raise Conflict(f"The findings of {decision} moved while it was refreshed. Try again.")
        dropped = [f.reference for f in decision.findings.exclude(pk__in=[f.pk for f in locked])]
        decision.findings.set(locked)
        Decision.objects.filter(pk=decision.pk).update(**_content(proposal))
        record_entry(
            actor=actor,
            action="decision.refreshed",
            subject=decision,
            data={
                "from": decision.base_revision,
                "to": proposal.base_revision,
                "digest": change.digest,
                "left_out": dropped,
            },
        )
    return Decision.objects.select_related("change").get(pk=decision.pk)


def withdraw_decision(*, actor: Actor, decision: Decision, reason: str = "") -> Decision:
    """Take a decision back before it is carried out: its change is withdrawn, its findings are open again.

    Raises Conflict when it was carried out or ended otherwise, or while a worker is at it (stop the job then).
    """
    roles.require(actor, "decision.propose")
    with transaction.atomic():
        job = Job.objects.filter(decision=decision).first()
        if job is not None and job.state == "running":
            raise Conflict(
                f"{decision} is being carried out. Stop {job} first; then its findings are open again."
            )
        if job is not None and job.state == "queued":
            cancel_job(actor=SYSTEM, job=job)  # who may is asked below, of the change
        change = Change.objects.select_for_update().get(pk=decision.change_id)
        withdraw_change(actor=actor, change=change, reason=reason)
        reopen(actor=actor, decision=decision, why=reason or "the decision was withdrawn")
    return Decision.objects.select_related("change").get(pk=decision.pk)
