"""Trusting a host CA, for which hosts, and no longer."""

from collections.abc import Iterable, Sequence

from django.db import IntegrityError, transaction
from django.db.models import F

from common import clock
from common.core.actor import Actor
from common.core.errors import Conflict, FieldError, Invalid
from common.services.ledger import record_entry
from common.services.outbox import emit_event
from inventory.core.host_keys import HostPublicKey, parse_public_key
from inventory.core.names import word_problem
from inventory.models import HostCa
from inventory.queries.hosts import parse_selector
from inventory.services.permissions import require

MAX_REVOKED = 10_000


def trust_host_ca(*, actor: Actor, name: str, public_key: str, hosts: str) -> HostCa:
    """Take host keys that this CA has signed, on the hosts that the selector `hosts` means (`*`: all), without pinning.

    `public_key` is the CA's line (`ca.pub`), never the private half. Raises Invalid, or Conflict for a name or a key
    that is there already, even revoked: what was revoked is not trusted again.
    """
    require(actor, "host.enrol")
    if (problem := word_problem("host CA", name)) is not None:
        raise Invalid(f"name: {problem}", errors=[FieldError("/name", problem)])
    key = _key(public_key, "/public_key")
    selector = parse_selector(hosts).canonical
    try:
        with transaction.atomic():
            ca = HostCa.objects.create(
                name=name,
                algorithm=key.algorithm,
                public_key=key.text,
                fingerprint=key.fingerprint,
                hosts=selector,
                added_by_id=actor.person_id,
            )
            data = {"fingerprint": key.fingerprint, "hosts": selector}
            record_entry(actor=actor, action="host-ca.trusted", subject=ca, data=data)
            emit_event(type="host-ca.trusted", subject=ca, data={"name": name, **data})
    except IntegrityError:
        known = HostCa.objects.filter(fingerprint=key.fingerprint).first()
        if known is None:
            raise Conflict(f"There is a host CA {name} already.") from None
        state = "was revoked, and is not trusted again" if known.revoked_at else "is trusted already"
        raise Conflict(f"This key is the host CA {known}, which {state}.") from None
    return ca


def update_host_ca(
    *, actor: Actor, ca: HostCa, hosts: str | None = None, revoked_keys: Sequence[str] | None = None
) -> None:
    """Change for which hosts it is trusted, or which of the keys that it signed are refused (the whole list)."""
    require(actor, "host.enrol")
    _refuse_revoked(ca)
    changes: dict[str, object] = {}
    if hosts is not None and (selector := parse_selector(hosts).canonical) != ca.hosts:
        changes["hosts"] = selector
    if revoked_keys is not None:
        if len(revoked_keys) > MAX_REVOKED:
            raise Invalid(f"revoked_keys: at most {MAX_REVOKED:,}; sign with a new CA instead.")
        lines = sorted({_key(line, "/revoked_keys").text for line in revoked_keys})
        if lines != ca.revoked_keys:
            changes["revoked_keys"] = lines
    if not changes:
        return
    told: dict[str, object] = {"hosts": [ca.hosts, changes["hosts"]]} if "hosts" in changes else {}
    if "revoked_keys" in changes:
        told["revoked_keys"] = [_fingerprints(ca.revoked_keys), _fingerprints(lines)]
    with transaction.atomic():
        moved = HostCa.objects.filter(pk=ca.pk, version=ca.version, revoked_at=None).update(
            version=F("version") + 1, **changes
        )
        if not moved:
            raise Conflict(f"{ca} has changed since you read it. Read it again and decide anew.")
        record_entry(actor=actor, action="host-ca.updated", subject=ca, data=told)
        emit_event(type="host-ca.updated", subject=ca, data={"name": ca.name, "fields": sorted(changes)})
    ca.refresh_from_db()


def revoke_host_ca(*, actor: Actor, ca: HostCa) -> None:
    """Never take this CA's word again: what it has signed is refused on every host, unless the key itself is pinned."""
    require(actor, "host.enrol")
    _refuse_revoked(ca)
    with transaction.atomic():
        now = clock.now()
        if not HostCa.objects.filter(pk=ca.pk, revoked_at=None).update(
            revoked_at=now, version=F("version") + 1
        ):
            raise Conflict(f"{ca} was revoked by somebody else just now.")
        data = {"fingerprint": ca.fingerprint}
        record_entry(actor=actor, action="host-ca.revoked", subject=ca, data=data)
        emit_event(type="host-ca.revoked", subject=ca, data={"name": ca.name, **data})
    ca.refresh_from_db()


def _refuse_revoked(ca: HostCa) -> None:
    if ca.revoked_at is not None:
        raise Conflict(f"{ca} was revoked, for good. Trust another CA under another name.")


def _key(line: str, pointer: str) -> HostPublicKey:
    try:
        return parse_public_key(line)
    except ValueError as error:
        raise Invalid(f"{pointer}: {error}", errors=[FieldError(pointer, str(error))]) from None


def _fingerprints(lines: Iterable[str]) -> list[str]:
    return [parse_public_key(line).fingerprint for line in lines]
