"""The texts behind digests: from the definition where it says them, else from what hosts sent."""

from typing import TYPE_CHECKING

from deployments.core.redaction import redact
from deployments.core.states import Present, State
from drift.core.evaluation import Judged
from drift.models import Blob
from drift.services.manifests import store_text

if TYPE_CHECKING:
    from drift.services.observations import Against


def _sha256(state: State) -> str | None:
    return state.data.get("sha256") if isinstance(state, Present) else None


def live_text(state: State) -> str | None:
    """The text a host sent, as redacted on arrival; None when it is not known."""
    digest = _sha256(state)
    blob = Blob.objects.filter(pk=digest).first() if digest else None
    return blob.text if blob else None


def base_content(item: Judged, against: "Against") -> bytes | None:
    """What was in the file as agreed: as the definition says it now, or said it at the host's last look."""
    digest = _sha256(item.base)
    if digest is None:
        return None
    candidates = [item.desired, against.earlier.resources.get(item.resource) if against.earlier else None]
    for desired in candidates:
        if desired is not None and desired.content is not None and _sha256(desired.state) == digest:
            return desired.content
    return None


def base_text(item: Judged, against: "Against") -> str | None:
    """Redacted like live text, so that the two compare; None when it is not known or not text."""
    content = base_content(item, against)
    if content is None:
        return live_text(item.base)
    digest = _sha256(item.base)
    assert digest is not None
    try:
        redacted = redact(content.decode())
    except UnicodeDecodeError:
        return None
    store_text(digest, redacted.text, redactions=redacted.count)
    return redacted.text
