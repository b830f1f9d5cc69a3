"""Real hosts, looked at quickly again and again by a policy: what is edited by hand is found soon, whatever happens to others."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from drift.models import Finding, HostState, Occurrence, ScanHost, ScanSlot
from drift.services.scan_policies import create_scan_policy
from tests.definitions import Repository
from tests.factories import acting
from tests.hosts.fleet import RealFleet
from tests.hosts.machine import Machine
from tests.scenarios.stack import Stack, wait_until

pytestmark = pytest.mark.slow

PERIOD = 10  # seconds: the shortest that a policy may have
MOTD = "Authorised use only\n"
DEFINITION = {
    "base/resources.yaml": (
        f'files:\n  /etc/motd: {{content: "{MOTD.strip()}\\n", owner: root, group: root, mode: "0644"}}\n'
        "services:\n  cron: {enabled: true, running: true}\n"
        "packages:\n  nginx-light: {}\n"
    ),
}

# Four busy loops, and an sshd that only runs a fifth of the time.
OVERLOAD = """
for n in 1 2 3 4; do setsid nice -n 5 sh -c 'while :; do :; done' >/dev/null 2>&1 </dev/null & done
setsid sh -c 'while :; do pkill -STOP sshd; sleep 0.8; pkill -CONT sshd; sleep 0.2; done' >/dev/null 2>&1 </dev/null &
"""
RELIEVE = "pkill -f 'while :'; pkill -CONT sshd; true"


@pytest.fixture
def overloaded() -> Iterator[Callable[[Machine], None]]:
    """Overload a machine until the end of the test."""
    machines: list[Machine] = []

    def overload(machine: Machine) -> None:
        machines.append(machine)
        machine.run(OVERLOAD)

    yield overload
    for machine in machines:
        machine.run(RELIEVE, check=False)


def test_an_edit_is_found_within_two_periods_while_one_host_is_cut_off_and_one_is_overloaded(
    real_fleet: Callable[..., RealFleet],
    stack: Stack,
    overloaded: Callable[[Machine], None],
    settings: Any,
    tmp_path: Path,
) -> None:
    Repository(DEFINITION)
    fleet = real_fleet("web-1", "web-2", "web-3", "web-4")
    for machine in fleet.machines.values():
        machine.run(f"printf '{MOTD}' >/etc/motd; chmod 644 /etc/motd")
    fleet.register()
    stack.start("valkey", "worker", "relay", "beat")
    policy = create_scan_policy(actor=acting("cy"), name="always", selector="*", quick_every=PERIOD)
    wait_until(lambda: looks("web-4") >= 2, what="two looks at each host")
    assert set(HostState.objects.values_list("status", flat=True)) == {"ok"}

    fleet["web-3"].cut_off()
    overloaded(fleet["web-4"])
    # A look that was under way then says "connection lost", after as long as connecting may take: all after it this.
    lost = HostState.objects.filter(host__name="web-3", status="unknown", reason="unreachable")
    wait_until(lost.exists, what="a look at the lost host")

    fleet["web-1"].as_person("ana", "echo 'Everybody may come in' | sudo tee /etc/motd")
    edited = time.monotonic()
    wait_until(lambda: Finding.objects.exists(), what="the finding")
    took = time.monotonic() - edited
    assert int(fleet["web-4"].run("pgrep -fc 'while :'")) >= 5, "it was not overloaded"
    print(f"found after {took:.1f} s; looks at web-4: {looks('web-4')}; slots: {slots(policy)}")
    assert took <= 2 * PERIOD

    finding = Finding.objects.get()
    assert finding.resource == "file:/etc/motd"
    assert [each.host.name for each in Occurrence.objects.filter(finding=finding)] == ["web-1"]
    assert lost.exists()


def looks(name: str) -> int:
    return ScanHost.objects.filter(host__name=name).exclude(status="unknown").count()


def slots(policy: Any) -> list[str]:
    return list(
        ScanSlot.objects.filter(policy=policy).order_by("starts_at").values_list("outcome", flat=True)
    )
