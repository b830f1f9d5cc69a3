"""The content of a file as it arrives: proven by its digest, text only, redacted before anyone else sees it."""

import hashlib
from functools import lru_cache

from deployments.collector import reasons
from deployments.core.redaction import Redacted, redact

_REMEMBERED_CHARACTERS = 64 * 1024


def readable_text(body: bytes, sha256: str) -> tuple[bytes, int] | str:
    """The redacted text in UTF-8 and the number of redactions, or the reason why there is none."""
    if hashlib.sha256(body).hexdigest() != sha256:
        return reasons.CHANGED
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return reasons.NOT_TEXT
    if "\0" in text:
        return reasons.NOT_TEXT
    redacted = _redacted(text) if len(text) <= _REMEMBERED_CHARACTERS else redact(text)
    return redacted.text.encode("utf-8"), redacted.count


@lru_cache(maxsize=512)
def _redacted(text: str) -> Redacted:
    """Hosts that are looked at for the first time have much the same files, at much the same time."""
    return redact(text)
