"""python -m config.keys: prints fresh secrets for an installation, as NAME=value lines (`make -s keys > .env`)."""

import base64
import secrets

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

APPLICATION_SECRETS = ("FOLDBACK_SECRET_KEY", "FOLDBACK_SEAL_PRIVATE", "FOLDBACK_HMAC_KEY")
ENGINE_SECRETS = ("POSTGRES_PASSWORD", "OWNER_PASSWORD", "SERVING_PASSWORD", "VALKEY_PASSWORD")


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def new_secret(name: str) -> str:
    """A fresh value; never holds a quote, a space or a character that a URL would need to escape in a password."""
    if name == "FOLDBACK_SEAL_PRIVATE":
        return _base64(X25519PrivateKey.generate().private_bytes_raw())
    if name == "FOLDBACK_HMAC_KEY":
        return _base64(secrets.token_bytes(32))
    return secrets.token_urlsafe(48)


def seal_public_of(private: str) -> str:
    """The public half (base64) of a private sealing key (base64). Raises ValueError."""
    return _base64(
        X25519PrivateKey.from_private_bytes(base64.b64decode(private)).public_key().public_bytes_raw()
    )


def main() -> None:
    print(
        "# Keep this file as you keep a password. Without FOLDBACK_SEAL_PRIVATE no stored credential opens again."
    )
    fresh = {name: new_secret(name) for name in (*APPLICATION_SECRETS, *ENGINE_SECRETS)}
    fresh["FOLDBACK_SEAL_PUBLIC"] = seal_public_of(fresh["FOLDBACK_SEAL_PRIVATE"])
    for name, value in fresh.items():
        print(f"{name}={value}")
    print("FOLDBACK_URL=http://localhost:8000")
    print("FOLDBACK_ALLOWED_HOSTS=localhost")


if __name__ == "__main__":
    main()
