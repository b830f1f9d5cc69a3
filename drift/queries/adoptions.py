"""Reads of adoptions: who could be looked at, where things are said, what was left out."""

from collections import Counter
from dataclasses import dataclass

from drift.core.adoption_write import layer_rank, sections_in_order
from drift.models import Adoption, AdoptionHost
from inventory.queries.hosts import host_views


def seen_hosts(adoption: Adoption) -> list[str]:
    """Names of the hosts that could be looked at, in order."""
    rows = AdoptionHost.objects.filter(adoption=adoption).exclude(status="unknown")
    return list(rows.order_by("host__name").values_list("host__name", flat=True))


def unseen_hosts(adoption: Adoption) -> list[str]:
    """Names of those that could not be, in order."""
    seen = set(seen_hosts(adoption))
    return [name for name in host_views(adoption.hosts) if name not in seen]


def layers_in_order(adoption: Adoption) -> list[tuple[str, list[tuple[str, int]]]]:
    """The layers that are spoken in, as they follow each other, each with its declarations by section."""
    order = sections_in_order()
    layers = adoption.summary.get("layers", {})
    return [
        (layer, sorted(counts.items(), key=lambda item: order.index(item[0])))
        for layer, counts in sorted(layers.items(), key=lambda item: layer_rank(item[0]))
    ]


@dataclass(frozen=True)
class Reason:
    """Why resources were left out: how many, and whether only their content was."""

    reason: str
    resources: int
    only_content: bool


def left_out_by_reason(adoption: Adoption) -> list[Reason]:
    """The most frequent first."""
    counts = Counter((one["reason"], one["only_content"]) for one in adoption.left_out)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [Reason(reason, count, only) for (reason, only), count in ordered]
