"""How to reach hosts: one query for hosts, one for keys, one for the default credential, two for host CAs."""

from collections.abc import Iterable
from uuid import UUID

from inventory.core.connection import HostConnection
from inventory.models import Credential, Host, HostKey
from inventory.queries.host_cas import cas_of, refused_keys, trusted_cas


def connections_for(ids: Iterable[UUID]) -> dict[UUID, HostConnection]:
    """Connections by host id. A host without a credential of its own uses the default one, if there is one."""
    hosts = list(Host.objects.filter(pk__in=list(ids)).select_related("credential", "team"))
    default = Credential.objects.filter(is_default=True).first()
    trusted: dict[UUID, set[str]] = {}
    revoked: dict[UUID, set[str]] = {}
    keys = HostKey.objects.filter(host__in=hosts).values_list("host_id", "public_key", "revoked_at")
    for host_id, public_key, revoked_at in keys:
        (trusted if revoked_at is None else revoked).setdefault(host_id, set()).add(public_key)
    cas, refused = trusted_cas(), refused_keys()
    connections = {}
    for host in hosts:
        credential = host.credential or default
        own = trusted.get(host.pk, set())
        connections[host.pk] = HostConnection(
            host_id=host.pk,
            name=host.name,
            transport=host.transport,
            address=host.address or host.name,
            port=host.port,
            user=host.user or (credential.user if credential else ""),
            root=host.root,
            credential_id=credential.pk if credential else None,
            trusted_keys=tuple(sorted(own)),
            # A key that was pinned again after it was revoked is trusted.
            revoked_keys=tuple(sorted((revoked.get(host.pk, set()) | refused) - own)),
            ca_keys=tuple(ca.public_key for ca in cas_of(host, cas)),
        )
    return connections


def connection_for(host: Host) -> HostConnection:
    return connections_for([host.pk])[host.pk]
