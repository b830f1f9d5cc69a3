"""Where a value is said: at the widest layer whose hosts agree on it, at the host where none does.

Each attribute is placed by itself, over sets of hosts kept as bits of a number, in this order:

1. A layer of two hosts or more that all have the same value says it. Layers that cover more come first; of equal
   ones base, then role, environment, and role in its environment.
2. `express` may find one way of saying the values of a whole layer that differ (a template).
3. A layer of three hosts or more, all of which have some value, says that of the majority; the others say their own.
4. What only one host has is said by its role, if it is the only host of it; not where it names the host itself.
5. Whoever is left says it in its own layer.

Whatever is placed at a layer is the value of each of its hosts, or overruled in the host's own layer, which is the
last word. So the order of roles, in which one layer overrules another, never matters.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from inventory.core.host_view import HostView


class _Hashable(Protocol):
    def __hash__(self) -> int: ...


V = TypeVar("V", bound=_Hashable)
_RANKS = {"base": 0, "roles": 1, "environments": 2}
_IN_ENVIRONMENT = 3
SMALLEST_MAJORITY = 3


@dataclass(frozen=True)
class SharedLayer:
    """A layer that several hosts may have; `hosts` are bits, in the order of the hosts of `Layers`."""

    name: str
    hosts: int
    rank: int

    @property
    def size(self) -> int:
        return self.hosts.bit_count()


@dataclass(frozen=True)
class Layers:
    """The layers of some hosts. `shared` are those that reach no host but these (see `layers_of`)."""

    names: tuple[str, ...]
    shared: tuple[SharedLayer, ...]
    alone: tuple[tuple[str, ...], ...]
    """For each host the shared layers of which it is the only host, the best one for it first."""

    def bits(self, names: Iterable[str]) -> int:
        index = {name: bit for bit, name in enumerate(self.names)}
        return sum(1 << index[name] for name in set(names))

    def named(self, hosts: int) -> tuple[str, ...]:
        return tuple(name for bit, name in enumerate(self.names) if hosts >> bit & 1)


def layers_of(hosts: Sequence[HostView], others: Iterable[HostView] = ()) -> Layers:
    """The layers that can be spoken in for `hosts`: none that one of `others` has too."""
    members: dict[str, int] = {}
    for bit, host in enumerate(hosts):
        for name in _shared_names(host):
            members[name] = members.get(name, 0) | 1 << bit
    barred = {name for host in others for name in _shared_names(host)}
    shared = [SharedLayer(name, bits, _rank(name)) for name, bits in members.items() if name not in barred]
    shared.sort(key=lambda layer: (layer.rank, layer.name))
    alone = tuple(
        _alone(host, {layer.name for layer in shared if layer.hosts == 1 << bit})
        for bit, host in enumerate(hosts)
    )
    return Layers(
        tuple(host.name for host in hosts), tuple(layer for layer in shared if layer.size > 1), alone
    )


def _shared_names(host: HostView) -> tuple[str, ...]:
    environment = f"environments/{host.environment}"
    roles = [f"roles/{role}" for role in host.roles]
    return ("base", environment, *roles, *(f"{environment}/{role}" for role in roles))


def _rank(name: str) -> int:
    return _IN_ENVIRONMENT if name.count("/") > 1 else _RANKS[name.partition("/")[0]]


def _alone(host: HostView, single: set[str]) -> tuple[str, ...]:
    """Its role's layer, else its role's in its environment; nothing where two would do as well."""
    roles = [f"roles/{role}" for role in host.roles]
    for names in (roles, [f"environments/{host.environment}/{role}" for role in roles]):
        if found := [name for name in names if name in single]:
            return tuple(found) if len(found) == 1 else ()
    return ()


@dataclass(frozen=True)
class Placed(Generic[V]):
    layer: str
    value: V


Express = Callable[[SharedLayer], V | None]


def place(
    values: Mapping[int, V],
    layers: Layers,
    *,
    refused: frozenset[str] = frozenset(),
    express: Express[V] | None = None,
    names_itself: Callable[[int, V], bool] = lambda bit, value: False,
    only_hosts: bool = False,
) -> list[Placed[V]]:
    """Where to say the value of each host. `values` maps hosts (their bit's number) to what each has; the layers of hosts that have
    none are not used, nor those in `refused`."""
    groups: dict[V, int] = {}
    for bit, value in values.items():
        groups[value] = groups.get(value, 0) | 1 << bit
    have = sum(1 << bit for bit in values)
    open_ = (
        []
        if only_hosts
        else [each for each in layers.shared if not each.hosts & ~have and each.name not in refused]
    )
    placed: list[Placed[V]] = []
    left = have
    for value, hosts in _agreed(groups, open_):
        placed.append(Placed(hosts.name, value))
        left &= ~hosts.hosts
    if express is not None:
        left = _expressed(open_, left, express, placed)
    left = _by_majority(groups, open_, have & ~left, left, placed)
    for bit in (bit for bit in values if left >> bit & 1):
        value = values[bit]
        single = [] if only_hosts or names_itself(bit, value) else layers.alone[bit]
        own = next((name for name in single if name not in refused), f"hosts/{layers.names[bit]}")
        placed.append(Placed(own, value))
    return placed


def _agreed(groups: Mapping[V, int], layers: Sequence[SharedLayer]) -> Iterable[tuple[V, SharedLayer]]:
    """Layers that agree, the fewest that cover all that can be covered, more or less."""
    for value, hosts in groups.items():
        agreeing = [layer for layer in layers if not layer.hosts & ~hosts]
        left = hosts
        while agreeing:
            best = max(agreeing, key=lambda layer: ((layer.hosts & left).bit_count(), -layer.rank))
            if not best.hosts & left:
                break
            yield value, best
            left &= ~best.hosts


def _expressed(layers: Sequence[SharedLayer], left: int, express: Express[V], placed: list[Placed[V]]) -> int:
    for layer in sorted(layers, key=lambda layer: (-layer.size, layer.rank)):
        if (layer.hosts & left).bit_count() < 2:
            continue
        if (value := express(layer)) is not None:
            placed.append(Placed(layer.name, value))
            left &= ~layer.hosts
    return left


def _by_majority(
    groups: Mapping[V, int],
    layers: Sequence[SharedLayer],
    settled: int,
    left: int,
    placed: list[Placed[V]],
) -> int:
    """A layer may say what most of its hosts have, where it overrules nobody who is settled already."""
    while left:
        found = [
            ((left & layer.hosts & hosts).bit_count(), -layer.rank, layer, value, hosts)
            for layer in layers
            if layer.size >= SMALLEST_MAJORITY
            for value, hosts in groups.items()
            if (layer.hosts & hosts).bit_count() * 2 > layer.size and not layer.hosts & settled & ~hosts
        ]
        saved, _, layer, value, hosts = max(found, key=lambda one: one[:2], default=(0, 0, None, None, 0))
        if saved < 2 or layer is None or value is None:
            return left
        placed.append(Placed(layer.name, value))
        settled |= layer.hosts & hosts
        left &= ~(layer.hosts & hosts)
    return left
