"""Records of what was done: logging, claiming, correcting. Logging needs the database and nothing else."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from changemgmt.core import words
from changemgmt.core.links import clean_links
from changemgmt.core.ownership import check_claim, choose_owner
from changemgmt.core.scope import clean_hosts, clean_resources
from changemgmt.core.texts import clean_text, clean_title
from changemgmt.core.times import check_happened_at
from changemgmt.models import Change
from changemgmt.queries.scope import look_up_scope
from changemgmt.services.records import lock_change, person_of
from common import clock
from common.core import roles
from common.core.actor import Actor
from common.core.errors import Conflict, Invalid, NotPermitted, PreconditionFailed
from common.models import Person
from common.services.ledger import record_entry
from common.services.outbox import emit_event

_NOBODY = UUID(int=0)  # the client of what Foldback itself records
EDITABLE = ("title", "description", "hosts", "resources", "happened_at")
EXTERNAL_ID_LENGTH = 200


def log_change(
    *,
    actor: Actor,
    title: str,
    description: str = "",
    kind: str = words.EMERGENCY,
    owner: Person | None = None,
    hosts: Sequence[str] = (),
    resources: Sequence[str] = (),
    selector: str = "",
    happened_at: datetime | None = None,
    external_id: str = "",
    links: Mapping[str, Any] | None = None,
) -> tuple[Change, bool]:
    """Record something that was done; returns the change and whether it is new.

    1. The same client's earlier record with this `external_id` is returned as it is, and nothing is written.
    2. `selector` is resolved now and frozen: its hosts are added to `hosts`.
    3. The owner is found: named, else the person who records it, else the lead of the team that has all of
       the hosts, else the sponsor of the program's token.
    4. Record, ledger entry and the event `change.logged` are written in one transaction.
    """
    roles.require(actor, "change.log")
    client = actor.token_id or actor.person_id or _NOBODY
    external_id = clean_text("external_id", external_id, most=EXTERNAL_ID_LENGTH)
    if external_id and (known := _find_known(client, external_id)):
        return known, False
    if kind not in words.RECORD_KINDS:
        raise Invalid(f"/kind: {kind!r} is not a kind of record. Kinds: {', '.join(words.RECORD_KINDS)}.")
    now = clock.now()
    selector = selector.strip()
    scope = look_up_scope(clean_hosts(hosts), selector)
    owner_id, source = _find_owner(actor, owner, scope.lead)
    try:
        with transaction.atomic():
            change = Change.objects.create(
                kind=kind,
                state="logged",
                title=clean_title("title", title),
                description=clean_text("description", description),
                owner_id=owner_id,
                owner_source=source,
                requested_by_id=actor.person_id or owner_id,
                recorded_via=actor.label,
                token_id=actor.token_id,
                client_id=client,
                external_id=external_id,
                happened_at=check_happened_at(happened_at, now) or now,
                hosts=clean_hosts(scope.hosts),
                resources=clean_resources(resources),
                selector=selector,
                links=clean_links(links),
            )
            record_entry(actor=actor, action="change.logged", subject=change, data=_summary(change))
            emit_event(type="change.logged", subject=change)
    except IntegrityError as error:
        if (
            external_id
            and "change_external_id_once" in str(error)
            and (known := _find_known(client, external_id))
        ):
            return known, False  # the same request, sent twice at once
        raise
    return change, True


def _find_known(client: UUID, external_id: str) -> Change | None:
    return Change.objects.filter(client_id=client, external_id=external_id).first()


def _find_owner(actor: Actor, named: Person | None, lead: UUID | None) -> tuple[UUID, str]:
    if named is not None and not named.is_active:
        raise Invalid(f"/owner: {named.username} is not active, and can't answer for a change.")
    if named is None and actor.kind == "person":
        return person_of(actor).pk, words.RECORDER
    found = choose_owner(
        {
            words.NAMED: named.pk if named else None,
            words.TEAM_LEAD: lead,
            words.SPONSOR: actor.person_id,
        }
    )
    if found is None:
        raise Invalid("/owner: nobody answers for this change. Name its owner.")
    return found


def _summary(change: Change) -> dict[str, Any]:
    """What the ledger keeps of a new change: enough to know later what was said at the time."""
    return {
        "title": change.title,
        "kind": change.kind,
        "owner": str(change.owner_id),
        "owner_source": change.owner_source,
        "hosts": change.hosts,
        "resources": change.resources,
        "happened_at": change.happened_at.isoformat(),
    }


def claim_change(*, actor: Actor, change: Change) -> Change:
    """ "That was me": the actor's person becomes the owner of a record that somebody only stood in for.

    Only a record whose owner was found as commander, team lead or sponsor can be claimed; one that its owner
    filed, was named for or has claimed is theirs. Claiming again what one has claimed changes nothing.
    """
    roles.require(actor, "change.edit")
    if actor.kind != "person":
        raise NotPermitted("Only a person can claim a change: a program doesn't answer for anything.")
    person = person_of(actor)
    with transaction.atomic():
        locked = lock_change(change)
        if locked.owner_id == person.pk and locked.owner_source == words.CLAIMANT:
            return locked
        check_claim(
            reference=locked.reference,
            kind=locked.kind,
            owner_source=locked.owner_source,
            owner_label=locked.owner.username,
        )
        before = {"owner": str(locked.owner_id), "owner_source": locked.owner_source}
        _write(locked, owner=person, owner_source=words.CLAIMANT)
        record_entry(actor=actor, action="change.claimed", subject=locked, data={"from": before})
        emit_event(type="change.claimed", subject=locked)
    return locked


def update_change(
    *, actor: Actor, change: Change, fields: Mapping[str, Any], expected_version: int | None = None
) -> Change:
    """Correct what a change says; `fields` are of EDITABLE, `expected_version` is the version that was read.

    Its owner, whoever filed it, and release managers may. What the approval of a decision binds can't be
    edited, only its description, and nothing once it has ended. The ledger keeps what it said before.
    """
    roles.require(actor, "change.edit")
    if unknown := set(fields) - set(EDITABLE):
        raise Invalid(f"These can't be edited: {', '.join(sorted(unknown))}.")
    cleaned = {name: _clean(name, value, change) for name, value in fields.items()}
    with transaction.atomic():
        locked = lock_change(change)
        if expected_version is not None and locked.version != expected_version:
            raise PreconditionFailed(
                "Read it again, look at what changed, and send your change with the new ETag."
            )
        _check_may_edit(actor, locked, cleaned)
        changed = {name: value for name, value in cleaned.items() if getattr(locked, name) != value}
        if not changed:
            return locked
        before = {name: _plain(getattr(locked, name)) for name in changed}
        _write(locked, **changed)
        after = {name: _plain(value) for name, value in changed.items()}
        record_entry(actor=actor, action="change.updated", subject=locked, data={"from": before, "to": after})
        emit_event(type="change.updated", subject=locked, data={"fields": sorted(changed)})
    return locked


def _clean(name: str, value: Any, change: Change) -> Any:
    if name == "title":
        return clean_title("title", value)
    if name == "hosts":
        return clean_hosts(value)
    if name == "resources":
        return clean_resources(value)
    if name == "happened_at":
        return check_happened_at(value, clock.now()) or change.happened_at
    return clean_text(name, value)


def _check_may_edit(actor: Actor, change: Change, fields: Mapping[str, Any]) -> None:
    own = actor.person_id is not None and actor.person_id in (change.owner_id, change.requested_by_id)
    if not own and actor.kind != "system" and not roles.allows(actor, "change.approve"):
        raise NotPermitted(
            f"{change} is {change.owner.username}'s: its owner or a release manager can correct it."
        )
    if not change.is_decision:
        return
    if change.state not in ("proposed", "approved"):
        raise Conflict(f"{change} is {change.state}: what it said then stays as it was.")
    if bound := sorted(set(fields) - {"description"}):
        raise Conflict(
            f"{', '.join(bound)}: an approval of {change} binds this. Withdraw it and propose anew; only the "
            "description can be edited."
        )


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _write(change: Change, **fields: Any) -> None:
    """Write these fields of a locked change, and its version."""
    for name, value in fields.items():
        setattr(change, name, value)
    change.version += 1
    change.updated_at = clock.now()
    change.save(update_fields=[*fields, "version", "updated_at"])
