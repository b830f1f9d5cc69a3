"""The commit of an adoption: made on a branch when it is proposed, and moved to main when somebody else approved it.

As with fold-backs, Git moves first, by compare-and-set, and the commit says in its trailers whose it is; so the record
can always be made from it. The commit is made of values that don't change (the change's time among them): the branch
and main get the same one, unless main moved meanwhile.
"""

from collections.abc import Mapping

import pygit2

from changemgmt.models import Approval, Change
from changemgmt.queries.approvals import approvals_in_force, makers_of, why_not_in_force
from changemgmt.services.proposals import complete_change, fail_change
from common import clock
from common.core.actor import SYSTEM
from common.core.errors import Conflict
from common.services.jobs import Claim, LeaseKeeper, LostLease, count_items, fenced_write
from common.services.ledger import record_entry, transition
from common.services.outbox import emit_event
from deployments.core.commit_message import message_with_trailers
from deployments.core.definition.effect import effect, effect_digest
from deployments.core.definition.model import DefinitionError
from deployments.core.definition.parse import parse_definition
from deployments.core.definition.patches import apply_to
from deployments.core.errors import DefinitionUnavailable
from deployments.queries.definitions import definition_at, repository
from deployments.repository import CannotRebase, HeadMoved, UnknownRevision
from deployments.repository_remote import PushRefused, RemoteFailure, push
from deployments.services.definitions import (
    FOLDBACK,
    CommitRequest,
    commit_to_definition,
    fetch_definition,
    remote,
)
from drift.core.adoption_lifecycle import ADOPTION
from drift.core.commit_message import clean_signature, one_line
from drift.core.proposals import edits_from_json
from drift.models import Adoption
from drift.queries.adoptions import seen_hosts
from drift.services.adoptions import forget_what_was_seen, lock_adoption
from drift.services.fold_back import MAX_ROUNDS, NoLongerApproved
from inventory.queries.hosts import host_views

Edits = Mapping[str, bytes | None]


def run_branch_batch(*, claim: Claim, keeper: LeaseKeeper) -> None:
    """Make the branch of what is proposed, here and at the remote; take it away here when the adoption is over."""
    adoption = _read(claim)
    repo = repository()
    name = f"refs/heads/{adoption.branch}"
    if adoption.state != "proposed" or adoption.change is None:
        if name in repo.git.references:
            repo.git.references.delete(name)
        return
    request = _request(adoption, adoption.base_revision, edits_from_json(adoption.edits))
    sha = repo.write_commit(
        parent=request.parent,
        edits=request.edits,
        author=request.author,
        committer=FOLDBACK,
        message=request.message,
        when=request.when,
    )
    repo.git.references.create(name, pygit2.Oid(hex=sha), force=True)
    _push_branch(adoption, sha)
    with fenced_write(claim):
        if Adoption.objects.filter(pk=adoption.pk, change=adoption.change, state="proposed").update(
            commit=sha
        ):
            data = {"branch": adoption.branch, "commit": sha}
            record_entry(actor=SYSTEM, action="adoption.committed", subject=adoption, data=data)
        count_items(claim=claim, done=1)


def _push_branch(adoption: Adoption, sha: str) -> None:
    """Never forced: a branch of that name that went another way keeps it, and ours has the change in its name."""
    where = remote()
    if where is None:
        return
    assert adoption.change is not None
    try:
        try:
            push(repository(), where, sha, branch=adoption.branch)
        except PushRefused:
            push(repository(), where, sha, branch=f"{adoption.branch}-{adoption.change.reference}")
    except RemoteFailure as error:
        raise DefinitionUnavailable(f"The branch could not be pushed: {error}.") from error


def run_merge_batch(*, claim: Claim, keeper: LeaseKeeper) -> None:
    """Bring an approved adoption to main.

    1. Merged already: done. 2. Fetch. 3. Its trailer is on main: a worker was killed after it moved main, or a person
    merged the branch at the remote; record it. 4. The approval must be in force, for this content. 5. On a moved
    head: rebase, unless main moved in the same places. 6. What it does must be what was approved. 7. Commit, from
    exactly that head; if it moved meanwhile, again from 2. 8. Record.
    """
    for _ in range(MAX_ROUNDS):
        if keeper.lost:
            raise LostLease(f"batch {claim.batch_id} was taken over or cancelled")
        adoption = _read(claim)
        if adoption.merged or adoption.state != "proposed" or adoption.job_id != claim.job_id:
            return
        head = fetch_definition()
        sha = find_merge(adoption)
        if sha is None:
            try:
                request = _approved_request(adoption, head)
                if keeper.lost:
                    continue
                sha = commit_to_definition(request)
            except HeadMoved:
                continue
            except NoLongerApproved as error:
                _give_back(claim, adoption, str(error))
                return
        _record_merge(claim, adoption, sha)
        return
    raise RuntimeError(f"the definition's head moved {MAX_ROUNDS} times while this was tried")


