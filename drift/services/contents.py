"""The texts behind digests: from the definition where it says them, else from what hosts sent."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from django.conf import settings

from deployments.core.content_digests import to_compare
from deployments.core.definition.model import Definition, DesiredManifest, DesiredResource
from deployments.core.redaction import Redacted, redact
from deployments.core.states import Present, State
from deployments.queries.definitions import desired_for
from drift.core.evaluation import Judged
from drift.models import Blob
from drift.services.manifests import store_texts
from inventory.core.host_view import HostView

if TYPE_CHECKING:
    from drift.services.observations import Against


def hmac_key() -> bytes | None:
    """What secrets are compared with; None in a process that has none."""
    return settings.HMAC_KEY or None


def salt_of_memories() -> bytes:
    """What hosts are remembered under: with another key nothing that was compared by it says anything."""
    return hashlib.sha256(b"memory\0" + (hmac_key() or b"")).digest()


def desired_to_compare(definition: Definition, view: HostView) -> DesiredManifest:
    """Everything a host should be, as it is compared with what hosts have. For workers: they have the key."""
    return to_compare(desired_for(definition, view), hmac_key())


def _sha256(state: State) -> str | None:
    return state.data.get("sha256") if isinstance(state, Present) else None


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


class Texts:
    """The texts of what drifted on a host: read at once, and what the definition says kept at once. Redacted all."""

    def __init__(self, items: Iterable[Judged]) -> None:
        digests = {_sha256(state) for item in items for state in (item.base, item.live)}
        rows = Blob.objects.filter(pk__in=[digest for digest in digests if digest])
        self._known: dict[str | None, str] = dict(rows.values_list("pk", "text"))
        self._said: dict[str, Redacted] = {}

    def live(self, state: State) -> str | None:
        """What a host sent; None when it is not known."""
        return self._known.get(_sha256(state))

    def base(self, item: Judged, against: "Against") -> str | None:
        """Redacted like live text, so that the two compare; None when it is not known or not text."""
        desired = _desired_as_base(item, against)
        if desired is None or desired.content is None:
            return self.live(item.base)
        digest = _sha256(item.base)
        assert digest is not None
        try:
            said = self._said[digest] = redact(desired.content.decode())
        except UnicodeDecodeError:
            return None
        return said.text

    def keep(self) -> None:
        """Keep what the definition said: it may not say so for long."""
        store_texts(
            {digest: said.text for digest, said in self._said.items()},
            {digest: said.count for digest, said in self._said.items()},
        )
