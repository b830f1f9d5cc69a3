"""What it means for a host to be renamed, enrolled anew, installed anew or taken out of service, before it is done."""

from collections.abc import Sequence
from dataclasses import dataclass

from common.core.actor import Actor
from common.core.errors import FoldbackError
from deployments.services.enrolment import Offer, fetch_offer
from drift.core.host_key import RESOURCE
from drift.models import Occurrence
from inventory.models import Host, HostCa, HostKey
from inventory.queries.host_cas import cas_of
from web.core.refusals import plain

SECONDS = 8.0  # a person waits
SHOWN = 20


@dataclass(frozen=True)
class Ending:
    """What is open on a host and ends with it: occurrences, and those of them that are the last of their finding."""

    occurrences: Sequence[Occurrence]
    total: int
    last: int


def ending(host: Host) -> Ending:
    found = list(
        Occurrence.objects.filter(host=host, ended_at=None)
        .select_related("finding")
        .order_by("finding__number")
    )
    elsewhere = (
        Occurrence.objects.filter(finding__in=[o.finding_id for o in found], ended_at=None)
        .exclude(host=host)
        .values_list("finding_id", flat=True)
    )
    return Ending(found[:SHOWN], len(found), len({o.finding_id for o in found} - set(elsewhere)))


@dataclass(frozen=True)
class OfferedKeys:
    """What a host shows beside what is pinned; `problem` says why it shows nothing."""

    offer: Offer | None
    pinned: list[HostKey]
    cas: list[HostCa]
    problem: str = ""

    @property
    def rows(self) -> list[tuple[str, str, bool]]:
        """(algorithm, fingerprint, pinned already) of each key that it shows."""
        offer = self.offer
        return (
            [(k.algorithm, k.fingerprint, k.fingerprint in offer.pinned) for k in offer.keys] if offer else []
        )

    @property
    def gone(self) -> list[HostKey]:
        """Pinned keys that it doesn't show any more."""
        shown = self.offer.fingerprints if self.offer else frozenset()
        return [key for key in self.pinned if key.fingerprint not in shown]


def offered_keys(*, actor: Actor, host: Host) -> OfferedKeys:
    """Ask the host for its keys; it is not signed in to. Uses the network: never inside a transaction."""
    pinned = list(HostKey.objects.filter(host=host, revoked_at=None).order_by("algorithm"))
    cas = cas_of(host)
    try:
        offer = fetch_offer(actor=actor, host=host, seconds=SECONDS)
    except FoldbackError as error:
        return OfferedKeys(None, pinned, cas, plain(error.detail))
    return OfferedKeys(offer, pinned, cas)


def key_finding(host: Host) -> Occurrence | None:
    """The open finding about this host's key, if there is one."""
    return (
        Occurrence.objects.filter(host=host, ended_at=None, finding__resource=RESOURCE)
        .select_related("finding")
        .first()
    )
