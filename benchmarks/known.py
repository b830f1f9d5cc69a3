"""Telling a service of a simulated fleet: its definition, its hosts, their key, and the credential that signs in.

For a process that has Django set up and the database of the service. Nothing is asked of the fleet's hosts.
"""

import json
from pathlib import Path
from typing import Any, Protocol

from django.conf import settings

from common import clock
from common.core.actor import SYSTEM, Actor
from deployments.repository import DefinitionRepository
from inventory.core.host_keys import parse_public_key
from inventory.core.imports.reader import read_inventory
from inventory.models import Credential, Host, HostKey
from inventory.services.credentials import create_credential
from inventory.services.imports import import_hosts

CREDENTIAL = "simulated"


class Known(Protocol):
    """What is asked of a fleet here: of `SimulatedFleet` and `FleetProcess` alike."""

    @property
    def host_key_line(self) -> str: ...
    @property
    def client_key_text(self) -> str: ...
    def definition(self) -> dict[str, bytes]: ...
    def inventory(self, **named: Any) -> list[dict[str, Any]]: ...


def found_definition(fleet: Known, path: Path | None = None) -> DefinitionRepository:
    """A repository that says what the fleet's hosts are (default: at the service's own place)."""
    return DefinitionRepository.create(
        path or settings.DEFINITION_PATH,
        fleet.definition(),
        ("Simulated Fleet", "fleet@example.org"),
        "Say what simulated hosts are",
        when=clock.now(),
    )


def register_hosts(fleet: Known, *, actor: Actor = SYSTEM) -> list[Host]:
    """Import the fleet's hosts, in their order, and trust its key for each of them.

    Keys are written in bulk: pinned one by one as a person does it, ten thousand take half a minute, and as many entries
    of the ledger.
    """
    if not Credential.objects.filter(name=CREDENTIAL).exists():
        secret = fleet.client_key_text
        create_credential(actor=actor, name=CREDENTIAL, kind="private-key", secret=secret)
    rows = fleet.inventory(credential=CREDENTIAL)
    plan = read_inventory(json.dumps(rows).encode(), path="simulated.json", format=None, mapping={})
    import_hosts(actor=actor, plan=plan)
    hosts = {host.name: host for host in Host.objects.filter(name__in=[row["name"] for row in rows])}
    key, now = parse_public_key(fleet.host_key_line), clock.now()
    HostKey.objects.bulk_create(
        (
            HostKey(
                host=host,
                algorithm=key.algorithm,
                public_key=key.text,
                fingerprint=key.fingerprint,
                pinned_at=now,
            )
            for host in hosts.values()
        ),
        batch_size=1000,
    )
    return [hosts[row["name"]] for row in rows]
