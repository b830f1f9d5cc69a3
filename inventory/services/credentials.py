"""SSH credentials: anybody who may can seal one; only a process with the private key opens them."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F

from common import clock
from common.core.actor import Actor
from common.core.errors import Conflict, FieldError, Invalid, Unprocessable
from common.models.base import new_id
from common.services.ledger import record_entry
from inventory.core import sealing
from inventory.core.connection import OpenCredential
from inventory.core.names import user_problem, word_problem
from inventory.core.private_keys import PrivateKeyError, normalised, public_line
from inventory.core.sealing import SealError
from inventory.models import Credential
from inventory.models.credential import KINDS, PRIVATE_KEY
from inventory.services.permissions import require

MAX_PASSWORD = 1_000


class CannotOpen(Exception):
    """This process can't open the credential; the message says why, and never holds a secret."""


def create_credential(
    *, actor: Actor, name: str, kind: str, secret: str, user: str = "", is_default: bool = False
) -> Credential:
    """Seal and keep a private key or password. Raises Invalid, and Conflict for a taken name.

    `is_default` makes it the one for every host that names none, in place of the one before.
    """
    require(actor, "credential.edit")
    _check_fields(name=name, kind=kind, user=user)
    secret, public_key = _checked(kind, secret)
    pk = new_id()
    try:
        with transaction.atomic():
            if is_default:
                Credential.objects.filter(is_default=True).update(is_default=False)
            credential = Credential.objects.create(
                id=pk,
                name=name,
                kind=kind,
                user=user,
                public_key=public_key,
                is_default=is_default,
                created_by_id=actor.person_id,
                rotated_by_id=actor.person_id,
                **_sealed(secret, pk),
            )
            data = {"kind": kind, "user": user, "default": is_default, "public_key": public_key}
            record_entry(actor=actor, action="credential.created", subject=credential, data=data)
    except IntegrityError:
        raise Conflict(f"There is a credential {name} already. Rotate it, or choose another name.") from None
    return credential


def rotate_credential(*, actor: Actor, credential: Credential, secret: str) -> None:
    """Put a new secret in the place of the old one, which is then gone; tests of the old one are forgotten."""
    require(actor, "credential.edit")
    secret, public_key = _checked(credential.kind, secret)
    fields: dict[str, Any] = {
        "public_key": public_key,
        "rotated_at": clock.now(),
        "rotated_by_id": actor.person_id,
        "tested_at": None,
        "tested_host": "",
        "test_result": "",
        **_sealed(secret, credential.pk),
    }
    with transaction.atomic():
        _compare_and_set(credential, fields)
        record_entry(
            actor=actor, action="credential.rotated", subject=credential, data={"public_key": public_key}
        )
    credential.refresh_from_db()


def update_credential(*, actor: Actor, credential: Credential, changes: dict[str, Any]) -> None:
    """Change `user` or `is_default`; the secret is changed by `rotate_credential`."""
    require(actor, "credential.edit")
    if "user" in changes:
        _check_fields(name=credential.name, kind=credential.kind, user=changes["user"])
    changes = {name: value for name, value in changes.items() if getattr(credential, name) != value}
    if not changes:
        return
    with transaction.atomic():
        if changes.get("is_default"):
            Credential.objects.filter(is_default=True).update(is_default=False)
        _compare_and_set(credential, changes)
        record_entry(actor=actor, action="credential.updated", subject=credential, data=changes)
    credential.refresh_from_db()


def record_credential_test(*, actor: Actor, credential: Credential, host: str, result: str) -> None:
    """Keep how a try against a host ended: `ok`, or the reason. `credential` must be as it was tried."""
    with transaction.atomic():
        tried = Credential.objects.filter(pk=credential.pk, rotated_at=credential.rotated_at)
        tried.update(tested_at=clock.now(), tested_host=host, test_result=result[:300])
        data = {"host": host, "result": result[:300]}
        record_entry(actor=actor, action="credential.tested", subject=credential, data=data)


def open_credentials(ids: Iterable[UUID]) -> dict[UUID, OpenCredential]:
    """Open credentials, in a worker; raises CannotOpen where the private seal key is missing or another one."""
    if not settings.SEAL_PRIVATE_KEY:
        raise CannotOpen(
            "FOLDBACK_SEAL_PRIVATE is not set in this process: only workers are given the key that opens credentials."
        )
    return {credential.pk: _open(credential) for credential in Credential.objects.filter(pk__in=list(ids))}


def _open(credential: Credential) -> OpenCredential:
    own = sealing.fingerprint(sealing.public_key_of(settings.SEAL_PRIVATE_KEY))
    if credential.seal_key != own:
        raise CannotOpen(
            f"The credential {credential} is sealed for the key {credential.seal_key}, and this process has {own}. "
            "Rotate the credential, or start the worker with the key that belongs to it."
        )
    try:
        secret = sealing.open_sealed(settings.SEAL_PRIVATE_KEY, bytes(credential.sealed), credential.pk)
    except SealError as error:
        raise CannotOpen(f"The credential {credential} can't be opened: {error}. Rotate it.") from None
    return OpenCredential(credential.pk, credential.name, credential.kind, credential.user, secret)


def _sealed(secret: str, pk: UUID) -> dict[str, Any]:
    key = settings.SEAL_PUBLIC_KEY
    if not key:
        raise Unprocessable(
            "FOLDBACK_SEAL_PUBLIC is not set, so no credential can be kept. Set it and start again."
        )
    return {"sealed": sealing.seal(key, secret.encode(), pk), "seal_key": sealing.fingerprint(key)}


def _check_fields(*, name: str, kind: str, user: str) -> None:
    problems = [
        ("name", word_problem("credential", name)),
        ("kind", None if kind in KINDS else f"{kind!r} is not a kind: {' or '.join(KINDS)}"),
        ("user", user_problem(user) if user else None),
    ]
    errors = [FieldError(f"/{field}", problem) for field, problem in problems if problem]
    if errors:
        raise Invalid(f"{errors[0].pointer}: {errors[0].detail}", errors=errors)


def _checked(kind: str, secret: str) -> tuple[str, str]:
    """The secret as it is sealed, and the public half of a private key."""
    if kind == PRIVATE_KEY:
        try:
            return normalised(secret), public_line(secret)
        except PrivateKeyError as error:
            raise Invalid(str(error), errors=[FieldError("/secret", str(error))]) from None
    if not secret or len(secret) > MAX_PASSWORD or "\x00" in secret or "\n" in secret:
        message = f"A password is one line of 1 to {MAX_PASSWORD:,} characters."
        raise Invalid(message, errors=[FieldError("/secret", message)])
    return secret, ""


def _compare_and_set(credential: Credential, fields: dict[str, Any]) -> None:
    moved = Credential.objects.filter(pk=credential.pk, version=credential.version)
    if not moved.update(version=F("version") + 1, **fields):
        raise Conflict(f"The credential {credential} has changed since you read it. Read it again.")
