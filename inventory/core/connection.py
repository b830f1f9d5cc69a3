"""How to reach a host: everything but the secret, which only a worker can open."""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class HostConnection:
    """`address` is never empty; `user` is empty when neither the host nor its credential names one.

    `trusted_keys`, `revoked_keys` and `ca_keys` are OpenSSH public key lines. With no trusted key and no trusted host
    CA the host has not been enrolled, and must not be connected to. `root` is the folder of a `local` host, else empty.
    `jump` is the host that this one is reached through; `problem` says why this one can't be gone through, in words.
    """

    host_id: UUID
    name: str
    transport: str
    address: str
    port: int
    user: str
    root: str
    credential_id: UUID | None
    trusted_keys: tuple[str, ...] = ()
    revoked_keys: tuple[str, ...] = ()
    ca_keys: tuple[str, ...] = ()
    jump: "HostConnection | None" = None
    problem: str = ""

    def hops(self) -> Iterator["HostConnection"]:
        """This host, then what it is reached through: the nearest to it first."""
        hop: HostConnection | None = self
        while hop is not None:
            yield hop
            hop = hop.jump

    @property
    def is_enrolled(self) -> bool:
        return self.transport == "local" or bool(self.trusted_keys or self.ca_keys)


@dataclass(frozen=True)
class OpenCredential:
    """A credential a worker has opened. Its `repr` doesn't show the secret, so no traceback or log does."""

    credential_id: UUID
    name: str
    kind: str
    user: str
    secret: bytes

    def __repr__(self) -> str:
        return f"OpenCredential({self.name!r}, kind={self.kind!r})"
