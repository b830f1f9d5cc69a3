"""SSH with asyncssh: strict host keys, one credential, nothing from this machine's own SSH set-up.

The host's pinned keys, and those that a trusted host CA has signed for it, are the only ones that are trusted (see
host_trust.py); another, an unknown or a revoked one ends the connection before authentication. No agent, no configuration file, no default keys, no forwarding, no
compression (a small answer could unpack to a huge one), no terminal.
"""

import asyncio
import copy
import ipaddress
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import asyncssh

from deployments.collector import reasons
from deployments.transport.base import Session, TransportFailure
from deployments.transport.channel import SshSession
from deployments.transport.host_trust import HostTrust, TrustingClient
from deployments.transport.pipe import Pipe
from deployments.transport.ssh_errors import as_failure

if TYPE_CHECKING:
    from deployments.transport.jumps import Jump

# How often a connection that says nothing is asked whether the other machine is still there.
_PROBES = 3
# What may go over the wire besides the output that is asked for: handshake, framing, key exchange.
_OVERHEAD_BYTES = 4 * 1024 * 1024
# AES-GCM is one call to OpenSSL for each packet, and asyncssh's first choice half a dozen; then all the others that
# asyncssh offers by itself, since a strict server may know any one of them.
_CIPHERS = "^aes256-gcm@openssh.com,aes128-gcm@openssh.com"


@dataclass(frozen=True)
class Credential:
    """How we log in: a private key, or a password. Never both, never anything that is lying around here."""

    key: asyncssh.SSHKey | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    _prepared: dict[str, asyncssh.SSHClientConnectionOptions] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @classmethod
    def private_key(cls, data: bytes, passphrase: str | None = None) -> "Credential":
        """From the bytes of a private key file. Raises ValueError when it can't be read."""
        try:
            return cls(key=asyncssh.import_private_key(data, passphrase))
        except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
            raise ValueError(f"the private key can't be read: {error}") from error

    def options(self, user: str) -> asyncssh.SSHClientConnectionOptions:
        """Options of one connection, all but whom it trusts: nobody. Worked out once for each user."""
        if user not in self._prepared:
            self._prepared[user] = asyncssh.SSHClientConnectionOptions(**self._options(user))
        options = copy.copy(self._prepared[user])
        if options.client_keys:
            # A key pair keeps which signature algorithm its server takes: servers must not share one.
            options.client_keys = [copy.copy(pair) for pair in options.client_keys]
        return options

    def _options(self, user: str) -> dict[str, Any]:
        key, password = self.key, self.password
        return {
            "username": user,
            "known_hosts": ([], [], []),
            "encryption_algs": _CIPHERS,
            "client_keys": None if key is None else [key],  # an empty list would mean ~/.ssh
            "client_certs": [],
            "password": password,
            "preferred_auth": ["publickey"] if key is not None else ["password", "keyboard-interactive"],
            "public_key_auth": key is not None,
            "password_auth": password is not None,
            "kbdint_auth": password is not None,
            "host_based_auth": False,
            "gss_host": None,
            "gss_kex": False,
            "gss_auth": False,
            "agent_path": None,
            "agent_forwarding": False,
            "pkcs11_provider": None,
            "x509_trusted_certs": None,
            "x509_trusted_cert_paths": [],
            "config": [],
            "compression_algs": ["none"],
            "send_env": None,
            "env": None,
            "connect_timeout": None,
            "login_timeout": 0,  # `SshTransport.connect_seconds` is for all of it
        }