def run_settle_adoption_batch(*, claim: Claim, keeper: LeaseKeeper) -> None:
    """After a merge's job failed or was stopped: record the commit if it is on main, else give the approval back."""
    adoption = _read(claim)
    if adoption.merged or adoption.state != "proposed":
        return
    fetch_definition()
    if (sha := find_merge(adoption)) is not None:
        _record_merge(claim, adoption, sha)
    else:
        _give_back(claim, adoption, adoption.problem or "its merge was stopped")


def find_merge(adoption: Adoption) -> str | None:
    """The commit on main that carries the adoption's change, if there is one."""
    assert adoption.change is not None
    try:
        return repository().find_trailer("Change", adoption.change.reference, since=adoption.base_revision)
    except UnknownRevision as error:
        detail = f"The definition has no revision {adoption.base_revision[:12]} any more, on which {adoption} stands."
        raise Conflict(detail) from error


def _read(claim: Claim) -> Adoption:
    return Adoption.objects.select_related("change__requested_by").get(pk=claim.subject_id)


def _request(adoption: Adoption, parent: str, edits: Edits) -> CommitRequest:
    change = adoption.change
    assert change is not None
    message = message_with_trailers(
        one_line(change.title),
        f"{adoption.reason}\n\n{change.description}",
        [("Change", change.reference), ("Adoption", adoption.reference)],
    )
    author = clean_signature((change.requested_by.name, change.requested_by.email))
    return CommitRequest(parent=parent, edits=edits, author=author, message=message, when=change.created_at)


def _approved_request(adoption: Adoption, head: str) -> CommitRequest:
    change = Change.objects.get(adoption=adoption)
    approval = _approval_of(change)
    edits: Edits = edits_from_json(adoption.edits)
    if head != adoption.base_revision:
        try:
            edits = repository().rebase(adoption.base_revision, edits, head)
        except CannotRebase as error:
            raise NoLongerApproved(f"main moved to {head[:12]}, and {error}") from error
        if not edits:
            raise NoLongerApproved(f"the definition says all of it already at {head[:12]}")
        if _digest_on(adoption, head, edits) != approval.digest:
            raise NoLongerApproved(f"on main as it is now, {head[:12]}, it would do something else to hosts")
    return _request(adoption, head, edits)


def _approval_of(change: Change) -> Approval:
    if change.state != "approved":
        raise NoLongerApproved(f"{change} is {change.state}")
    now = clock.now()
    approvals = approvals_in_force(change, digest=change.digest, now=now)
    if not approvals:
        raise NoLongerApproved(f"{why_not_in_force(change, now)}, before it was merged")
    makers = makers_of(change)
    for approval in approvals:
        if approval.four_eyes and approval.approver_id in makers:
            raise NoLongerApproved(f"{approval.approver.name}, who approved it, made what it decides on")
    return approvals[0]


def _digest_on(adoption: Adoption, head: str, edits: Edits) -> str:
    before = definition_at(head)
    try:
        after = parse_definition(apply_to(before.files, edits), previous=before)
    except DefinitionError as error:
        raise NoLongerApproved(f"on main as it is now it has problems: {error.problems[0]}") from error
    views, chosen, seen = host_views(), set(host_views(adoption.hosts)), set(seen_hosts(adoption))
    considered = [view for name, view in views.items() if name in seen or name not in chosen]
    return effect_digest(before.files, edits, effect(before, after, considered))


def _record_merge(claim: Claim, adoption: Adoption, sha: str) -> None:
    with fenced_write(claim):
        change = lock_change_of(adoption)
        locked = lock_adoption(adoption)
        if locked.merged:
            return
        transition(
            actor=SYSTEM,
            lifecycle=ADOPTION,
            subject=locked,
            event="merge",
            action="adoption.merged",
            data={"commit": sha, "change": change.reference},
            fields={"merged": sha, "edits": {}, "problem": ""},
        )
        if change.state == "approved":
            complete_change(actor=SYSTEM, change=change, data={"commit": sha, "adoption": locked.reference})
        emit_event(type="adoption.merged", subject=locked, data={"commit": sha, "hosts": seen_hosts(locked)})
        forget_what_was_seen(locked)
        count_items(claim=claim, done=1)


def lock_change_of(adoption: Adoption) -> Change:
    """The change it was proposed with, as it is now."""
    assert adoption.change_id is not None
    return Change.objects.select_for_update().get(pk=adoption.change_id)


def _give_back(claim: Claim, adoption: Adoption, reason: str) -> None:
    """It can't be merged as it was approved: the change fails, and the adoption can be planned and proposed anew."""
    with fenced_write(claim):
        change = lock_change_of(adoption)
        if change.state == "approved":
            fail_change(actor=SYSTEM, change=change, reason=reason)
        locked = lock_adoption(adoption)
        if locked.state == "proposed":
            return_adoption(locked, reason)
        count_items(claim=claim, done=1)


def return_adoption(adoption: Adoption, reason: str) -> None:
    """Back to planned, with what came in the way; call it with the row locked."""
    transition(
        actor=SYSTEM,
        lifecycle=ADOPTION,
        subject=adoption,
        event="return",
        action="adoption.returned",
        data={"why": reason},
        fields={"problem": reason, "commit": ""},
    )
