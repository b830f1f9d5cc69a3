"""Real hosts as Foldback has them: registered and enrolled, by services or over REST, and looked at by real SSH.

fleet = RealFleet(yard, yard.boot("web-1", "web-2", "db-1"))
fleet.register()                      # by services, or: fleet.register_over_rest(cy)
fleet["web-1"].as_person("ana", "echo hi | sudo tee /etc/motd")
fleet.look()["web-1"].counts          # a scan, its batches run here
"""

from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from drift.models import HostScan, Scan
from drift.services.scans import create_scan
from inventory.models import Host
from inventory.services.credentials import create_credential
from inventory.services.host_keys import pin_host_keys
from tests.definitions import run_batches
from tests.factories import acting, team
from tests.hosts.machine import Machine
from tests.hosts.machines import Yard

ENVIRONMENT = "prod"


class RealFleet:
    """`roles` says which roles a host has; without, `web-1` has the role `web`."""

    def __init__(
        self, yard: Yard, machines: Sequence[Machine], *, roles: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        self.yard = yard
        self.machines = {machine.name: machine for machine in machines}
        self.roles = {
            name: list((roles or {}).get(name, [name.rpartition("-")[0] or "web"])) for name in self.machines
        }

    def __getitem__(self, name: str) -> Machine:
        return self.machines[name]

    # ---- making them known

    def register(self, *, user: str = "root", key: str | None = None) -> None:
        """Team, credential, hosts and their keys. `key` is a private key's text; without, it is the yard's."""
        payments = team()
        create_credential(
            actor=acting("cy"),
            name="scanning",
            kind="private-key",
            user=user,
            secret=key or self.yard.private_key(user),
            is_default=True,
        )
        for machine in self.machines.values():
            host = Host.objects.create(
                name=machine.name,
                environment=ENVIRONMENT,
                roles=self.roles[machine.name],
                team=payments,
                address=machine.address,
            )
            pin_host_keys(actor=acting("cy"), host=host, keys=[machine.public_key])

    def register_over_rest(self, cy: httpx.Client, *, user: str = "root", key: str | None = None) -> None:
        """The same as Cy does it: an inventory is imported; keys are fetched, compared, and then pinned."""
        credential = {
            "name": "scanning",
            "kind": "private-key",
            "user": user,
            "secret": key or self.yard.private_key(user),
            "is_default": True,
        }
        _ok(cy.post("/teams/", json={"name": "payments", "lead": "ben"}))
        _ok(cy.post("/credentials/", json=credential))
        _ok(cy.post("/hosts/import/", json={"format": "ansible-ini", "text": self.inventory()}))
        for machine in self.machines.values():
            shown = _ok(cy.get(f"/hosts/{machine.name}/enrol/"))["keys"]
            assert [key["public_key"] for key in shown] == [machine.public_key]
            fingerprints = [key["fingerprint"] for key in shown]
            _ok(cy.post(f"/hosts/{machine.name}/enrol/", json={"fingerprints": fingerprints}))

    def inventory(self) -> str:
        """As an Ansible inventory."""
        groups: dict[str, list[str]] = {
            f"env_{ENVIRONMENT}": [*self.machines],
            "team_payments": [*self.machines],
        }
        for name, roles in self.roles.items():
            for role in roles:
                groups.setdefault(f"role_{role}", []).append(name)
        lines = [f"{machine.name} ansible_host={machine.address}" for machine in self.machines.values()]
        for group, members in groups.items():
            lines += ["", f"[{group}]", *members]
        return "\n".join(lines) + "\n"

    # ---- looking

    def look(self, selector: str = "*", *, who: str = "ana") -> dict[str, HostScan]:
        """Scan, doing the workers' part here; the row of each host by its name."""
        scan: Scan = create_scan(actor=acting(who), selector=selector)
        run_batches("scan")
        return {row.host.name: row for row in HostScan.objects.filter(scan=scan).select_related("host")}


def _ok(answer: httpx.Response) -> Any:
    assert answer.is_success, f"{answer.request.method} {answer.url}: {answer.status_code} {answer.text}"
    return answer.json()
