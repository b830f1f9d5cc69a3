"""Host keys as text and fingerprint, and the fetching of them for an enrolment that a person confirms."""

import asyncio
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import asyncssh

from deployments.collector import reasons
from deployments.transport.base import TransportFailure
from deployments.transport.ssh_errors import as_failure

if TYPE_CHECKING:
    from deployments.transport.jumps import Jump

# One connection each: a server shows one key per connection, of the first kind that both sides know.
_KINDS = (
    ("ssh-ed25519",),
    ("ecdsa-sha2-nistp256",),
    ("ecdsa-sha2-nistp384",),
    ("ecdsa-sha2-nistp521",),
    ("rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"),
)
_MOST_BYTES = 1024 * 1024  # of handshakes, over a jump host
SIGNATURE_ALGORITHMS = tuple(name for kind in _KINDS for name in kind)


@dataclass(frozen=True, slots=True)
class HostKey:
    """`public_key` is a line as in OpenSSH's files, without a comment; `fingerprint` is `SHA256:…`."""

    algorithm: str
    public_key: str
    fingerprint: str


def host_key(line: str) -> HostKey:
    """Read a public key line. Raises ValueError when it is none."""
    return describe(parse_public_key(line.strip()))


def describe(key: asyncssh.SSHKey) -> HostKey:
    algorithm, data = key.export_public_key("openssh").decode("ascii").split()[:2]
    return HostKey(algorithm, f"{algorithm} {data}", key.get_fingerprint("sha256"))


@lru_cache(maxsize=16384)
def parse_public_key(line: str) -> asyncssh.SSHKey:
    try:
        return asyncssh.import_public_key(line)
    except asyncssh.KeyImportError as error:
        raise ValueError(f"not a public key: {error}") from error


async def fetch_host_keys(
    address: str, port: int = 22, *, timeout: float = 15.0, via: "Jump | None" = None
) -> list[HostKey]:
    """The host keys of all kinds that a server offers. It is never sent a user name, a key or a password.

    What it returns is unverified until a person has compared the fingerprints. Raises TransportFailure.
    """
    found: list[HostKey] = []
    lost: Exception | None = None
    tunnel = await via.open(_MOST_BYTES) if via is not None else ()
    try:
        async with asyncio.timeout(timeout):
            for kind in _KINDS:
                try:
                    key = await asyncssh.get_server_host_key(
                        address, port, tunnel=tunnel, server_host_key_algs=list(kind), config=[]
                    )
                except asyncssh.KeyExchangeFailed:
                    continue  # it has no key of this kind
                except (OSError, asyncssh.ConnectionLost) as error:
                    lost = error  # OpenSSH hangs up on a kind it lacks, at times before its reason is read
                    continue
                if key is not None:
                    found.append(describe(key))
    except (OSError, asyncssh.Error, TimeoutError) as error:
        if via is not None and isinstance(error, asyncssh.ChannelOpenError):
            raise via.refused(error) from error
        raise as_failure(error) from error
    if lost is not None and not found:
        raise as_failure(lost) from lost
    if not found:
        raise TransportFailure(reasons.PROTOCOL, "no host key of a kind we know")
    return found
