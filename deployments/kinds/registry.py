"""All kinds by name. A new kind is a module, a line here, and a survey that observes it."""

from deployments.kinds.accounts import GROUPS, USERS
from deployments.kinds.authorized_keys import AUTHORIZED_KEYS
from deployments.kinds.base import Kind
from deployments.kinds.containers import CONTAINERS
from deployments.kinds.cron import CRON
from deployments.kinds.directories import DIRECTORIES
from deployments.kinds.files import FILES
from deployments.kinds.firewall import FIREWALL
from deployments.kinds.kernel_modules import KERNEL_MODULES
from deployments.kinds.listing import ListedKind
from deployments.kinds.mounts import MOUNTS
from deployments.kinds.packages import PACKAGES
from deployments.kinds.ports import PORTS
from deployments.kinds.services import SERVICES
from deployments.kinds.sudoers import SUDOERS
from deployments.kinds.symlinks import SYMLINKS
from deployments.kinds.sysctl import SYSCTL

LISTED: tuple[ListedKind, ...] = (
    PACKAGES,
    SERVICES,
    CRON,
    SYSCTL,
    MOUNTS,
    KERNEL_MODULES,
    USERS,
    GROUPS,
    PORTS,
    FIREWALL,
    CONTAINERS,
    SUDOERS,
    AUTHORIZED_KEYS,
)
"""Kinds that a host lists whole, in the order in which people read them."""
KINDS: dict[str, Kind] = {kind.name: kind for kind in (FILES, DIRECTORIES, SYMLINKS, *LISTED)}
SECTIONS: dict[str, Kind] = {kind.section: kind for kind in KINDS.values()}
"""The same by the section of `resources.yaml` that declares them."""


def split_resource(resource: str) -> tuple[Kind, str]:
    """`file:/etc/motd` → its kind and `/etc/motd`. Raises ValueError for a kind that does not exist."""
    name, _, key = resource.partition(":")
    kind = KINDS.get(name)
    if kind is None or not key:
        raise ValueError(f"not a resource: {resource!r}")
    return kind, key
