"""Private keys for signing in to hosts, checked when they are handed in, while somebody can still mend it."""

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_ssh_private_key,
)

MAX_LENGTH = 20_000
_OPENSSH = "-----BEGIN OPENSSH PRIVATE KEY-----"


class PrivateKeyError(ValueError):
    """The message says what is wrong and what to do; it never holds anything of the key."""


def normalised(text: str) -> str:
    """The key with the line ends and final newline that every reader takes."""
    return "\n".join(line.strip() for line in text.strip().splitlines()) + "\n"


def public_line(text: str) -> str:
    """The line for `authorized_keys` that belongs to a private key; raises PrivateKeyError."""
    if len(text) > MAX_LENGTH:
        raise PrivateKeyError(f"A private key has at most {MAX_LENGTH:,} characters.")
    data = normalised(text).encode()
    if not data.startswith(b"-----BEGIN "):
        raise PrivateKeyError(
            "This is not a private key: it begins with -----BEGIN …; make one with ssh-keygen -t ed25519."
        )
    load = load_ssh_private_key if data.startswith(_OPENSSH.encode()) else load_pem_private_key
    try:
        key = load(data, password=None)
        return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    except TypeError:
        raise PrivateKeyError(_PROTECTED) from None
    except (ValueError, UnsupportedAlgorithm, AttributeError) as error:
        if "password" in str(error).lower() or "encrypted" in str(error).lower():
            raise PrivateKeyError(_PROTECTED) from None
        raise PrivateKeyError(
            "This private key can't be read. Make one with ssh-keygen -t ed25519 -N '' and paste the whole file."
        ) from None


_PROTECTED = (
    "This private key is protected by a passphrase, which no worker can type. Remove it from a copy with "
    "ssh-keygen -p -N '' -f KEYFILE; Foldback seals the key itself."
)
