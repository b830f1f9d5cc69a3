"""What people do by hand on a real Debian host, and what of each is seen to differ afterwards."""

import asyncio
from collections.abc import Callable

import pytest

from deployments.collector.protocol import Observation, Question
from deployments.core.states import ABSENT, Present, State
from deployments.transport.ssh import Credential, SshTransport
from drift.scanner import Scan, Target, look_at
from tests.hosts.machine import Machine

pytestmark = pytest.mark.slow

WATCHED = ("user", "group", "port", "firewall", "container", "sudoers", "authorized_keys")
QUESTION = Question.of(["file:/etc/motd", "file:/usr/bin/less"], ["/srv"], watched=frozenset(WATCHED))
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIC0uKlc4EWseAHOH87vySIAtlg0cD2jD8cWHfeeQcRnW ben@home"
FINGERPRINT = "SHA256:FSYlx+JtrNs6/D5Wdzft/PZTKFzUMLRGQ+QDKF5rmaA ben@home"


def look(host: Machine) -> Observation:
    key = (host.slot.folder / "keys/root").read_bytes()
    transport = SshTransport(host.address, "root", Credential.private_key(key), [host.public_key])
    scan = Scan(lambda target: transport, lambda: "n0123456789abcdef", lambda: 0.0, hmac_key=b"k" * 32)
    found = asyncio.run(look_at(Target("h", QUESTION), scan)).observation
    assert found.failure is None and found.problems == () and found.unknown() == {}
    assert {found.listed[f"{kind}:"] for kind in WATCHED} == {None}
    return found


def moved(before: Observation, after: Observation) -> dict[str, tuple[State, State]]:
    names = {*before.states, *after.states}
    both = {name: (before.state_of(name), after.state_of(name)) for name in names}
    return {name: pair for name, pair in both.items() if pair[0] != pair[1]}


def attribute(pair: tuple[State, State], name: str) -> tuple[object, object]:
    one, other = (state.data.get(name) if isinstance(state, Present) else state for state in pair)
    return one, other


def test_each_change_by_hand_is_one_difference_and_nothing_else_moves(
    debian_hosts: Callable[..., list[Machine]],
) -> None:
    [host] = debian_hosts("web-1")
    host.run("echo hello >/etc/motd; touch /srv/app")
    before = look(host)
    assert moved(before, look(host)) == {}
    host.as_person("ana", "sudo usermod -aG www-data ben")
    host.as_person("ana", "echo 'ben ALL=(ALL) NOPASSWD: ALL' | sudo tee /etc/sudoers.d/ben # on call")
    host.as_person("ben", f"echo '{KEY}' >>~/.ssh/authorized_keys")
    host.as_person("ana", "sudo nft add table inet shop && sudo nft add chain inet shop in")
    host.as_person("ana", "sudo setfacl -m u:ben:rw /etc/motd && sudo setfacl -m u:ben:r /srv/app")
    host.as_person("ana", "sudo setcap cap_net_raw+ep /usr/bin/less")
    host.as_person("ana", "sudo systemctl stop nginx && sudo groupadd shop")
    found = moved(before, look(host))
    assert set(found) == {
        "user:ben",
        "sudoers:/etc/sudoers.d/ben",
        "authorized_keys:/home/ben/.ssh/authorized_keys",
        "firewall:nft/inet/shop",
        "file:/etc/motd",
        "file:/srv/app",
        "file:/usr/bin/less",
        "port:tcp/0.0.0.0:80",
        "port:tcp/[::]:80",
        "group:shop",
    }
    assert attribute(found["user:ben"], "groups") == (["sudo"], ["sudo", "www-data"])
    assert found["sudoers:/etc/sudoers.d/ben"] == (
        ABSENT,
        Present({"rules": ["ben ALL=(ALL) NOPASSWD: ALL"]}),
    )
    keys = attribute(found["authorized_keys:/home/ben/.ssh/authorized_keys"], "keys")[1]
    assert isinstance(keys, list) and FINGERPRINT in keys and len(keys) == 2
    assert found["firewall:nft/inet/shop"] == (ABSENT, Present({"rules": ["chain in:"]}))
    assert attribute(found["file:/etc/motd"], "acl") == (None, ["group::r--", "user:ben:rw-"])
    assert attribute(found["file:/srv/app"], "acl") == (None, ["group::r--", "user:ben:r--"])
    assert attribute(found["file:/usr/bin/less"], "capabilities") == (None, "cap_net_raw=ep")
    assert found["port:tcp/0.0.0.0:80"] == (Present({"process": "nginx"}), ABSENT)
    host.as_person("ana", "sudo setfacl -b /etc/motd /srv/app && sudo setcap -r /usr/bin/less")
    host.as_person("ana", "sudo gpasswd -d ben www-data && sudo rm /etc/sudoers.d/ben && sudo groupdel shop")
    host.as_person("ana", "sudo nft delete table inet shop && sudo systemctl start nginx")
    assert set(moved(before, look(host))) - {"file:/etc/motd"} == {
        "authorized_keys:/home/ben/.ssh/authorized_keys"
    }
