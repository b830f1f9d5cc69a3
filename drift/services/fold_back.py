"""Carrying out an approved fold-back: the one commit, made once, and only if it is still what was approved.

Git and network happen outside transactions; what came of it is written in one fenced transaction. A worker may be
killed anywhere: the commit carries the decision's trailer, so that the next one finds it and only records it.
"""

from collections.abc import Sequence

from changemgmt.models import Approval, Change
from changemgmt.queries.approvals import approvals_in_force, makers_of, why_not_in_force
from changemgmt.services.approvals import void_approval
from changemgmt.services.proposals import complete_change
from common import clock
from common.core.actor import SYSTEM
from common.core.errors import Conflict, Unprocessable
from common.services.jobs import Claim, LeaseKeeper, LostLease, count_items, fenced_write
from common.services.ledger import record_entry
from common.services.outbox import emit_event
from deployments.queries.definitions import repository
from deployments.repository import CannotRebase, HeadMoved
from deployments.services.definitions import CommitRequest, commit_to_definition, fetch_definition
from drift.core.commit_message import Signature, clean_signature, commit_message
from drift.core.proposals import Proposal, edits_from_json, fold_back_digest
from drift.models import Decision, Finding
from drift.services.agreed import agree_on_live
from drift.services.decided import current_findings, move_findings
from drift.services.decision_events import give_up, why_it_ended
from drift.services.fold_ground import Ground, complete, joined_by, stand_on
from drift.services.proposals import find_commit, prepare_fold_back

MAX_ROUNDS = 10  # how often the head may move under our hands before the batch is given back


class NoLongerApproved(Exception):
    """What would be committed is not what was approved; the message says why, for people."""


def run_fold_back_batch(*, claim: Claim, keeper: LeaseKeeper) -> None:
    """One decision.

    1. Recorded already: done. 2. Fetch. 3. The decision's trailer is in the history since its base: a worker was
    killed after it committed; record that commit. 4. The approval must be in force, for this content, and the
    findings still wait. 5. On a moved head: rebase. 6. Compute effect and digest on the head; they must be what
    was approved. 7. Commit on top of the head; if it moved meanwhile, again from 2. 8. Record.
    """
    for _ in range(MAX_ROUNDS):
        if keeper.lost:
            raise LostLease(f"batch {claim.batch_id} was taken over or cancelled")
        decision = _read(claim)
        if decision.commit or decision.job_id != claim.job_id:
            return
        head = fetch_definition()
        sha = find_commit(decision)
        if sha is None:
            try:
                request = _request(decision, head)
                if keeper.lost:
                    continue
                sha = commit_to_definition(request)
            except HeadMoved:
                continue
            except NoLongerApproved as error:
                _void(claim, decision, str(error))
                return
        record_commit(claim=claim, decision=decision, sha=sha)
        return
    raise RuntimeError(f"the definition's head moved {MAX_ROUNDS} times while this was tried")


def run_settle_batch(*, claim: Claim, keeper: LeaseKeeper) -> None:
    """After a fold-back's job failed or was stopped: record the commit if there is one, else give the decision up."""
    decision = _read(claim)
    if decision.commit:
        return
    fetch_definition()
    if (sha := find_commit(decision)) is not None:
        record_commit(claim=claim, decision=decision, sha=sha)
        return
    with fenced_write(claim):
        change = Change.objects.select_for_update().get(pk=decision.change_id)
        assert decision.job is not None
        give_up(decision, change, why_it_ended(decision.job))
        count_items(claim=claim, done=1)


def _read(claim: Claim) -> Decision:
    return Decision.objects.select_related("change__requested_by", "job").get(pk=claim.subject_id)


def _request(decision: Decision, head: str) -> CommitRequest:
    """What to commit on top of `head`; raises NoLongerApproved."""
    approval = approval_of(decision)
    findings = current_findings(decision, "approved")
    if len(findings) != decision.findings.count():
        moved = decision.findings.exclude(pk__in=[finding.pk for finding in findings])
        said = ", ".join(f"{finding} is {finding.state}" for finding in moved)
        raise NoLongerApproved(f"its findings have moved on: {said}")
    try:
        ground = stand_on(head, findings)
        proposal = _on_head(decision, ground, findings)
    except (Conflict, Unprocessable) as error:
        raise NoLongerApproved(f"on the present head: {error.detail}") from error
    _compare(decision, approval, proposal, ground.fingerprints)
    change = decision.change
    return CommitRequest(
        parent=head,
        edits=proposal.edits,
        author=clean_signature((change.requested_by.name, change.requested_by.email)),
        message=commit_message(
            subject=change.title,
            reason=decision.reason,
            change=change.reference,
            findings=sorted((finding.reference for finding in findings), key=lambda name: int(name[4:])),
            decision=decision.reference,
            approvers=[_signature(approval)],
        ),
        when=clock.now(),
    )