@dataclass(frozen=True)
class SshTransport:
    """A way to one host. `host_keys`, `revoked_keys` and `ca_keys` are public key lines as in OpenSSH's files.

    A host with no pinned key is trusted if one of `ca_keys` has signed its key for one of `names` or its address.
    With `via` the connection goes through a jump host, which resolves and reaches `address`.
    """

    address: str
    user: str
    credential: Credential
    host_keys: Sequence[str]
    port: int = 22
    revoked_keys: Sequence[str] = ()
    ca_keys: Sequence[str] = ()
    names: Sequence[str] = ()
    connect_seconds: float = 15.0
    """For all of connecting and signing in. A machine that is gone for as long during a look is not waited for."""
    wire_bytes: int = 64 * 1024 * 1024
    """All that the host may send in one connection, whatever it calls it."""
    via: "Jump | None" = None

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        pipe = await self.connect()
        try:
            yield SshSession(pipe)
        except TransportFailure as failure:
            raise self._told(failure) from None
        finally:
            pipe.connection.close()
            await pipe.connection.wait_closed()

    async def connect(self) -> Pipe:
        """Connect and log in. Raises TransportFailure."""
        if not self.host_keys and not self.ca_keys:
            raise TransportFailure(reasons.HOST_KEY_UNKNOWN, "enrol the host first")
        limit = self.wire_bytes + _OVERHEAD_BYTES
        jump = await self.via.open(limit) if self.via is not None else None
        trust = HostTrust(self.host_keys, self.ca_keys, self.revoked_keys, (*self.names, self.address))
        client = TrustingClient(trust)
        loop = asyncio.get_running_loop()
        logged_in: asyncio.Future[None] = loop.create_future()

        made: Pipe | None = None
        sock: socket.socket | None = None

        def pipe() -> Pipe:
            nonlocal made
            options = self.credential.options(self.user)
            options.host, options.port = self.address, self.port
            options.known_hosts = cast(Any, trust.known_hosts())
            options.server_host_key_algs = trust.algorithms()
            options.protocol_factory = lambda: client
            options.waiter = logged_in
            # What asyncssh.connect() does besides is to work its options out anew, in another thread.
            connection = asyncssh.SSHClientConnection(loop, options, wait="auth")
            made = Pipe(connection, limit)
            return made

        try:
            async with asyncio.timeout(self.connect_seconds):
                if self.via is not None and jump is not None:
                    await self.via.reach(jump, pipe, self.address, self.port)
                else:
                    sock = await _dial(self.address, self.port)
                    _notice_loss(sock, self.connect_seconds)
                    await loop.create_connection(pipe, sock=sock)
                await logged_in
        except BaseException as error:
            if made is not None:
                made.connection.abort()
            elif sock is not None:  # nobody else has taken it over
                sock.close()
            if not isinstance(error, (OSError, asyncssh.Error, TimeoutError)):
                raise
            if (refused := client.refusal) is not None:
                raise TransportFailure(refused.code, refused.detail, offered=refused.offered) from error
            if made is not None and made.exceeded:
                raise TransportFailure(reasons.OVER_LIMIT, "too much before it let us in") from error
            raise self._told(as_failure(error)) from error
        assert made is not None
        return made

    def _told(self, failure: TransportFailure) -> TransportFailure:
        """The same, or that it was the jump host that was lost."""
        if failure.code == reasons.CONNECTION_LOST and self.via is not None and self.via.is_lost:
            return self.via.lost(output=failure.output)
        return failure


async def _dial(address: str, port: int) -> socket.socket:
    """A connected socket to the first address of the host that answers. Raises OSError."""
    loop = asyncio.get_running_loop()
    error: OSError = OSError("no address")
    for family, target in await _targets(address, port):
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            await loop.sock_connect(sock, target)
        except OSError as failed:
            sock.close()
            error = failed
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise error


def _notice_loss(sock: socket.socket, seconds: float) -> None:
    """Have the kernel end the connection when the other machine's has not answered for so long (tcp(7)). It answers
    however busy its programs are: only a machine that is gone, or cut off, is given up."""
    every = max(1, round(seconds / _PROBES))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, every)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, every)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, max(1, round(seconds * 1000)))


async def _targets(address: str, port: int) -> list[tuple[int, Any]]:
    """Where to connect to. An address that is one already does not go through the resolver and its threads."""
    try:
        family = socket.AF_INET6 if ipaddress.ip_address(address).version == 6 else socket.AF_INET
    except ValueError:
        family = None
    if family is not None and "%" not in address:
        return [(family, (address, port))]
    found = await asyncio.get_running_loop().getaddrinfo(address, port, type=socket.SOCK_STREAM)
    return [(family, target) for family, _, _, _, target in found]
