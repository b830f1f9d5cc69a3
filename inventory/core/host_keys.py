"""Public host keys as OpenSSH writes them, checked before a person is asked to trust one."""

import base64
import binascii
import hashlib
from dataclasses import dataclass

from inventory.core.names import shown

MAX_LENGTH = 20_000


@dataclass(frozen=True)
class HostPublicKey:
    """`text` is `algorithm base64` without a comment; `fingerprint` is what `ssh-keygen -l` shows."""

    algorithm: str
    text: str
    fingerprint: str


def parse_public_key(text: str) -> HostPublicKey:
    """Read `ssh-ed25519 AAAA… comment`; raises ValueError saying what is wrong."""
    algorithm, _, rest = text.strip().partition(" ")
    encoded = rest.split(" ")[0]
    if not encoded or len(text) > MAX_LENGTH:
        raise ValueError("a host key is written as `ssh-ed25519 AAAA…`, as ssh-keyscan shows it")
    try:
        blob = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raise ValueError("the second word of a host key is base64, and this one is not") from None
    size = int.from_bytes(blob[:4], "big")
    if blob[4 : 4 + size] != algorithm.encode() or len(blob) <= 4 + size:
        raise ValueError(f"this is not a key of the kind {shown(algorithm)}: its own bytes say otherwise")
    return HostPublicKey(algorithm, f"{algorithm} {encoded}", fingerprint_of(blob))


def fingerprint_of(blob: bytes) -> str:
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).rstrip(b"=").decode()
