"""What a host is to the pure parts: its place in the layers and its own values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class HostView:
    """One host as rendering, placement and correlation see it.

    `roles` are in order, later wins. `variables` come from the inventory and win over the definition's;
    `facts` are what the host said about itself.
    """

    name: str
    environment: str
    roles: tuple[str, ...] = ()
    variables: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    address: str | None = None
