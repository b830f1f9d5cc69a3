"""Packages, services, cron, kernel settings, mounts and modules of real Debian hosts: what a person does there by
hand is exactly what changes in what is seen."""

import subprocess
import time
from collections.abc import Callable
from typing import Any

import pytest

from deployments.collector.protocol import Collection, Observation, Question
from deployments.core.states import Present, State, Unknown
from tests.hosts.machine import Machine
from tests.hosts.userlands import NONCE

pytestmark = pytest.mark.slow

KINDS = frozenset({"package", "service", "cron", "sysctl", "mount", "kernel_module"})
EVERYTHING = Question.of([], watched=KINDS)
Hosts = Callable[..., list[Machine]]


def look(
    host: Machine, question: Question = EVERYTHING, *, user: str = "root", shell: str = "sh -s"
) -> Observation:
    """One look over SSH, as a scan has it."""
    collection = Collection(question, nonce=NONCE)
    configuration = str(host.slot.folder / "ssh_config")
    while (program := collection.send()) is not None:
        done = subprocess.run(
            ["ssh", "-F", configuration, f"{user}@{host.name}", shell],
            input=program,
            capture_output=True,
            timeout=60,
        )
        assert done.stderr == b""
        collection.receive(done.stdout, None, exit_status=done.returncode)
    return collection.result()


def changed(before: Observation, after: Observation) -> dict[str, dict[str, Any]]:
    """Resource → attribute → (before, after), for all that differs; presence under "state"."""
    found: dict[str, dict[str, Any]] = {}
    for name in before.states.keys() | after.states.keys():
        was, now = before.state_of(name), after.state_of(name)
        if was == now:
            continue
        old, new = _data(was), _data(now)
        if old is None or new is None:
            found[name] = {"state": (old, new)}
        else:
            names = sorted(old.keys() | new.keys())
            found[name] = {one: (old.get(one), new.get(one)) for one in names if old.get(one) != new.get(one)}
    return found


def _data(state: State) -> dict[str, Any] | None:
    assert not isinstance(state, Unknown), state
    return dict(state.data) if isinstance(state, Present) else None


BY_HAND = """
set -e
sudo apt-get install -y -qq tree hello=2.10-3 >/dev/null
sudo apt-mark -qq hold cron
sudo apt-get remove -y -qq less >/dev/null
sudo systemctl stop nginx
sudo systemctl disable --now -q nginx
sudo systemctl mask -q ssh.socket
printf '[Service]\\nLimitNOFILE=65536\\n' >/tmp/override
sudo SYSTEMD_EDITOR='cp /tmp/override' systemctl edit ssh
sudo systemctl disable --now -q dpkg-db-backup.timer
echo '7 * * * *  /usr/local/bin/poll   --fast' | crontab -
echo '0 3 * * * root /usr/local/bin/backup' | sudo tee /etc/cron.d/backup >/dev/null
sudo sysctl -qw net.core.somaxconn=77
sudo sysctl -qw net.ipv4.ip_forward=1
echo 'net.ipv4.tcp_syncookies = 1' | sudo tee /etc/sysctl.d/90-shop.conf >/dev/null
sudo mkdir /srv/scratch
sudo mount -t tmpfs -o noexec scratch /srv/scratch
echo '/dev/sdz1 /srv/archive ext4 noatime,noauto 0 2' | sudo tee -a /etc/fstab >/dev/null
echo 'install usb-storage /bin/false' | sudo tee /etc/modprobe.d/no-usb.conf >/dev/null
"""
CHANGES = {
    "package:tree": {"state": (None, {"version": "2.1.0-1", "hold": False})},
    "package:hello": {"state": (None, {"version": "2.10-3", "hold": False})},
    "package:cron": {"hold": (False, True)},
    "service:nginx": {"enabled": (True, False), "running": (True, False)},
    "service:ssh.socket": {"masked": (False, True)},
    "service:ssh": {"drop_ins": ({}, {"override.conf": "[Service]\nLimitNOFILE=65536"})},
    "cron:dpkg-db-backup.timer": {"enabled": (True, False), "running": (True, False)},
    "cron:ana": {"state": (None, {"jobs": ["7 * * * * /usr/local/bin/poll --fast"]})},
    "cron:/etc/cron.d/backup": {"state": (None, {"jobs": ["0 3 * * * root /usr/local/bin/backup"]})},
    "sysctl:net.ipv4.ip_forward": {"value": ("0", "1")},
    "sysctl:net.ipv4.tcp_syncookies": {"persisted": (None, "1")},
    "mount:/srv/scratch": {
        "state": (
            None,
            {
                "persisted": False,
                "mounted": True,
                "live_source": "scratch",
                "live_fstype": "tmpfs",
                "live_options": ["noexec", "relatime", "rw"],
            },
        )
    },
    "mount:/srv/archive": {
        "state": (
            None,
            {
                "persisted": True,
                "mounted": False,
                "source": "/dev/sdz1",
                "fstype": "ext4",
                "options": ["noatime", "noauto"],
            },
        )
    },
}
BACK = """
set -e
sudo apt-mark -qq unhold cron
sudo apt-get install -y -qq hello >/dev/null
sudo apt-get remove -y -qq tree >/dev/null
sudo systemctl unmask -q ssh.socket
sudo systemctl revert -q ssh 2>/dev/null
sudo systemctl enable --now -q nginx
sudo mount -o remount,ro /srv/scratch
crontab -r
"""


