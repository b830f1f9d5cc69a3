"""The content of a file as it arrives: proven by its digest, text only, redacted before anyone else sees it."""

import hashlib

from deployments.collector import reasons
from deployments.core.redaction import redact


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
    redacted = redact(text)
    return redacted.text.encode("utf-8"), redacted.count
