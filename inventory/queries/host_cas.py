"""Which host CAs are trusted for which hosts."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Q

from inventory.core.selectors import Selector, parse
from inventory.models import Host, HostCa
from inventory.queries.hosts import hosts_matching


@dataclass(frozen=True)
class TrustedCa:
    ca: HostCa
    selector: Selector

    def vouches_for(self, host: Host) -> bool:
        team = host.team.name if host.team else None
        return self.selector.matches(host.name, host.environment, host.roles, team, host.site)


def trusted_cas() -> list[TrustedCa]:
    cas = HostCa.objects.filter(revoked_at=None).order_by("name")
    return [TrustedCa(ca, parse(ca.hosts)) for ca in cas]


def cas_of(host: Host, cas: Iterable[TrustedCa] | None = None) -> list[HostCa]:
    """The CAs whose signature is enough on this host."""
    trusted = trusted_cas() if cas is None else cas
    return [one.ca for one in trusted if host.transport == "ssh" and one.vouches_for(host)]


def refused_keys() -> set[str]:
    """Public keys that are refused on every host: of revoked CAs, and what was revoked though a CA has signed it."""
    refused: set[str] = set()
    for public_key, revoked_at, keys in HostCa.objects.values_list(
        "public_key", "revoked_at", "revoked_keys"
    ):
        refused |= {*keys, *([public_key] if revoked_at else [])}
    return refused


def vouched_for() -> Q:
    """A condition on hosts: a CA is trusted for them."""
    condition = Q(pk__in=[])
    for one in trusted_cas():
        condition |= Q(pk__in=hosts_matching(one.selector, hosts=Host.objects.all()).values("pk"))
    return condition & Q(transport="ssh")
