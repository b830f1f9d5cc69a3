"""Channels: where a person or a team wants to hear of things. Their own to make, change and try."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import F

from changemgmt.core.notices import TEST, TOPICS
from changemgmt.models import Channel, Notice
from changemgmt.models.notice import CHANNEL_KINDS, EMAIL
from changemgmt.services.records import person_of
from common.core import roles
from common.core.actor import Actor
from common.core.errors import Conflict, FieldError, Invalid, NotPermitted, Unprocessable
from common.models.base import new_id
from common.outbound import NotAllowed, check_url
from common.services.ledger import record_entry
from inventory.core import sealing
from inventory.models import Team

PERMISSION = "channel.own"
EDITABLE = ("address", "topics", "is_active")
MOST = 20  # of one person or team


def create_channel(
    *, actor: Actor, kind: str, address: str, team: Team | None = None, topics: Sequence[str] = ()
) -> Channel:
    """A channel of the actor's person, or of a team that they lead (who may edit teams, for any).

    `address` is an e-mail address, or the https address of an incoming webhook: that is sealed as it arrives, and
    never shown again. `topics` of TOPICS, none of them: all. Raises Invalid with pointers.
    """
    roles.require(actor, PERMISSION)
    person = person_of(actor)
    if kind not in CHANNEL_KINDS:
        _refuse("kind", f"{kind!r} is not one of these: {', '.join(CHANNEL_KINDS)}")
    if team is not None:
        _check_leads(actor, team)
    pk = new_id()
    fields = {**_address(kind, address, pk), "topics": _clean_topics(topics)}
    owner: dict[str, Any] = {"team": team} if team else {"person": person}
    with transaction.atomic():
        there = Channel.objects.filter(**owner)
        if there.count() >= MOST:
            raise Unprocessable(f"{team or person} has {MOST} channels, which is the most. Delete one first.")
        if kind == EMAIL and there.filter(kind=EMAIL, target__iexact=fields["target"]).exists():
            raise Conflict(f"{team or person} has a channel to {fields['target']} already. Change that one.")
        channel = Channel.objects.create(id=pk, kind=kind, **owner, **fields)
        record_entry(actor=actor, action="channel.created", subject=channel, data=_told(channel))
    return channel


def update_channel(*, actor: Actor, channel: Channel, changes: Mapping[str, Any]) -> Channel:
    """Change `address`, `topics` or `is_active`; raises Conflict when it changed since it was read."""
    check_may_edit(actor, channel)
    if unknown := set(changes) - set(EDITABLE):
        raise Invalid(f"These can't be changed: {', '.join(sorted(unknown))}.")
    fields: dict[str, Any] = {}
    if "address" in changes:
        fields |= _address(channel.kind, changes["address"], channel.pk)
    if "topics" in changes:
        fields["topics"] = _clean_topics(changes["topics"])
    if "is_active" in changes:
        fields["is_active"] = changes["is_active"]
    if all(getattr(channel, name) == value for name, value in fields.items()):
        return channel
    before = _told(channel)
    with transaction.atomic():
        moved = Channel.objects.filter(pk=channel.pk, version=channel.version)
        if not moved.update(version=F("version") + 1, **fields):
            raise Conflict("The channel has changed since you read it. Read it again.")
        channel.refresh_from_db()
        data = {"from": before, "to": _told(channel), "new_address": "address" in changes}
        record_entry(actor=actor, action="channel.updated", subject=channel, data=data)
    return channel


def delete_channel(*, actor: Actor, channel: Channel) -> None:
    """Nothing goes there any more; the list of what was sent goes with it."""
    check_may_edit(actor, channel)
    with transaction.atomic():
        record_entry(actor=actor, action="channel.deleted", subject=channel, data=_told(channel))
        channel.delete()


def try_channel(*, actor: Actor, channel: Channel) -> Notice:
    """Ask for a test message; a worker sends it within seconds, and its notice says what became of it."""
    check_may_edit(actor, channel)
    if not channel.is_active:
        raise Conflict("The channel is off: nothing is sent over it. Switch it on first.")
    if Notice.objects.filter(channel=channel, topic=TEST, state__in=("pending", "sending")).exists():
        raise Conflict(
            "A test message is on its way already. What became of the last one is told in a moment."
        )
    with transaction.atomic():
        notice = Notice.objects.create(
            event_id=new_id(),
            channel=channel,
            topic=TEST,
            title="A test message from Foldback",
            text=f"{actor.label} asked for it. What Foldback has to tell {channel.owner_label} arrives here.",
            link="/channels/",
        )
        record_entry(actor=actor, action="channel.tried", subject=channel)
    return notice


def check_may_edit(actor: Actor, channel: Channel) -> None:
    """One's own, or one's team's. Raises NotPermitted."""
    roles.require(actor, PERMISSION)
    if channel.team is not None:
        _check_leads(actor, channel.team)
    elif channel.person_id != actor.person_id:
        raise NotPermitted(f"This is {channel.owner_label}’s own channel.")


def _check_leads(actor: Actor, team: Team) -> None:
    if team.lead_id != actor.person_id and not roles.allows(actor, "team.edit"):
        raise NotPermitted(
            f"Channels of the team {team} are {team.lead.username}'s to change, who leads it, and an admin's."
        )


def open_target(channel: Channel) -> str:
    """The address to send to; in a worker. Raises SealError where the seal doesn't open here."""
    if channel.kind == EMAIL:
        return channel.target
    if not settings.SEAL_PRIVATE_KEY:
        raise sealing.SealError("FOLDBACK_SEAL_PRIVATE is not set in this worker")
    return sealing.open_sealed(settings.SEAL_PRIVATE_KEY, bytes(channel.sealed or b""), channel.pk).decode()


def _address(kind: str, address: str, pk: UUID) -> dict[str, Any]:
    address = address.strip()
    if kind == EMAIL:
        try:
            validate_email(address)
        except ValidationError:
            _refuse("address", "this is not an e-mail address")
        if len(address) > 254:
            _refuse("address", "an e-mail address has at most 254 characters")
        return {"target": address}
    try:
        target = check_url(address)
    except NotAllowed as error:
        _refuse("address", str(error))
    if not settings.SEAL_PUBLIC_KEY:
        raise Unprocessable(
            "FOLDBACK_SEAL_PUBLIC is not set, and the address of a webhook is a secret: it can't be kept. Set it and "
            "start again."
        )
    ending = urlsplit(address).path.rstrip("/")
    return {
        "sealed": sealing.seal(settings.SEAL_PUBLIC_KEY, address.encode(), pk),
        "seal_key": sealing.fingerprint(settings.SEAL_PUBLIC_KEY),
        "hint": f"{target.host[:80]}/…{ending[-4:] if len(ending) > 20 else ''}",
    }


def _clean_topics(topics: Collection[str]) -> list[str]:
    unknown = [topic for topic in topics if topic not in TOPICS]
    if unknown:
        _refuse("topics", f"{unknown[0][:40]!r} is not one of these: {', '.join(TOPICS)}")
    return [topic for topic in TOPICS if topic in topics]


def _told(channel: Channel) -> dict[str, Any]:
    """For the ledger, without the secret."""
    return {
        "kind": channel.kind,
        "of": channel.owner_label,
        "address": channel.target or channel.hint,
        "topics": channel.topics,
        "active": channel.is_active,
    }


def _refuse(field: str, problem: str) -> Any:
    raise Invalid(f"/{field}: {problem}", errors=[FieldError(f"/{field}", problem)])
