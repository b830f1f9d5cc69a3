"""Enrolment in two steps: fetch the keys a host shows, then pin those whose fingerprints a person confirmed. A host
that was installed anew is enrolled anew, and begins again.

Fetching uses the network and no transaction; pinning is one transaction of the inventory. What a host shows is
not trusted until somebody has compared it with the host's own console (`ssh-keygen -lf /etc/ssh/…pub`).
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction

from common.core.actor import Actor
from common.core.errors import Conflict, FieldError, Invalid, Unprocessable
from deployments.transport.base import TransportFailure
from deployments.transport.choose import Ways
from deployments.transport.host_keys import HostKey as OfferedKey
from deployments.transport.host_keys import fetch_host_keys
from inventory.core.connection import HostConnection, OpenCredential
from inventory.models import Host, HostKey
from inventory.queries.connections import connection_for, connections_for
from inventory.services.credentials import CannotOpen, open_credentials
from inventory.services.host_keys import pin_host_keys, revoke_host_keys
from inventory.services.host_life import mark_reimaged
from inventory.services.permissions import require

_AT_ONCE = 50
_SECONDS = 15.0


@dataclass(frozen=True)
class Offer:
    """What one host showed. `pinned` are the fingerprints trusted now; `failure` says why nothing was shown."""

    host_id: UUID
    name: str
    address: str
    port: int
    keys: tuple[OfferedKey, ...]
    pinned: frozenset[str]
    failure: str = ""

    @property
    def fingerprints(self) -> frozenset[str]:
        return frozenset(key.fingerprint for key in self.keys)

    @property
    def is_changed(self) -> bool:
        """Keys are pinned, and the host shows none of them: another machine, or new keys."""
        return bool(self.pinned and self.keys) and not (self.pinned & self.fingerprints)


def fetch_offers(*, actor: Actor, hosts: Iterable[Host], seconds: float = _SECONDS) -> list[Offer]:
    """Ask hosts for their keys, many at once, without signing in; in the order given. Not for use in a transaction.

    A host that can't be reached is an offer with a `failure`; a local one is left out, it has no keys. Raises Unprocessable
    for one behind a jump host whose credential this process can't open.
    """
    require(actor, "host.enrol")
    wanted = [host for host in hosts if host.transport != "local"]
    connections = connections_for([host.pk for host in wanted])
    pinned: dict[UUID, set[str]] = {}
    for host_id, fingerprint in HostKey.objects.filter(host__in=wanted, revoked_at=None).values_list(
        "host_id", "fingerprint"
    ):
        pinned.setdefault(host_id, set()).add(fingerprint)
    ways = [connections[host.pk] for host in wanted]
    try:
        credentials = _credentials_of_jump_hosts(ways)
    except CannotOpen as error:
        behind = next(way.name for way in ways if way.jump)
        raise Unprocessable(
            f"{behind} is behind a jump host, and its keys are fetched over that one: {error} On a machine that runs a "
            f"worker: manage.py enrol {behind}."
        ) from None
    shown = asyncio.run(_fetch_all(ways, credentials, seconds))
    return [
        Offer(
            host_id=connection.host_id,
            name=connection.name,
            address=connection.address,
            port=connection.port,
            keys=keys,
            pinned=frozenset(pinned.get(connection.host_id, ())),
            failure=failure,
        )
        for connection, keys, failure in shown
    ]


def fetch_offer(*, actor: Actor, host: Host, seconds: float = _SECONDS) -> Offer:
    """The keys one host shows; raises Invalid for a host without SSH, Unprocessable when it can't be reached."""
    offers = fetch_offers(actor=actor, hosts=[host], seconds=seconds)
    if not offers:
        raise Invalid(f"{host} is a local folder: it has no host key, and needs no enrolment.")
    offer = offers[0]
    if offer.failure:
        raise Unprocessable(
            f"{host} showed no host key at {offer.address}, port {offer.port}: {offer.failure}. Check its address "
            "and port, and that this machine may connect to it."
        )
    return offer


def enrol_host(*, actor: Actor, host: Host, offer: Offer, fingerprints: Sequence[str]) -> list[HostKey]:
    """Pin exactly the offered keys with these fingerprints; raises Conflict for one that the host doesn't show."""
    require(actor, "host.enrol")
    wanted = set(fingerprints)
    if not wanted:
        raise Invalid(
            "Name at least one fingerprint.",
            errors=[FieldError("/fingerprints", "none is named; at least one has to be")],
        )
    missing = sorted(wanted - offer.fingerprints)
    if missing:
        shown = ", ".join(f"{key.algorithm} {key.fingerprint}" for key in offer.keys)
        raise Conflict(
            f"{host} doesn't show {', '.join(missing)}. It shows: {shown}. If that is not what its own console "
            "says, somebody may be in between: pin nothing.",
            errors=[FieldError("/fingerprints", fingerprint) for fingerprint in missing],
        )
    keys = [key.public_key for key in offer.keys if key.fingerprint in wanted]
    return pin_host_keys(actor=actor, host=host, keys=keys)


def reimage_host(
    *, actor: Actor, host: Host, offer: Offer | None, fingerprints: Sequence[str] = (), reason: str = ""
) -> list[HostKey]:
    """The machine was installed anew: pin the keys that it shows now, and begin again with what is agreed there.

    Without fingerprints only a host that needs no pin: a local folder, or one whose new key a host CA vouches for;
    keys that were pinned are revoked then. Raises Invalid, or Conflict as `enrol_host` does.
    """
    require(actor, "host.enrol")
    with transaction.atomic():
        keys: list[HostKey] = []
        if offer is not None and fingerprints:
            keys = enrol_host(actor=actor, host=host, offer=offer, fingerprints=fingerprints)
        elif host.transport != "local":
            if not connection_for(host).ca_keys:
                raise Invalid(
                    "Name the fingerprints of its new keys, compared with what its own console says.",
                    errors=[FieldError("/fingerprints", "none is named; at least one has to be")],
                )
            revoke_host_keys(actor=actor, host=host)
        mark_reimaged(actor=actor, host=host, reason=reason)
    return keys


async def _fetch_all(
    connections: Sequence[HostConnection], credentials: Mapping[UUID, OpenCredential], seconds: float
) -> list[tuple[HostConnection, tuple[OfferedKey, ...], str]]:
    gate = asyncio.Semaphore(_AT_ONCE)

    async def fetch(connection: HostConnection) -> tuple[HostConnection, tuple[OfferedKey, ...], str]:
        async with gate:
            try:
                keys = await fetch_host_keys(
                    connection.address, connection.port, timeout=seconds, via=ways.jump_of(connection)
                )
            except TransportFailure as failure:
                return connection, (), failure.reason
        return connection, tuple(keys), ""

    ways = Ways(credentials)
    try:
        return await asyncio.gather(*(fetch(connection) for connection in connections))
    finally:
        await ways.close()


def _credentials_of_jump_hosts(connections: Iterable[HostConnection]) -> dict[UUID, OpenCredential]:
    """Raises CannotOpen where only a worker could."""
    hops = [hop for connection in connections if connection.jump for hop in connection.jump.hops()]
    ids = {hop.credential_id for hop in hops if hop.credential_id}
    return open_credentials(ids) if ids else {}