def _compare(decision: Decision, approval: Approval, proposal: Proposal, fingerprints: Sequence[str]) -> None:
    """Raise NoLongerApproved where `proposal`, made on the head, is another than what was approved."""
    if not proposal.edits:
        raise NoLongerApproved(
            f"the definition says this already at {proposal.base_revision[:12]}; a scan will close the findings"
        )
    # An occurrence that was to be missed may be gone by now; one more may not have come.
    accepted = decision.effect.get("missed", [])
    if more := sorted(set(proposal.missed) - set(accepted)):
        raise NoLongerApproved(f"by now it would leave these as they are: {', '.join(more)}")
    digest = fold_back_digest(
        effect_digest=proposal.effect_digest, fingerprints=fingerprints, missed=accepted
    )
    if digest != approval.digest:
        raise NoLongerApproved("what it would change on the hosts is no longer what was approved")


def approval_of(decision: Decision) -> Approval:
    """The approval in force for exactly this content; raises NoLongerApproved."""
    change = Change.objects.get(pk=decision.change_id)
    if change.state != "approved":
        raise NoLongerApproved(f"{change} is {change.state}")
    now = clock.now()
    approvals = approvals_in_force(change, digest=change.digest, now=now)
    if not approvals:
        raise NoLongerApproved(f"{why_not_in_force(change, now)}, before it was carried out")
    makers = makers_of(change)
    for approval in approvals:
        if approval.four_eyes and approval.approver_id in makers:
            raise NoLongerApproved(f"{approval.approver.name}, who approved it, has said since: that was me")
    return approvals[0]


def _on_head(decision: Decision, ground: Ground, findings: Sequence[Finding]) -> Proposal:
    """The approved edits as they are on their base, or rebased onto a head that moved.

    Where the text moved too close to them (somebody else declared the next thing in the same file), the findings are
    placed anew at the same layer. Whether that is still what was approved, line by line and host by host, is for
    `_compare`.
    """
    edits = edits_from_json(decision.edits)
    if ground.revision != decision.base_revision:
        try:
            edits = repository().rebase(decision.base_revision, edits, ground.revision)
        except CannotRebase as error:
            moved = NoLongerApproved(f"the definition moved to {ground.revision[:12]}, and {error}")
            if not decision.layer:
                raise moved from error
            try:
                anew = prepare_fold_back(findings=findings, layer=decision.layer)
            except (Conflict, Unprocessable):
                raise moved from error
            if anew.base_revision != ground.revision:
                raise HeadMoved(ground.revision, anew.base_revision) from error
            missed = decision.effect.get("missed", [])
            if decision.change.digest != fold_back_digest(
                effect_digest=anew.effect_digest, fingerprints=ground.fingerprints, missed=missed
            ):
                raise moved from error
            return anew
    return complete(ground, edits, layer=decision.layer, explanation=decision.explanation)


def _signature(approval: Approval) -> Signature:
    return approval.approver.name, approval.approver.email


def record_commit(*, claim: Claim, decision: Decision, sha: str) -> None:
    """Decision, findings and change know the commit; the hosts are looked at again for proof.

    The commit is a fact: it is recorded even if the change was withdrawn in the moment in which it was made. Where it
    says more than a host has, what was changed by hand there is agreed on from now (docs/adr/0017).
    """
    ground = stand_on(sha, decision.findings.order_by("fingerprint"))
    joined = joined_by(ground, ground.definition)
    with fenced_write(claim):
        change = Change.objects.select_for_update().get(pk=decision.change_id)
        if not Decision.objects.filter(pk=decision.pk, commit="").update(commit=sha):
            return
        agreed = agree_on_live(joined)  # hosts before findings, as looks lock them
        findings = move_findings(actor=SYSTEM, decision=decision, event="commit", data={"commit": sha})
        if change.state == "approved":
            complete_change(actor=SYSTEM, change=change, data={"commit": sha, "decision": decision.reference})
        record_entry(
            actor=SYSTEM,
            action="decision.committed",
            subject=decision,
            data={
                "commit": sha,
                "change_was": change.state,
                "findings": [f.reference for f in findings],
                "agreed": agreed,
            },
        )
        emit_event(
            type="findings.committed",
            subject=decision,
            data={
                "commit": sha,
                "findings": [str(pk) for pk in decision.findings.values_list("pk", flat=True)],
                "changes": decision.effect.get("hosts", {}).get("changed", []),
            },
        )
        count_items(claim=claim, done=1)


def _void(claim: Claim, decision: Decision, reason: str) -> None:
    """Back to proposed, with the reason: somebody refreshes or withdraws it, and another person approves anew."""
    with fenced_write(claim):
        change = Change.objects.select_for_update().get(pk=decision.change_id)
        if change.state == "approved":
            void_approval(actor=SYSTEM, change=change, reason=reason)
            move_findings(actor=SYSTEM, decision=decision, event="void", data={"why": reason})
        count_items(claim=claim, done=1)
