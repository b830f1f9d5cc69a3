"""What is known of watched roots before hosts are looked at: what was agreed there, and which texts are kept."""

from collections.abc import Mapping
from dataclasses import replace
from uuid import UUID

from deployments.collector.question import WatchedRoots
from deployments.core.content_digests import is_keyed
from deployments.core.definition.model import DesiredManifest
from deployments.core.definition.sections import KIND_TO_SECTION
from deployments.core.states import State
from drift.core.watched import inside
from drift.core.watched_roots import marked_roots
from drift.models import Blob, HostState
from drift.services.manifests import load_manifests


def watched_roots(desired: Mapping[UUID, DesiredManifest], kept: set[str]) -> dict[UUID, WatchedRoots]:
    """For each host, by its id. Hosts that are alike share what they are compared with; all share `kept`, the digests
    of texts that need not be fetched, which is filled where one of them is looked at for the first time.
    """
    watching = {pk: manifest for pk, manifest in desired.items() if manifest.roots}
    bases = dict(HostState.objects.filter(host__in=watching).values_list("host_id", "base_id"))
    agreed = load_manifests(bases.values())
    found = {
        pk: _roots(manifest, agreed.get(bases.get(pk) or "", {}), kept) for pk, manifest in watching.items()
    }
    if any(roots.first for roots in found.values()):
        kept |= _kept()
    return found


def asked_roots(manifest: DesiredManifest) -> WatchedRoots:
    """What is the same for all hosts with this manifest, whatever is known of them."""
    watched = (KIND_TO_SECTION[kind].name for kind in manifest.watched if kind in KIND_TO_SECTION)
    return WatchedRoots(manifest.roots, sections=tuple(watched)) if manifest.roots else WatchedRoots()


def _roots(manifest: DesiredManifest, agreed: Mapping[str, State], kept: set[str]) -> WatchedRoots:
    marked = marked_roots(agreed)
    return replace(
        asked_roots(manifest),
        agreed=agreed,
        first=frozenset(root for root in manifest.roots if root not in marked and not inside(root, marked)),
        kept=kept,
    )


def _kept() -> set[str]:
    """Digests of texts as states have them: bare where nothing was taken out. Not those that are about to be deleted:
    fetched once more, they stay."""
    rows = Blob.objects.filter(unreferenced_at=None).values_list("pk", "redactions")
    return {digest for digest, redactions in rows if not redactions or is_keyed(digest)}
