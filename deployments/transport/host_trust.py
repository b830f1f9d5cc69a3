"""Which host keys are trusted for one host: pinned ones, and those that a trusted host CA has signed.

The rules, in order: a revoked key is refused; a pinned key is taken, with or without a certificate; what a revoked CA
has signed is refused; a certificate of a trusted CA is taken if it is a host's, in date, and names this host. All else
is another key than the one that was agreed on. asyncssh's own check of plain keys runs besides.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import asyncssh
from asyncssh.public_key import CERT_TYPE_HOST, decode_ssh_certificate, decode_ssh_public_key

from deployments.collector import reasons
from deployments.transport.host_keys import SIGNATURE_ALGORITHMS, HostKey, describe, parse_public_key

_CERTIFICATE = "-cert-v01@openssh.com"
_NO_CERTIFICATE = ("ssh-rsa",)  # with SHA-1: still read where it is pinned, never taken from a CA


@dataclass(frozen=True)
class Refusal:
    """Why a host's key is not taken: a code of `deployments.collector.reasons`, and what the host showed."""

    code: str
    detail: str
    offered: HostKey | None


@dataclass(frozen=True)
class HostTrust:
    """`pinned`, `cas` and `revoked` are public key lines; `names` are what a certificate may call the host."""

    pinned: Sequence[str]
    cas: Sequence[str]
    revoked: Sequence[str]
    names: Sequence[str]

    def known_hosts(self) -> tuple[list[asyncssh.SSHKey], list[asyncssh.SSHKey], list[asyncssh.SSHKey]]:
        """For asyncssh: it refuses by itself what is in none of the three."""
        return _keys(self.pinned), _keys(self.cas), _keys(self.revoked)

    def algorithms(self) -> list[str]:
        """What to ask the host for. Kinds that are pinned come first, so that it shows one of those if it still has
        it; certificates, where a CA is trusted, before plain keys; then all others, so that a replaced key is seen
        and reported for what it is."""
        first = [name.decode("ascii") for key in _keys(self.pinned) for name in key.sig_algorithms]
        names = list(dict.fromkeys([*(n for n in first if n in SIGNATURE_ALGORITHMS), *SIGNATURE_ALGORITHMS]))
        certificates = [name + _CERTIFICATE for name in names if name not in _NO_CERTIFICATE]
        return [*(certificates if self.cas else ()), *names]

    def judge(self, shown: bytes) -> tuple[Refusal | None, asyncssh.SSHKey | None]:
        """Why what the host sent (undecoded) is refused; else the key, where it was a certificate that vouches for it."""
        try:
            certificate: Any = decode_ssh_certificate(shown)
        except asyncssh.KeyImportError:
            certificate = None
        try:
            key = decode_ssh_public_key(shown) if certificate is None else certificate.key
        except asyncssh.KeyImportError:
            return Refusal(reasons.PROTOCOL, "its host key can't be read", None), None
        refusal = self._refusal(key, certificate)
        return refusal, (key if refusal is None and certificate is not None else None)

    def _refusal(self, key: asyncssh.SSHKey, certificate: Any) -> Refusal | None:
        is_revoked = key in _keys(self.revoked)
        if not is_revoked and key in _keys(self.pinned):
            return None
        offered = describe(key)
        shows = f"it shows {offered.algorithm} {offered.fingerprint}"
        another = reasons.HOST_KEY_CHANGED if self.pinned else reasons.HOST_KEY_UNKNOWN
        signed_by = certificate.signing_key if certificate is not None else None
        if is_revoked:
            return Refusal(reasons.HOST_KEY_REVOKED, shows, offered)
        if signed_by is not None and signed_by in _keys(self.revoked):
            return Refusal(reasons.HOST_KEY_REVOKED, f"{shows}, signed by a CA that was revoked", offered)
        if signed_by is not None and signed_by in _keys(self.cas):
            return self._bad_certificate(certificate, offered, another)
        if signed_by is not None:
            shows += f", signed by {describe(signed_by).fingerprint}"
        elif self.cas:
            shows += ", without a certificate"
        return Refusal(another, shows, offered)

    def _bad_certificate(self, certificate: Any, offered: HostKey, another: str) -> Refusal | None:
        """What is wrong with a certificate that a trusted CA has signed."""
        try:
            certificate.validate(CERT_TYPE_HOST, None)
        except ValueError as error:
            is_of_its_date = "expired" in str(error) or "not yet valid" in str(error)
            return Refusal(reasons.HOST_CERTIFICATE_DATE if is_of_its_date else another, str(error), offered)
        # A certificate that names no host would be good for each of them.
        if not set(self.names) & set(certificate.principals):
            named = ", ".join(certificate.principals[:5]) or "no host"
            return Refusal(reasons.HOST_CERTIFICATE_NAME, f"it is for {named}", offered)
        return None


class TrustingClient(asyncssh.SSHClient):
    """Checks the key that a host shows before anything else is said, and notes why it was refused."""

    def __init__(self, trust: HostTrust) -> None:
        self._trust = trust
        self.refusal: Refusal | None = None
        self.connected = False

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        self.connected = True
        # asyncssh tells its client nothing of a certificate, and knows one name of a host. Without this hook its
        # own check of `known_hosts` would still hold.
        setattr(conn, "validate_server_host_key", self._checking(conn.validate_server_host_key))  # noqa: B010

    def _checking(self, asyncsshs: Callable[[bytes], asyncssh.SSHKey]) -> Callable[[bytes], asyncssh.SSHKey]:
        def check(shown: bytes) -> asyncssh.SSHKey:
            self.refusal, vouched_for = self._trust.judge(shown)
            if self.refusal is not None:
                raise asyncssh.HostKeyNotVerifiable(self.refusal.code)
            return asyncsshs(shown) if vouched_for is None else vouched_for

        return check

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        return False


def _keys(lines: Sequence[str]) -> list[asyncssh.SSHKey]:
    return [parse_public_key(line) for line in lines]
