"""From what the inventory says about a host to the way there."""

import os
from collections.abc import Sequence
from pathlib import PurePosixPath

from deployments.collector import reasons
from deployments.transport.base import Transport, TransportFailure
from deployments.transport.local import LocalTransport
from deployments.transport.ssh import Credential, SshTransport
from inventory.core.connection import HostConnection, OpenCredential


def transport_for(
    connection: HostConnection, credential: OpenCredential | None, *, local_roots: Sequence[str] = ()
) -> Transport:
    """The way to a host. Without a credential the connection fails at authentication, and says so.

    `local_roots` are the folders that a local host's root may be or lie in: whoever may edit hosts must not be
    able to read the worker's own machine. Raises TransportFailure for any other.
    """
    if connection.transport == "local":
        root = PurePosixPath(os.path.normpath(connection.root))
        if not any(root.is_relative_to(allowed) for allowed in local_roots):
            detail = f"{connection.root} is not in FOLDBACK_LOCAL_ROOTS of this worker"
            raise TransportFailure(reasons.ROOT_REFUSED, detail)
        return LocalTransport(connection.root)
    return SshTransport(
        address=connection.address,
        user=connection.user,
        credential=login_with(credential),
        host_keys=connection.trusted_keys,
        port=connection.port,
        revoked_keys=connection.revoked_keys,
        ca_keys=connection.ca_keys,
        names=(connection.name,),
    )


def login_with(credential: OpenCredential | None) -> Credential:
    """What the SSH engine signs in with; raises ValueError for a private key it can't read."""
    if credential is None:
        return Credential()
    if credential.kind == "password":
        return Credential(password=credential.secret.decode())
    return Credential.private_key(credential.secret)
