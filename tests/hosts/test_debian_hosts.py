"""Real Debian hosts, and what Foldback sees of them over real SSH with the real collector."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from drift.models import Finding
from tests.definitions import Repository, path_settings
from tests.factories import person, token
from tests.hosts.fleet import RealFleet
from tests.hosts.machine import Machine

pytestmark = pytest.mark.slow

DEFINITION = {
    "base/resources.yaml": (
        'files:\n  /etc/motd: {content: "Authorised use only\\n", owner: root, group: root, mode: "0644"}\n'
        '  /etc/cron.d/report: {content: "0 6 * * * root /bin/true\\n", mode: "0644"}\n'
    ),
}


@pytest.fixture
def definition(db: None, settings: Any, tmp_path: Path) -> Repository:
    for name, value in path_settings(tmp_path).items():
        setattr(settings, name, value)
    return Repository(DEFINITION)


def test_eight_hosts_boot_each_with_a_name_a_key_and_an_address_of_its_own(
    debian_hosts: Callable[..., list[Machine]],
) -> None:
    machines = debian_hosts(8)
    for wanted in (lambda m: m.name, lambda m: m.address, lambda m: m.public_key):
        assert len({wanted(machine) for machine in machines}) == 8
    ids = {machine.run("cat /etc/machine-id") for machine in machines}
    assert len(ids) == 8
    for machine in machines:
        assert (
            machine.run("hostname; systemctl is-active ssh nginx cron")
            == f"{machine.name}\n" + "active\n" * 3
        )
        assert machine.run("dpkg-query -W -f '${db:Status-Status}' nginx-light") == "installed"
    scan = ["ssh-keyscan", "-t", "ed25519", *(machine.address for machine in machines)]
    shown = subprocess.run(scan, capture_output=True, text=True, check=True).stdout.splitlines()
    assert set(shown) == {f"{machine.address} {machine.public_key}" for machine in machines}
    assert machines[7].as_person("ana", "hostname; sudo id -un") == "h8\nroot\n"


def test_what_is_done_on_one_host_is_done_on_no_other(debian_hosts: Callable[..., list[Machine]]) -> None:
    one, other = debian_hosts("web-1", "web-2")
    one.as_person("ana", "sudo systemctl mask --now nginx cron; sudo sysctl -qw net.core.somaxconn=77")
    look = "systemctl is-active nginx cron; systemctl is-enabled cron; sysctl -n net.core.somaxconn"
    assert one.run(look) == "inactive\ninactive\nmasked\n77\n"
    assert other.run(look).replace("\n4096\n", "\n…\n") == "active\nactive\nenabled\n…\n"


def test_what_a_person_does_there_is_recorded_as_on_any_host(
    debian_hosts: Callable[..., list[Machine]],
) -> None:
    [host] = debian_hosts("web-1")
    host.as_person("ana", "sudo apt-get install -y hello=2.10-3 at && sudo apt-mark hold hello")
    host.as_person("ben", "sudo apt-get remove -y less && sudo visudo -c")
    assert (
        host.run("dpkg-query -W -f '${Version} ${db:Status-Abbrev}' hello; apt-cache policy hello")
        > "2.10-3 hi"
    )
    assert host.run("systemctl is-active atd; command -v less", check=False) == "active\n"
    history = host.run("cat /var/log/apt/history.log")
    assert "Requested-By: ana (1000)\nInstall: hello" in history
    assert "Requested-By: ben (1001)\nRemove: less" in history
    assert {line.split()[0] for line in host.run("last --nohostname").splitlines()[:2]} == {"ana", "ben"}
    sudo = host.run("journalctl --no-pager --output=cat _COMM=sudo")
    assert "USER=root ; COMMAND=/usr/bin/apt-mark hold hello" in sudo


def test_what_ana_edits_and_deletes_by_hand_is_found_and_a_host_that_is_cut_off_is_unknown(
    real_fleet: Callable[..., RealFleet], definition: Repository
) -> None:
    fleet = real_fleet("web-1", "web-2", "db-1")
    fleet.register()
    for machine in fleet.machines.values():
        machine.run(
            "echo 'Authorised use only' >/etc/motd; echo '0 6 * * * root /bin/true' >/etc/cron.d/report"
        )
    assert {name: (row.status, row.counts["in sync"]) for name, row in fleet.look().items()} == dict.fromkeys(
        fleet.machines, ("ok", 2)
    )

    fleet["web-1"].as_person("ana", "sudo sed -i 's/only/and care/' /etc/motd")
    fleet["web-2"].as_person("ana", "sudo rm /etc/cron.d/report")
    fleet["db-1"].cut_off()
    seen = fleet.look()
    assert (seen["db-1"].status, seen["db-1"].reason, seen["db-1"].counts) == ("unknown", "unreachable", {})
    assert {finding.resource for finding in Finding.objects.all()} == {
        "file:/etc/motd",
        "file:/etc/cron.d/report",
    }

    fleet["db-1"].reconnect()
    assert fleet.look("db-1")["db-1"].status == "ok"


def test_hosts_that_cy_enrols_over_rest_are_looked_at_with_the_key_that_was_given(
    real_fleet: Callable[..., RealFleet], definition: Repository, live_server: Any
) -> None:
    fleet = real_fleet("web-1", "db-1", roles={"db-1": ["db", "backup"]})
    person("ben")  # who leads the team
    headers = {"Authorization": f"Bearer {token('cy', role='admin')[1]}"}
    with httpx.Client(base_url=f"{live_server.url}/api/v1", headers=headers, timeout=60) as cy:
        fleet.register_over_rest(cy, user="ben")
        assert cy.get("/hosts/db-1/").json()["roles"] == ["db", "backup"]
    assert {row.status for row in fleet.look().values()} == {"ok"}
    assert "session opened for user ben" in fleet["db-1"].run("journalctl --no-pager _COMM=sshd")
