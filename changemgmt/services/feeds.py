"""Feed tokens: the secret addresses under which calendar programs fetch a person's calendar."""

import hashlib
import secrets
from datetime import timedelta

from django.db import transaction

from changemgmt.core.texts import LABEL_LENGTH, clean_text
from changemgmt.models import FeedToken
from changemgmt.services.records import person_of
from common import clock
from common.core import roles
from common.core.actor import Actor
from common.core.errors import Conflict, NotPermitted
from common.services.ledger import record_entry

MOST_LIVE = 20  # of one person


def create_feed_token(*, actor: Actor, label: str = "") -> tuple[FeedToken, str]:
    """A new token of the actor's and its text, which is shown once and never kept. It opens `calendar.ics` only."""
    roles.require(actor, "token.own")
    if actor.kind != "person":
        raise NotPermitted("A feed is a person's. A program sends its own token to calendar.ics instead.")
    person = person_of(actor)
    prefix, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
    text = f"fbcal_{prefix}_{secret}"
    with transaction.atomic():
        live = FeedToken.objects.filter(person=person, revoked_at=None)
        if live.count() >= MOST_LIVE:
            raise Conflict(f"You have {MOST_LIVE} feeds already. Revoke one that you don't use any more.")
        token = FeedToken.objects.create(
            person=person,
            prefix=prefix,
            digest=_digest(text),
            label=clean_text("label", label, most=LABEL_LENGTH),
        )
        record_entry(actor=actor, action="feed_token.created", subject=token, data={"label": token.label})
    return token, text


def find_feed_token(*, text: str) -> FeedToken | None:
    """The live token with this text, of a person who is still active, or None. Notes its use, once an hour."""
    parts = text.split("_", 2)
    if len(parts) != 3 or parts[0] != "fbcal" or not (parts[1].isascii() and parts[1].isalnum()):
        return None
    token = FeedToken.objects.select_related("person").filter(prefix=parts[1]).first()
    if token is None or not secrets.compare_digest(bytes(token.digest), _digest(text)):
        return None
    if token.revoked_at is not None or not token.person.is_active:
        return None
    now = clock.now()
    if token.last_used_at is None or now - token.last_used_at > timedelta(hours=1):
        FeedToken.objects.filter(pk=token.pk).update(last_used_at=now)
    return token


def revoke_feed_token(*, actor: Actor, token: FeedToken) -> None:
    """From now on it opens nothing. Whose it is may, and whoever may do so with any token."""
    if actor.person_id != token.person_id:
        roles.require(actor, "token.any")
    with transaction.atomic():
        now = clock.now()
        if not FeedToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=now):
            raise Conflict("This feed is revoked already.")
        token.revoked_at = now
        record_entry(actor=actor, action="feed_token.revoked", subject=token, data={"label": token.label})


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()
