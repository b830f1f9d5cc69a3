"""From what the inventory says about hosts to the ways there."""

import os
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from uuid import UUID

from deployments.collector import reasons
from deployments.transport.base import Transport, TransportFailure
from deployments.transport.jumps import Jump
from deployments.transport.local import LocalTransport
from deployments.transport.ssh import Credential, SshTransport
from inventory.core.connection import HostConnection, OpenCredential


class Ways:
    """The ways to some hosts: each private key is read once, and each jump host connected to once.

    `credentials` are those of the hosts and of their jump hosts. `local_roots` are the folders that a local host's root
    may be or lie in: whoever may edit hosts must not be able to read the worker's own machine. Made and used on one
    event loop; `close` it at the end.
    """

    def __init__(
        self,
        credentials: Mapping[UUID, OpenCredential],
        *,
        local_roots: Sequence[str] = (),
        connect_seconds: float = 15.0,
    ) -> None:
        self._connect_seconds = connect_seconds
        self._credentials = credentials
        self._local_roots = local_roots
        self._logins: dict[UUID, Credential] = {}
        self._jumps: dict[UUID, Jump] = {}

    def to(self, connection: HostConnection) -> Transport:
        """The way to one host. Without a credential the connection fails at authentication, and says so.

        Raises TransportFailure for a root that is not allowed and for a jump host that is none, and ValueError for a
        private key that can't be read.
        """
        if connection.transport == "local":
            return self._local(connection.root)
        return self._ssh(connection)

    def jump_of(self, connection: HostConnection) -> Jump | None:
        """The jump host that this host is behind, if it is; raises as `to` does."""
        hop = connection.jump
        if hop is None:
            return None
        if hop.problem:
            raise TransportFailure(reasons.JUMP_HOST, f"{hop.name}: {hop.problem}")
        if hop.host_id not in self._jumps:
            self._jumps[hop.host_id] = Jump(hop.name, self._ssh(hop))
        return self._jumps[hop.host_id]

    async def close(self) -> None:
        """Leave the jump hosts, the farthest first."""
        for jump in reversed(self._jumps.values()):
            await jump.close()

    def _local(self, root: str) -> LocalTransport:
        path = PurePosixPath(os.path.normpath(root))
        if not any(path.is_relative_to(allowed) for allowed in self._local_roots):
            detail = f"{root} is not in FOLDBACK_LOCAL_ROOTS of this worker"
            raise TransportFailure(reasons.ROOT_REFUSED, detail)
        return LocalTransport(root)

    def _ssh(self, connection: HostConnection) -> SshTransport:
        return SshTransport(
            address=connection.address,
            user=connection.user,
            credential=self._login(connection.credential_id),
            host_keys=connection.trusted_keys,
            port=connection.port,
            revoked_keys=connection.revoked_keys,
            ca_keys=connection.ca_keys,
            names=(connection.name,),
            connect_seconds=self._connect_seconds,
            via=self.jump_of(connection),
        )

    def _login(self, credential_id: UUID | None) -> Credential:
        credential = self._credentials.get(credential_id) if credential_id else None
        if credential_id is None or credential is None:
            return Credential()
        if credential_id not in self._logins:
            self._logins[credential_id] = login_with(credential)
        return self._logins[credential_id]


def login_with(credential: OpenCredential) -> Credential:
    """What the SSH engine signs in with; raises ValueError for a private key it can't read."""
    if credential.kind == "password":
        return Credential(password=credential.secret.decode())
    return Credential.private_key(credential.secret)