OF_SYSTEMD = "cut -d' ' -f14,15 /proc/1/stat"
CHANGED_FILES = "find / -xdev -newer /run/mark ! -path '/run*' ! -path '/proc*' ! -path '/var/log*' -print"


def test_what_a_person_does_by_hand_is_exactly_what_changes(debian_hosts: Hosts) -> None:
    [host] = debian_hosts("web-1")
    before = look(host)
    assert set(before.listed.values()) == {None}, before.listed
    assert changed(before, look(host)) == {}
    host.as_person("ana", BY_HAND, timeout=120)
    after = look(host)
    found = changed(before, after)
    less = found.pop("package:less")
    assert less["state"][0] is not None and less["state"][1] is None
    assert found.pop("sysctl:net.core.somaxconn")["value"][1] == "77"
    module = found.pop("kernel_module:usb_storage")["state"]
    assert module[0] is None and module[1]["blacklisted"] is True
    assert found == CHANGES
    assert time.time() - after.evidence["package:tree"]["changed_at"] < 600
    assert time.time() - after.evidence["service:ssh"]["ctime"] < 600
    assert time.time() - after.evidence["cron:ana"]["mtime"] < 600

    host.as_person("ana", BACK, timeout=120)
    found = changed(after, look(host))
    assert found.pop("mount:/srv/scratch") == {
        "live_options": (["noexec", "relatime", "rw"], ["noexec", "relatime", "ro"])
    }
    assert found == {
        "package:cron": {"hold": (True, False)},
        "package:hello": {"version": ("2.10-3", "2.10-3+shop1")},
        "package:tree": {"state": ({"version": "2.1.0-1", "hold": False}, None)},
        "service:ssh.socket": {"masked": (True, False)},
        "service:ssh": {"drop_ins": ({"override.conf": "[Service]\nLimitNOFILE=65536"}, {})},
        "service:nginx": {"enabled": (False, True), "running": (False, True)},
        "cron:ana": {"state": ({"jobs": ["7 * * * * /usr/local/bin/poll --fast"]}, None)},
    }


def test_every_shell_of_the_host_sees_the_same(debian_hosts: Hosts) -> None:
    [host] = debian_hosts("web-1")
    first = look(host, shell="dash -s")
    for shell in ("bash -s", "bash --posix -s"):
        assert changed(first, look(host, shell=shell)) == {}


def test_what_an_ordinary_account_may_not_see_is_denied_and_all_else_is_as_root_sees_it(
    debian_hosts: Hosts,
) -> None:
    [host] = debian_hosts("web-1")
    host.run("echo '0 1 * * * /bin/true' | crontab -")
    root, ana = look(host), look(host, user="ana")
    denied = {name for name, why in ana.unknown().items() if why == "denied"}
    assert denied == set(ana.unknown())
    assert {"cron:root", "cron:ana", "sysctl:kernel.cad_pid"} <= denied
    assert all(name.startswith(("cron:", "sysctl:")) for name in denied)
    seen = {name: state for name, state in ana.states.items() if name not in denied}
    assert seen == {name: state for name, state in root.states.items() if name not in denied}
    assert set(ana.listed.values()) == {None}


def test_a_look_costs_the_host_little_and_changes_nothing_there(debian_hosts: Hosts) -> None:
    [host] = debian_hosts("web-1")
    look(host)
    host.run("touch /run/mark; sleep 0.1")
    before = sum(int(word) for word in host.run(OF_SYSTEMD).split())
    program = Collection(EVERYTHING, nonce=NONCE).send()
    assert program is not None
    took = host.run("bash -c 'TIMEFORMAT=\"%U %S\"; time sh -s >/run/answer' 2>&1", stdin=program)
    systemd = (sum(int(word) for word in host.run(OF_SYSTEMD).split()) - before) / 100
    seconds = sum(map(float, took.split())) + systemd
    print(
        f"one look: {seconds:.2f} s of processor time ({took.strip()} for the shell, {systemd} for systemd)"
    )
    assert seconds < 1.5
    assert host.run(CHANGED_FILES).split() == []
