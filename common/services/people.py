"""People, tokens and sign-in links."""

import hashlib
import secrets
from datetime import timedelta

from django.db import IntegrityError, transaction

from common import clock
from common.core import roles
from common.core.actor import Actor
from common.core.errors import Conflict, Invalid, NotPermitted
from common.models import LoginLink, Person, Token
from common.services.ledger import record_entry


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def create_person(
    *, actor: Actor, username: str, name: str, role: str, email: str = "", password: str | None = None
) -> Person:
    if actor.kind != "system":
        roles.require(actor, "person.edit")
    if role not in roles.ROLES or role == roles.AUTOMATION:
        raise Invalid(f"{role!r} is not a person's role. Roles: ops, release-manager, auditor, admin.")
    try:
        with transaction.atomic():
            person = Person.objects.create_person(
                username, name=name, role=role, email=email, password=password
            )
            record_entry(actor=actor, action="person.created", subject=person, data={"role": role})
    except IntegrityError:
        raise Conflict(f"There is a person with the username {username} already.") from None
    return person


def create_token(
    *, actor: Actor, name: str, role: str, sponsor: Person, scopes: list[str] | None = None, days: int = 90
) -> tuple[Token, str]:
    """A new token and its text, which is shown once and never kept."""
    if role not in roles.ROLES:
        raise Invalid(f"{role!r} is not a role. Roles: {', '.join(roles.ROLES)}.")
    if not sponsor.is_active:
        raise Invalid(f"{sponsor.username} is not active, and can't answer for a token.")
    unknown = set(scopes or []) - roles.ALL_PERMISSIONS
    if unknown:
        raise Invalid(
            f"No such scope: {', '.join(sorted(unknown))}. Scopes: {', '.join(sorted(roles.ALL_PERMISSIONS))}."
        )
    if not 1 <= days <= 366:
        raise Invalid("A token lives between 1 and 366 days.")
    if actor.kind == "person" and actor.person_id != sponsor.pk:
        roles.require(actor, "token.any")
        if role != roles.AUTOMATION:  # with one, an admin could approve as somebody else
            raise NotPermitted(f"A token that acts as {sponsor.username} is made by {sponsor.username} only.")
    if actor.is_program:
        raise NotPermitted("A program may not create tokens.")
    prefix, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
    text = f"fb_{prefix}_{secret}"
    with transaction.atomic():
        token = Token.objects.create(
            name=name,
            prefix=prefix,
            digest=_digest(text),
            role=role,
            sponsor=sponsor,
            scopes=sorted(scopes or []),
            expires_at=clock.now() + timedelta(days=days),
        )
        record_entry(
            actor=actor,
            action="token.created",
            subject=token,
            data={"name": name, "role": role, "sponsor": sponsor.username},
        )
    return token, text


def find_token(*, text: str) -> Token | None:
    """The live token with this text, or None."""
    parts = text.split("_", 2)
    if len(parts) != 3 or parts[0] != "fb" or not parts[1].isalnum():
        return None
    token = Token.objects.select_related("sponsor").filter(prefix=parts[1]).first()
    if token is None or not secrets.compare_digest(bytes(token.digest), _digest(text)):
        return None
    if token.revoked_at or token.expires_at <= clock.now() or not token.sponsor.is_active:
        return None
    return token


def actor_for_person(person: Person) -> Actor:
    return Actor(kind="person", label=person.username, role=person.role, person_id=person.pk)


def actor_for_token(token: Token) -> Actor:
    """A token with a person's role acts as its sponsor; an automation token is a program they answer for.

    It never has more than its scopes, and one that acts as its sponsor never more than the sponsor's own role.
    """
    sponsor, scopes = token.sponsor, frozenset(token.scopes)
    if token.role == roles.AUTOMATION:
        return Actor(
            kind="program",
            label=token.name,
            role=roles.AUTOMATION,
            person_id=sponsor.pk,
            token_id=token.pk,
            narrowed_to=scopes or None,
        )
    return Actor(
        kind="person",
        label=sponsor.username,
        role=token.role,
        person_id=sponsor.pk,
        token_id=token.pk,
        narrowed_to=roles.PERMISSIONS[sponsor.role] & (scopes or roles.ALL_PERMISSIONS),
    )


def create_login_link(*, actor: Actor, person: Person, minutes: int = 60) -> str:
    """The secret of a link that signs `person` in once."""
    secret = secrets.token_urlsafe(24)
    with transaction.atomic():
        LoginLink.objects.create(
            person=person, digest=_digest(secret), expires_at=clock.now() + timedelta(minutes=minutes)
        )
        record_entry(actor=actor, action="login_link.created", subject=person)
    return secret


def use_login_link(*, secret: str) -> Person | None:
    """The person, the first time; None for a link that is used, expired or unknown."""
    now = clock.now()
    with transaction.atomic():
        link = (
            LoginLink.objects.select_related("person")
            .filter(digest=_digest(secret), person__is_active=True)
            .first()
        )
        if link is None:
            return None
        used = LoginLink.objects.filter(pk=link.pk, used_at=None, expires_at__gt=now).update(used_at=now)
        if not used:
            return None
        record_entry(
            actor=actor_for_person(link.person),
            action="person.signed_in",
            subject=link.person,
            data={"by": "link"},
        )
    return link.person


def note_token_use(*, token: Token) -> None:
    """Once a minute is enough to answer "is it still used?"."""
    now = clock.now()
    if token.last_used_at is None or now - token.last_used_at > timedelta(minutes=1):
        Token.objects.filter(pk=token.pk).update(last_used_at=now)


def revoke_token(*, actor: Actor, token: Token) -> None:
    """From now on it opens nothing. Its sponsor may, and whoever may do so with any token."""
    if actor.kind != "system" and actor.person_id != token.sponsor_id:
        roles.require(actor, "token.any")
    with transaction.atomic():
        revoked = Token.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=clock.now())
        if not revoked:
            raise Conflict(f"The token {token.name} ({token.prefix}) is revoked already.")
        record_entry(actor=actor, action="token.revoked", subject=token, data={"name": token.name})


def deactivate_person(*, actor: Actor, person: Person) -> int:
    """Somebody who left: they can't sign in, and their tokens open nothing. Returns how many tokens that were.

    What they answer for stays theirs in the record; open work has to be taken over by claiming it.
    """
    if actor.kind != "system":
        roles.require(actor, "person.edit")
    with transaction.atomic():
        if not Person.objects.filter(pk=person.pk, is_active=True).update(is_active=False):
            raise Conflict(f"{person.username} is not active already.")
        tokens = Token.objects.filter(sponsor=person, revoked_at=None).update(revoked_at=clock.now())
        LoginLink.objects.filter(person=person, used_at=None).update(used_at=clock.now())
        record_entry(
            actor=actor, action="person.deactivated", subject=person, data={"tokens_revoked": tokens}
        )
    return tokens
