"""Pinning host keys that a person has looked at. Fetching them from the network is not done here."""

from collections.abc import Sequence

from django.db import transaction

from common import clock
from common.core.actor import Actor
from common.core.errors import Conflict, FieldError, Invalid
from common.services.ledger import record_entry
from common.services.outbox import emit_event
from inventory.core.host_keys import HostPublicKey, parse_public_key
from inventory.models import Host, HostKey
from inventory.services.permissions import require


def pin_host_keys(*, actor: Actor, host: Host, keys: Sequence[str]) -> list[HostKey]:
    """Trust exactly these public keys (OpenSSH lines) for the host from now on; others of it are revoked.

    Raises Invalid for a line that is no key or an empty list (to trust none, see `revoke_host_keys`).
    Pinning what is pinned already changes nothing.
    """
    require(actor, "host.enrol")
    wanted = _parsed(keys)
    if not wanted:
        raise Invalid("Name at least one key to pin.", errors=[FieldError("/fingerprints", "empty")])
    with transaction.atomic():
        _lock(host)
        pinned = {key.fingerprint: key for key in HostKey.objects.filter(host=host, revoked_at=None)}
        new = [key for fingerprint, key in wanted.items() if fingerprint not in pinned]
        gone = [key for fingerprint, key in pinned.items() if fingerprint not in wanted]
        now = clock.now()
        HostKey.objects.filter(pk__in=[key.pk for key in gone]).update(revoked_at=now)
        HostKey.objects.bulk_create(
            HostKey(
                host=host,
                algorithm=key.algorithm,
                public_key=key.text,
                fingerprint=key.fingerprint,
                pinned_by_id=actor.person_id,
                pinned_at=now,
            )
            for key in new
        )
        if new or gone:
            data = {"pinned": [key.fingerprint for key in new], "revoked": [key.fingerprint for key in gone]}
            record_entry(actor=actor, action="host.keys_pinned", subject=host, data=data)
            emit_event(type="host.enrolled", subject=host, data={"name": host.name, **data})
    return list(HostKey.objects.filter(host=host, revoked_at=None).order_by("algorithm"))


def revoke_host_keys(*, actor: Actor, host: Host) -> int:
    """Trust no key of the host any more: nothing connects to it until it is enrolled again. How many there were."""
    require(actor, "host.enrol")
    with transaction.atomic():
        keys = list(HostKey.objects.select_for_update().filter(host=host, revoked_at=None))
        if keys:
            HostKey.objects.filter(pk__in=[key.pk for key in keys]).update(revoked_at=clock.now())
            data = {"revoked": [key.fingerprint for key in keys]}
            record_entry(actor=actor, action="host.keys_revoked", subject=host, data=data)
    return len(keys)


def _lock(host: Host) -> None:
    """One at a time for a host: two people pinning at once must not leave the keys of both."""
    state = Host.objects.select_for_update().filter(pk=host.pk).values_list("state", flat=True).first()
    if state != Host.ACTIVE:
        raise Conflict(f"{host} has been decommissioned, and is not connected to any more.")


def _parsed(keys: Sequence[str]) -> dict[str, HostPublicKey]:
    parsed = {}
    for text in keys:
        try:
            key = parse_public_key(text)
        except ValueError as error:
            raise Invalid(
                f"This is not a host key: {error}.", errors=[FieldError("/keys", str(error))]
            ) from None
        parsed[key.fingerprint] = key
    return parsed
