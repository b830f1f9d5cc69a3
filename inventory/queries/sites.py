"""Hosts by site, for work that opens connections to them."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from common.core.jobs import Lane
from inventory.models import Host, Site


def lane_of(site: str) -> str:
    """What the batches share that look at a site's hosts."""
    return f"site {site}"


@dataclass(frozen=True)
class Batches:
    """Ids of hosts as a job keeps them, and for each batch the lane that it has to keep to."""

    items: list[list[str]]
    lanes: list[Lane | None]


def batches_by_site(hosts: Sequence[UUID], size: int) -> Batches:
    """Hosts in batches of at most `size`, in their order; those of a site with a limit in batches of their own."""
    rows = Site.objects.exclude(connections=None).values_list("name", "connections")
    limits = {name: connections for name, connections in rows if connections is not None}
    limited = Host.objects.filter(pk__in=hosts, site__in=limits) if limits else Host.objects.none()
    sites = dict(limited.values_list("pk", "site"))
    groups: dict[str, list[str]] = {}
    for pk in hosts:
        groups.setdefault(sites.get(pk, ""), []).append(str(pk))
    items, lanes = [], []
    for site, ids in groups.items():
        lane = Lane(lane_of(site), limits[site]) if site else None
        for start in range(0, len(ids), size):
            items.append(ids[start : start + size])
            lanes.append(lane)
    return Batches(items, lanes)
