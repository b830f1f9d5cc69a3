"""Reads of hosts: by selector, as the pure parts see them, and by name."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q, QuerySet

from common.core.errors import FieldError, Invalid
from inventory.core.host_view import HostView
from inventory.core.selectors import Selector, SelectorError, parse
from inventory.models import Host

_NAMES_IN_SQL = (
    2_000  # above this, and for stars, names are matched here: patterns are cheap, long lists are not
)


@dataclass(frozen=True)
class HostName:
    """A host as a frozen list keeps it."""

    pk: UUID
    name: str


@dataclass(frozen=True)
class ResolvedSelector:
    """What a selector meant at one moment: its canonical text and the hosts, in the order of their names."""

    text: str
    hosts: tuple[HostName, ...]

    def __iter__(self) -> Iterator[HostName]:
        return iter(self.hosts)

    def __len__(self) -> int:
        return len(self.hosts)

    @property
    def ids(self) -> list[UUID]:
        return [host.pk for host in self.hosts]

    @property
    def names(self) -> list[str]:
        return [host.name for host in self.hosts]


def parse_selector(text: str, *, pointer: str = "/hosts") -> Selector:
    """Read a selector from a request; raises Invalid, pointing at the field it came in."""
    try:
        return parse(text)
    except SelectorError as error:
        raise Invalid(
            f"The selector can't be read: {error}", errors=[FieldError(pointer, str(error))]
        ) from None


def hosts_matching(selector: Selector, *, hosts: QuerySet[Host] | None = None) -> QuerySet[Host]:
    """The active hosts a selector means, to be filtered and sorted further; `hosts` narrows where to look."""
    found = Host.objects.filter(state=Host.ACTIVE) if hosts is None else hosts
    if selector.roles:
        found = found.filter(roles__overlap=list(selector.roles))
    if selector.environments:
        found = found.filter(environment__in=selector.environments)
    if selector.teams:
        found = found.filter(team__name__in=selector.teams)
    if selector.sites:
        found = found.filter(site__in=selector.sites)
    if selector.not_roles:
        found = found.exclude(roles__overlap=list(selector.not_roles))
    if selector.not_environments:
        found = found.exclude(environment__in=selector.not_environments)
    if selector.not_teams:
        found = found.filter(Q(team=None) | ~Q(team__name__in=selector.not_teams))
    if selector.not_sites:
        found = found.exclude(site__in=selector.not_sites)
    return _by_name(found, selector)


def _by_name(found: QuerySet[Host], selector: Selector) -> QuerySet[Host]:
    if not selector.names and not selector.not_names:
        return found
    patterns = (*selector.names, *selector.not_names)
    if (
        not any(pattern.has_star for pattern in patterns)
        and sum(p.count() for p in patterns) <= _NAMES_IN_SQL
    ):
        if selector.names:
            found = found.filter(name__in=[name for pattern in selector.names for name in pattern.names()])
        return found.exclude(name__in=[name for pattern in selector.not_names for name in pattern.names()])
    names = found.order_by().values_list("pk", "name")
    return found.filter(pk__in=[pk for pk, name in names if selector.matches_name(name)])


def resolve_selector(text: str, *, pointer: str = "/hosts") -> ResolvedSelector:
    """The hosts that a selector names now, frozen; raises Invalid if it can't be read or names no active host."""
    selector = parse_selector(text, pointer=pointer)
    rows = hosts_matching(selector).order_by("name").values_list("pk", "name")
    hosts = tuple(HostName(pk, name) for pk, name in rows)
    if not hosts:
        message = f"No active host matches {selector.canonical}. See which there are: GET /api/v1/hosts/."
        raise Invalid(message, errors=[FieldError(pointer, "matches no host")])
    return ResolvedSelector(selector.canonical, hosts)


def host_view(host: Host) -> HostView:
    """The host as rendering, placement and correlation see it."""
    return HostView(
        name=host.name,
        environment=host.environment,
        roles=tuple(host.roles),
        variables=host.variables,
        facts=host.facts,
        address=host.address or None,
    )


def host_views(ids: Iterable[UUID] | None = None) -> dict[str, HostView]:
    """Views by host name, in one query, in the order of names: of these ids, or of every active host."""
    hosts = Host.objects.filter(state=Host.ACTIVE) if ids is None else Host.objects.filter(pk__in=list(ids))
    return {host.name: host_view(host) for host in hosts.order_by("name")}
