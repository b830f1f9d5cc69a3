"""From what the inventory says about a host to the way there."""

from deployments.transport.base import Transport
from deployments.transport.local import LocalTransport
from deployments.transport.ssh import Credential, SshTransport
from inventory.core.connection import HostConnection, OpenCredential


def transport_for(connection: HostConnection, credential: OpenCredential | None) -> Transport:
    """The way to a host. Without a credential the connection fails at authentication, and says so."""
    if connection.transport == "local":
        return LocalTransport(connection.root)
    return SshTransport(
        address=connection.address,
        user=connection.user,
        credential=login_with(credential),
        host_keys=connection.trusted_keys,
        port=connection.port,
        revoked_keys=connection.revoked_keys,
    )


def login_with(credential: OpenCredential | None) -> Credential:
    """What the SSH engine signs in with; raises ValueError for a private key it can't read."""
    if credential is None:
        return Credential()
    if credential.kind == "password":
        return Credential(password=credential.secret.decode())
    return Credential.private_key(credential.secret)
