"""People, tokens and sign-in links."""

import hashlib
import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction

from common import clock
from common.core import roles
from common.core.actor import Actor
from common.core.errors import Conflict, FieldError, Invalid, NotPermitted, PreconditionFailed
from common.core.names import name_problem, username_problem
from common.models import LoginLink, Person, Token
from common.queries.tokens import read_token
from common.services.ledger import record_entry
from common.services.outbox import emit_event


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def create_person(
    *, actor: Actor, username: str, name: str, role: str, email: str = "", password: str | None = None
) -> Person:
    """Somebody who can answer for things. Raises Invalid with pointers, Conflict for a username that is taken in any case."""
    if actor.kind != "system":
        roles.require(actor, "person.edit")
    name, email = name.strip(), email.strip()
    _check_person(username=username, name=name, role=role, email=email)
    taken = Conflict(f"There is a person with the username {username} already.")
    if Person.objects.filter(username__iexact=username).exists():
        raise taken
    try:
        with transaction.atomic():
            person = Person.objects.create_person(
                username, name=name, role=role, email=email, password=password
            )
            record_entry(actor=actor, action="person.created", subject=person, data={"role": role})
    except IntegrityError:
        raise taken from None
    return person


def update_person(
    *, actor: Actor, person: Person, changes: Mapping[str, Any], expected_version: int | None = None
) -> Person:
    """Change `name`, `email` or `role`; the role holds from the next request on, for their tokens, too.

    Somebody must stay who may do this: the last active admin keeps the role. Raises PreconditionFailed when they are
    not as they were read.
    """
    if actor.kind != "system":
        roles.require(actor, "person.edit")
    if unknown := set(changes) - {"name", "email", "role"}:
        raise Invalid(f"These can't be changed: {', '.join(sorted(unknown))}.")
    fields = {field: value.strip() for field, value in changes.items()}
    _check_person(**fields)
    with transaction.atomic():
        locked = _lock(person)
        if expected_version is not None and locked.version != expected_version:
            raise PreconditionFailed("Read it again, look at what changed, and send yours with the new ETag.")
        changed = {field: value for field, value in fields.items() if getattr(locked, field) != value}
        if not changed:
            return locked
        if "role" in changed:
            _check_not_last_admin(locked)
        before = {field: getattr(locked, field) for field in changed}
        for field, value in changed.items():
            setattr(locked, field, value)
        locked.version += 1
        locked.save(update_fields=[*changed, "version"])
        data = {"from": before, "to": changed}
        record_entry(actor=actor, action="person.updated", subject=locked, data=data)
    return locked


def _lock(person: Person) -> Person:
    """The person, and all admins at once: two who demote each other wait here, and the second is told."""
    list(Person.objects.select_for_update().filter(role=roles.ADMIN, is_active=True).order_by("pk"))
    return Person.objects.select_for_update().get(pk=person.pk)


def _check_not_last_admin(locked: Person) -> None:
    admins = Person.objects.filter(role=roles.ADMIN, is_active=True)
    if [admin.pk for admin in admins] == [locked.pk]:
        raise Conflict(f"{locked.username} is the only active admin: make somebody else one first.")


def _check_person(**fields: str) -> None:
    """Raise Invalid for what of these can't be so."""
    problems = {
        "username": username_problem,
        "name": name_problem,
        "role": _role_problem,
        "email": _email_problem,
    }
    errors = [
        FieldError(f"/{field}", problem)
        for field, value in fields.items()
        if (problem := problems[field](value)) is not None
    ]
    if errors:
        raise Invalid(f"{errors[0].pointer}: {errors[0].detail}.", errors=errors)


def _role_problem(role: str) -> str | None:
    known = role in roles.PERSON_ROLES
    return None if known else f"{role!r} is not a person's role. Roles: {', '.join(roles.PERSON_ROLES)}"


def _email_problem(email: str) -> str | None:
    try:
        if email:
            validate_email(email)
    except ValidationError:
        return "this is not an e-mail address"
    return None if len(email) <= 254 else "an e-mail address has at most 254 characters"


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
    token = read_token(parts[1])
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


def deactivate_person(*, actor: Actor, person: Person, successor: Person | None = None) -> int:
    """Somebody who left: they can't sign in, and their tokens open nothing. Returns how many tokens that were.

    What is over stays theirs in the record. Their open work goes to `successor`, or where whoever keeps such work
    sends it: they hear `person.deactivated`, with the ids of `successor` and of whom it was `by`. The last active
    admin stays: somebody must be there to let people in.
    """
    if actor.kind != "system":
        roles.require(actor, "person.edit")
    if successor is not None and (not successor.is_active or successor.pk == person.pk):
        problem = f"{successor.username} can't take over: a successor is somebody else, and active"
        raise Invalid(f"/successor: {problem}.", errors=[FieldError("/successor", problem)])
    with transaction.atomic():
        locked = _lock(person)
        if not locked.is_active:
            raise Conflict(f"{person.username} is not active already.")
        _check_not_last_admin(locked)
        locked.is_active = False
        locked.version += 1
        locked.save(update_fields=["is_active", "version"])
        tokens = Token.objects.filter(sponsor=person, revoked_at=None).update(revoked_at=clock.now())
        LoginLink.objects.filter(person=person, used_at=None).update(used_at=clock.now())
        record_entry(
            actor=actor,
            action="person.deactivated",
            subject=person,
            data={"tokens_revoked": tokens, "successor": successor.username if successor else ""},
        )
        told = {"successor": str(successor.pk) if successor else "", "by": str(actor.person_id or "")}
        emit_event(type="person.deactivated", subject=person, data=told)
    return tokens


def reactivate_person(*, actor: Actor, person: Person) -> Person:
    """Somebody who is back: they can sign in with their password or a new link. Tokens that were revoked stay so, and
    what was handed over stays where it is."""
    if actor.kind != "system":
        roles.require(actor, "person.edit")
    with transaction.atomic():
        locked = _lock(person)
        if locked.is_active:
            raise Conflict(f"{locked.username} is active already.")
        locked.is_active = True
        locked.version += 1
        locked.save(update_fields=["is_active", "version"])
        record_entry(actor=actor, action="person.reactivated", subject=locked, data={"role": locked.role})
    return locked
