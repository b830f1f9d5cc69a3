"""The texts behind digests: from the definition where it says them, else from what hosts sent."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.conf import settings

from deployments.core.content_digests import to_compare
from deployments.core.definition.model import Definition, DesiredManifest, DesiredResource
from deployments.core.redaction import redact
from deployments.core.states import Present, State
from deployments.queries.definitions import desired_for
from drift.core.evaluation import Judged
from drift.models import Blob
from drift.services.manifests import store_text
from inventory.core.host_view import HostView

if TYPE_CHECKING:
    from drift.services.observations import Against


def hmac_key() -> bytes | None:
    """What secrets are compared with; None in a process that has none."""
    return settings.HMAC_KEY or None


def desired_to_compare(definition: Definition, view: HostView) -> DesiredManifest:
    """Everything a host should be, as it is compared with what hosts have. For workers: they have the key."""
    return to_compare(desired_for(definition, view), hmac_key())


def _sha256(state: State) -> str | None:
    return state.data.get("sha256") if isinstance(state, Present) else None


def live_text(state: State) -> str | None:
    """The text a host sent, as redacted on arrival; None when it is not known."""
    digest = _sha256(state)
    blob = Blob.objects.filter(pk=digest).first() if digest else None
    return blob.text if blob else None


def _desired_as_base(item: Judged, against: "Against") -> DesiredResource | None:
    """What says the base: the definition as it is now, or as it was at the host's last look."""
    digest = _sha256(item.base)
    candidates = [item.desired, against.earlier.resources.get(item.resource) if against.earlier else None]
    for desired in candidates:
        if desired is not None and digest is not None and _sha256(desired.state) == digest:
            return desired
    return None


def base_values(item: Judged, against: "Against") -> Mapping[str, Any]:
    """The values that the template used for base, by name: they are the host's own, and no part of an edit."""
    desired = _desired_as_base(item, against) or item.desired
    return desired.variables if desired is not None else {}


def base_text(item: Judged, against: "Against") -> str | None:
    """Redacted like live text, so that the two compare; None when it is not known or not text."""
    desired = _desired_as_base(item, against)
    if desired is None or desired.content is None:
        return live_text(item.base)
    digest = _sha256(item.base)
    assert digest is not None
    try:
        redacted = redact(desired.content.decode())
    except UnicodeDecodeError:
        return None
    store_text(digest, redacted.text, redactions=redacted.count)
    return redacted.text
