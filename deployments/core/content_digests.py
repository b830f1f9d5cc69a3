"""The digests that stand for a file's content wherever it is stored, shown or compared.

A bare SHA-256 beside a redacted text lets whoever has both try passwords until the digest fits. So a digest is bare
only where the content is known to hold no secret. Otherwise it is *keyed*: an HMAC that only workers can make, and
that is the same on every host with this content. What renders the definition may have no key (the web process has
none): it *masks*, with a digest of what redaction leaves over.
"""

import base64
import hashlib
import hmac
import re
from dataclasses import replace

from deployments.core.definition.model import DesiredManifest, DesiredResource
from deployments.core.redaction import checked_key, redact, redact_definition
from deployments.core.states import Present, State, Unknown

KEYED, MASKED = "hmac:", "redacted:"
NO_KEY = "secret path: its content looks like a secret, and there is no key to compare it with"
_BARE = re.compile(r"[0-9a-f]{64}")
_REMEMBERED = 65536
_held: dict[str, int] = {}


def is_keyed(digest: str) -> bool:
    return digest.startswith(KEYED)


def keyed_digest(key: bytes, sha256: str) -> str:
    """`hmac:…` from the SHA-256 (hex) of a content. Raises ValueError for a key that could be guessed."""
    made = hmac.new(checked_key(key), b"content\0" + sha256.lower().encode(), hashlib.sha256).digest()
    return KEYED + base64.urlsafe_b64encode(made).decode().rstrip("=")


def redactions_in(content: bytes, sha256: str | None = None) -> int:
    """How many secrets are in a content, whatever it is encoded in; remembered by its SHA-256."""
    sha256 = sha256 or hashlib.sha256(content).hexdigest()
    if (known := _held.get(sha256)) is not None:
        return known
    if len(_held) >= _REMEMBERED:
        _held.clear()
    # UTF-16 is ASCII with zeros between.
    count = redact(content.decode("utf-8", errors="replace").replace("\0", "")).count
    _held[sha256] = count
    return count


def secrets_in_definition(content: bytes) -> int:
    """How many secrets a file of the definition holds; the names of secrets are none."""
    return redact_definition(content.decode("utf-8", errors="replace").replace("\0", "")).count


def shown_digest(content: bytes) -> str:
    """Without a key: the bare SHA-256 of a content without secrets, else `redacted:…`, in which the secrets are not."""
    sha256 = hashlib.sha256(content).hexdigest()
    if not redactions_in(content, sha256):
        return sha256
    left = redact(content.decode("utf-8", errors="replace").replace("\0", "")).text
    made = hashlib.sha256(left.encode("utf-8", errors="replace")).digest()
    return MASKED + base64.urlsafe_b64encode(made).decode().rstrip("=")


def is_masked(state: State) -> bool:
    return isinstance(state, Present) and str(state.data.get("sha256", "")).startswith(MASKED)


def to_compare(manifest: DesiredManifest, key: bytes | None) -> DesiredManifest:
    """A rendered manifest as it is compared with what hosts have: keyed where it was masked, or unknown."""
    resources = {name: compared(desired, key) for name, desired in manifest.resources.items()}
    return replace(manifest, resources=resources)


def compared(desired: DesiredResource, key: bytes | None) -> DesiredResource:
    """One resource of it."""
    if not is_masked(desired.state) or desired.content is None:
        return desired
    if key is None:
        return replace(desired, state=Unknown(NO_KEY))
    assert isinstance(desired.state, Present)
    keyed = keyed_digest(key, hashlib.sha256(desired.content).hexdigest())
    return replace(desired, state=Present({**desired.state.data, "sha256": keyed}))


def in_the_same_form(state: State, live: State, key: bytes | None) -> State:
    """`state` with its digest in the form that `live` has it, where it is of the same content.

    Of content that could not be read we learn only later whether it holds a secret: it was the same all along.
    """
    if key is None or not isinstance(state, Present) or not isinstance(live, Present):
        return state
    ours, theirs = str(state.data.get("sha256", "")), str(live.data.get("sha256", ""))
    if ours == theirs:
        return state
    for bare, keyed in ((ours, theirs), (theirs, ours)):
        if _BARE.fullmatch(bare) and is_keyed(keyed) and keyed_digest(key, bare) == keyed:
            return Present({**state.data, "sha256": theirs})
    return state
