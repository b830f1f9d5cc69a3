"""Sealed boxes for credentials: whoever has the public key can seal, only the private key opens.

A box is bound to its row: the row's id is authenticated with it, so that a sealed value copied to another row
doesn't open. Each box has a key pair of its own (X25519), from which the AES-256-GCM key and nonce are derived
with HKDF-SHA256; the bytes are `version (1) | ephemeral public key (32) | ciphertext with tag (16 more)`.
"""

import base64
import hashlib
import os
from collections.abc import Callable
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
VERSION = b"\x01"
_HEADER = len(VERSION) + KEY_BYTES
_TAG = 16
_NONCE = 12
_CONTEXT = b"foldback sealed box 1"


class SealError(Exception):
    """The box can't be sealed or opened. The message never holds anything of what is inside."""


def generate_key_pair(random_bytes: Callable[[int], bytes] = os.urandom) -> tuple[bytes, bytes]:
    """A new (public, private) pair of raw keys."""
    private = X25519PrivateKey.from_private_bytes(random_bytes(KEY_BYTES))
    return private.public_key().public_bytes_raw(), private.private_bytes_raw()


def public_key_of(private_key: bytes) -> bytes:
    """The public key that belongs to a private one; raises SealError for anything that is not a key."""
    return _private(private_key).public_key().public_bytes_raw()


def fingerprint(public_key: bytes) -> str:
    """What is stored beside a box to tell which key opens it: `SHA256:` and base64, as OpenSSH writes it."""
    digest = hashlib.sha256(public_key).digest()
    return "SHA256:" + base64.b64encode(digest).rstrip(b"=").decode()


def seal(
    public_key: bytes, plaintext: bytes, row_id: UUID, *, random_bytes: Callable[[int], bytes] = os.urandom
) -> bytes:
    """Seal `plaintext` for the row `row_id`; raises SealError if `public_key` is not a key."""
    recipient = _public(public_key)
    ephemeral = X25519PrivateKey.from_private_bytes(random_bytes(KEY_BYTES))
    header = VERSION + ephemeral.public_key().public_bytes_raw()
    key, nonce = _derive(_exchange(ephemeral, recipient), header, public_key)
    return header + AESGCM(key).encrypt(nonce, plaintext, _bound(header, row_id))


def open_sealed(private_key: bytes, sealed: bytes, row_id: UUID) -> bytes:
    """What was sealed for this row; raises SealError for another row, another key, or a changed box."""
    private = _private(private_key)
    if len(sealed) < _HEADER + _TAG:
        raise SealError("the sealed value is too short to be one")
    if sealed[: len(VERSION)] != VERSION:
        raise SealError(
            f"the sealed value has version {sealed[0]}, and this Foldback opens version {VERSION[0]}"
        )
    header, box = sealed[:_HEADER], sealed[_HEADER:]
    shared = _exchange(private, _public(header[len(VERSION) :]))
    key, nonce = _derive(shared, header, private.public_key().public_bytes_raw())
    try:
        return AESGCM(key).decrypt(nonce, box, _bound(header, row_id))
    except InvalidTag:
        raise SealError(
            "the sealed value doesn't open: it is for another key or row, or was changed"
        ) from None


def _derive(shared: bytes, header: bytes, recipient: bytes) -> tuple[bytes, bytes]:
    """Key and nonce; both depend on the ephemeral key, so neither is ever used twice."""
    material = HKDF(
        algorithm=SHA256(), length=KEY_BYTES + _NONCE, salt=None, info=_CONTEXT + header + recipient
    )
    derived = material.derive(shared)
    return derived[:KEY_BYTES], derived[KEY_BYTES:]


def _bound(header: bytes, row_id: UUID) -> bytes:
    return header + row_id.bytes


def _exchange(private: X25519PrivateKey, public: X25519PublicKey) -> bytes:
    try:
        return private.exchange(public)
    except ValueError:  # a point of small order, which makes the secret known to everybody
        raise SealError("the sealed value's key is not a safe one") from None


def _private(key: bytes) -> X25519PrivateKey:
    if len(key) != KEY_BYTES:
        raise SealError(f"a private key has {KEY_BYTES} bytes, this one has {len(key)}")
    return X25519PrivateKey.from_private_bytes(key)


def _public(key: bytes) -> X25519PublicKey:
    if len(key) != KEY_BYTES:
        raise SealError(f"a public key has {KEY_BYTES} bytes, this one has {len(key)}")
    return X25519PublicKey.from_public_bytes(key)
