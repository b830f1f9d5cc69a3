"""The people and programs of the demonstration, and its hosts as an inventory would bring them."""

from dataclasses import dataclass

import asyncssh

from common.core import roles
from common.core.actor import SYSTEM, Actor
from common.models import Person
from common.services.people import actor_for_person, actor_for_token, create_person, create_token
from demo.ssh_server import TreeHost
from demo.world import HERE, SCANNING_USER, World
from inventory.core.imports.reader import read_inventory
from inventory.models import Host
from inventory.services.credentials import create_credential
from inventory.services.host_keys import pin_host_keys
from inventory.services.imports import import_hosts
from inventory.services.teams import create_team


@dataclass(frozen=True)
class Cast:
    ana: Actor
    ben: Actor
    cy: Actor
    deploy: Actor

    @staticmethod
    def person(actor: Actor) -> Person:
        assert actor.person_id is not None
        return Person.objects.get(pk=actor.person_id)


def host_names() -> list[str]:
    """The two dozen, in the order of their addresses."""
    return (
        [f"web-{n}" for n in range(1, 13)]
        + [f"api-{n}" for n in range(1, 6)]
        + [f"db-{n}" for n in range(1, 4)]
        + ["stage-web-1", "stage-web-2", "stage-api-1", "stage-db-1"]
    )


def make_people() -> Cast:
    people = {}
    for username, name, role in (
        ("ana", "Ana Ruiz", roles.OPS),
        ("ben", "Ben Okafor", roles.RELEASE_MANAGER),
        ("cy", "Cy Tan", roles.ADMIN),
        ("dee", "Dee Novak", roles.AUDITOR),
    ):
        email = f"{username}@shop.example"
        people[username] = create_person(actor=SYSTEM, username=username, name=name, role=role, email=email)
    token, _ = create_token(actor=SYSTEM, name="deploy-bot", role=roles.AUTOMATION, sponsor=people["ben"])
    ana, ben, cy = (actor_for_person(people[name]) for name in ("ana", "ben", "cy"))
    return Cast(ana=ana, ben=ben, cy=cy, deploy=actor_for_token(token))


def make_hosts(world: World, cast: Cast) -> None:
    """Teams, hosts from the inventory file, the scanning credential, and each host's key, pinned."""
    for team, lead in (("storefront", cast.ana), ("platform", cast.cy)):
        create_team(actor=cast.cy, name=team, lead=cast.person(lead))
    addresses = "".join(
        f"{name} ansible_host={address} ansible_port={world.port} ansible_user={SCANNING_USER}\n"
        for name, address in world.addresses.items()
    )
    plan = read_inventory(addresses + (HERE / "inventory.ini").read_text(), path="demo/inventory.ini")
    import_hosts(actor=cast.cy, plan=plan, dry_run=False)
    key = asyncssh.generate_private_key("ssh-ed25519", comment="foldback scanning")
    world.scanning_key.write_bytes(key.export_public_key())
    create_credential(
        actor=cast.cy,
        name="scanning",
        kind="private-key",
        user=SCANNING_USER,
        secret=key.export_private_key().decode(),
        is_default=True,
    )
    for host in Host.objects.all():
        path = world.host_key(host.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_bytes(TreeHost.new_key())
        pin_host_keys(actor=cast.cy, host=host, keys=[tree_host(world, host.name).public_key])


def tree_host(world: World, name: str) -> TreeHost:
    key = world.host_key(name).read_bytes()
    return TreeHost(name, world.addresses[name], world.port, world.root(name), key)
