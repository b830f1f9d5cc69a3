"""How to reach hosts: one query for hosts and for each further hop, one for keys, one for the default credential, two for
host CAs."""

from collections.abc import Iterable
from dataclasses import replace
from uuid import UUID

from inventory.core.connection import HostConnection
from inventory.core.jump_hosts import MOST_JUMPS
from inventory.models import Credential, Host, HostKey
from inventory.queries.host_cas import cas_of, refused_keys, trusted_cas


def connections_for(ids: Iterable[UUID]) -> dict[UUID, HostConnection]:
    """Connections by host id. A host without a credential of its own uses the default one, if there is one."""
    asked = list(ids)
    hosts = _with_jump_hosts(asked)
    default = Credential.objects.filter(is_default=True).first()
    trusted: dict[UUID, set[str]] = {}
    revoked: dict[UUID, set[str]] = {}
    keys = HostKey.objects.filter(host__in=[host.pk for host in hosts]).values_list(
        "host_id", "public_key", "revoked_at"
    )
    for host_id, public_key, revoked_at in keys:
        (trusted if revoked_at is None else revoked).setdefault(host_id, set()).add(public_key)
    cas, refused = trusted_cas(), refused_keys()
    connections: dict[UUID, HostConnection] = {}
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
            problem=_problem(host),
        )
    jumps = {host.pk: host.jump_host_id for host in hosts if host.jump_host_id is not None}

    def way(pk: UUID, hops_left: int) -> HostConnection:
        connection, jump = connections[pk], jumps.get(pk)
        if jump is None:
            return connection
        if not hops_left:  # a ring, which nothing writes
            return replace(connection, problem=f"more than {MOST_JUMPS} jump hosts in a row")
        return replace(connection, jump=way(jump, hops_left - 1))

    return {pk: way(pk, MOST_JUMPS) for pk in asked if pk in connections}


def _with_jump_hosts(ids: list[UUID]) -> list[Host]:
    found: dict[UUID, Host] = {}
    wanted = set(ids)
    for _ in range(MOST_JUMPS + 1):
        for host in Host.objects.filter(pk__in=wanted).select_related("credential", "team"):
            found[host.pk] = host
        wanted = {host.jump_host_id for host in found.values() if host.jump_host_id} - found.keys()
        if not wanted:
            break
    return list(found.values())


def _problem(host: Host) -> str:
    """Why nobody can be reached through this host."""
    if host.state != Host.ACTIVE:
        return "it has been decommissioned"
    return "it is a local folder" if host.transport == "local" else ""


def connection_for(host: Host) -> HostConnection:
    return connections_for([host.pk])[host.pk]
