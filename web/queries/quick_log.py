"""What the quick log offers to tap."""

from collections.abc import Iterable

from changemgmt.models import Change
from changemgmt.queries.scope import known_hosts
from common.models import Person

MOST_HOSTS = 8
MOST_CHANGES = 30
FEW = 4
"""A change on more hosts than this was not about any of them in particular."""


def recent_hosts(person: Person) -> list[str]:
    """Hosts of what this person last logged, then of what anybody did; two queries."""
    own = Change.objects.filter(owner=person).order_by("-created_at")
    found = _hosts_of(own.values_list("hosts", flat=True)[:MOST_CHANGES])
    if len(found) < MOST_HOSTS:
        rows = Change.objects.order_by("-created_at", "-id").values_list("hosts", flat=True)[:MOST_CHANGES]
        found = list(dict.fromkeys([*found, *_hosts_of(rows)]))
    return found[:MOST_HOSTS]


def _hosts_of(rows: Iterable[list[str]]) -> list[str]:
    return list(dict.fromkeys(host for hosts in rows if len(hosts) <= FEW for host in hosts))


def hosts_named(words: Iterable[str]) -> list[str]:
    """Those of these words that are names of hosts, as inventory spells them."""
    return [host.name for host in known_hosts(words).values()]
