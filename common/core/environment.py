"""What is missing or wrong in the environment, found before Django is (it would refuse to start at the first)."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

REQUIRED = {
    "FOLDBACK_SECRET_KEY": ("it signs sessions and cursors", "`make keys` prints one"),
    "DATABASE_URL": (
        "all state is kept in PostgreSQL",
        "postgresql://serving-role:password@host:5432/database",
    ),
    "REDIS_URL": ("workers are told about work through it", "redis://:password@host:6379/0"),
    "FOLDBACK_ALLOWED_HOSTS": ("requests for other host names are refused", "the host name of FOLDBACK_URL"),
}
KEYS = {
    "FOLDBACK_SEAL_PUBLIC": "web can't take credentials",
    "FOLDBACK_SEAL_PRIVATE": "only workers need it, to open credentials",
    "FOLDBACK_HMAC_KEY": "only workers need it, to compare secret files",
}


@dataclass(frozen=True)
class Diagnosis:
    """One line of `manage.py doctor`. `wrong` fails it, `note` is worth knowing; `mend` says what to do."""

    level: Literal["ok", "note", "wrong"]
    subject: str
    text: str
    mend: str = ""


def diagnose_environment(environ: Mapping[str, str]) -> list[Diagnosis]:
    """One diagnosis for each variable that matters, wrong ones with their mend."""
    kind = environ.get("FOLDBACK_ENV") or "production"
    found = []
    if kind not in ("production", "development", "test"):
        mend = "say production, development or test, or leave it unset"
        found.append(Diagnosis("wrong", "FOLDBACK_ENV", f"is {kind!r}", mend))
    for name, (purpose, mend) in REQUIRED.items():
        if environ.get(name):
            found.append(Diagnosis("ok", name, "is set"))
        elif kind == "production":
            found.append(Diagnosis("wrong", name, f"is not set: {purpose}", f"set it: {mend}"))
        else:
            found.append(Diagnosis("note", name, f"is not set; {kind} has a default"))
    found += [_key(environ, name, consequence) for name, consequence in KEYS.items()]
    found += _pair(environ)
    if environ.get("EMAIL_URL"):
        found.append(Diagnosis("ok", "EMAIL_URL", "is set"))
    else:
        mend = "smtp+tls://user:password@host:587, for the workers"
        found.append(Diagnosis("note", "EMAIL_URL", "is not set: no e-mail is sent", mend))
    if environ.get("FOUR_EYES", "on").lower() in ("off", "0", "false", "no"):
        found.append(
            Diagnosis("note", "FOUR_EYES", "is off: people approve their own changes, and each page says so")
        )
    return found


def _decoded(environ: Mapping[str, str], name: str) -> bytes | None:
    try:
        value = base64.b64decode(environ.get(name, ""), validate=True)
    except ValueError:
        return None
    return value if len(value) == 32 else None


def _key(environ: Mapping[str, str], name: str, consequence: str) -> Diagnosis:
    if not environ.get(name):
        return Diagnosis("note", name, f"is not set: {consequence}")
    if _decoded(environ, name) is None:
        return Diagnosis("wrong", name, "is not 32 bytes in base64", "`make keys` prints one")
    return Diagnosis("ok", name, "is set")


def _pair(environ: Mapping[str, str]) -> list[Diagnosis]:
    """Where both halves are given they must belong together: what web seals, workers must open."""
    public, private = (_decoded(environ, f"FOLDBACK_SEAL_{half}") for half in ("PUBLIC", "PRIVATE"))
    if public is None or private is None:
        return []
    if X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw() == public:
        return [Diagnosis("ok", "sealing keys", "belong together")]
    mend = "take both from one run of `make keys`; credentials sealed meanwhile must be entered again"
    return [
        Diagnosis("wrong", "sealing keys", "FOLDBACK_SEAL_PUBLIC is not the public half of _PRIVATE", mend)
    ]


def told(diagnosis: Diagnosis) -> str:
    """The line, its level first: `wrong  DATABASE_URL is not set: … → set it: …`."""
    mend = f" → {diagnosis.mend}" if diagnosis.mend else ""
    return f"{diagnosis.level:<5}  {diagnosis.subject} {diagnosis.text}{mend}"
