"""A small shop for scenarios: hosts that are directory trees, a definition in Git, people with tokens."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncssh
from django.conf import settings

from common import clock
from demo import trees
from demo.ssh_server import TreeHost, TreeServer
from deployments.core.definition.parse import parse_definition
from deployments.core.definition.render import desired_manifest
from deployments.repository import DefinitionRepository
from inventory.models import Host
from inventory.queries.hosts import host_views
from inventory.services.credentials import create_credential
from inventory.services.host_keys import pin_host_keys
from tests.factories import acting, team, token

USER = "foldback"
DEFINITION = {
    "definition.yaml": "format: 1\n",
    "base/resources.yaml": (
        '# What every host has.\nfiles:\n  /etc/motd: {content: "Authorised use only\\n", mode: "0644"}\n'
    ),
    "roles/web/resources.yaml": (
        "variables: {workers: 4}   # one for each core\n"
        "directories:\n"
        '  /etc/nginx/conf.d: {mode: "0755", exhaustive: true}\n'
        "files:\n"
        '  /etc/nginx/nginx.conf: {template: nginx.conf.j2, mode: "0644"}   # the heart of it\n'
    ),
    "roles/web/templates/nginx.conf.j2": (
        "# {{ host.name }}\n"
        "worker_processes {{ workers }};\n"
        "events {\n    worker_connections 1024;\n}\n"
        "http { include conf.d/*.conf; }\n"
    ),
}


class Shop:
    """Hosts web-1 … web-N, known to Foldback, in sync with the definition until a test edits a tree."""

    def __init__(self, folder: Path, *, hosts: int = 4, definition: dict[str, str] = DEFINITION) -> None:
        self.folder = folder
        self.names = [f"web-{n}" for n in range(1, hosts + 1)]
        who = ("Cy", "cy@shop.example")
        files = {path: text.encode() for path, text in definition.items()}
        self.repository = DefinitionRepository.create(
            settings.DEFINITION_PATH, files=files, author=who, message="Begin\n", when=clock.now()
        )
        self.key = asyncssh.generate_private_key("ssh-ed25519")
        self.tokens = {
            name: token(name, name=f"{name}-test", role=role)[1]
            for name, role in (
                ("ana", "ops"),
                ("ben", "release-manager"),
                ("cy", "admin"),
                ("dee", "auditor"),
            )
        }

    def tree_host(self, name: str) -> TreeHost:
        return TreeHost(name, "127.0.0.1", 0, self.root(name), TreeHost.new_key())

    def root(self, name: str) -> Path:
        return self.folder / "hosts" / name

    def path(self, name: str, path: str) -> Path:
        return self.root(name) / path.lstrip("/")

    @contextmanager
    def served(self, server_class: type[TreeServer] = TreeServer, *, known: bool = True) -> Iterator["Shop"]:
        """Serve the trees over SSH. With `known` Foldback has the hosts, enrolled, and they are as defined."""
        self.trees = {name: self.tree_host(name) for name in self.names}
        public = self.key.export_public_key().decode()
        with serving(server_class(self.trees.values(), {USER: [public]})) as server:
            self.server = server
            if known:
                self.register()
                self.push()
            yield self

    def register(self) -> None:
        """Tell Foldback of the hosts, without the API."""
        payments = team()
        create_credential(
            actor=acting("cy"),
            name="scanning",
            kind="private-key",
            user=USER,
            secret=self.key.export_private_key().decode(),
            is_default=True,
        )
        for name, tree in self.trees.items():
            host = Host.objects.create(
                name=name,
                environment="prod",
                roles=["web"],
                team=payments,
                address="127.0.0.1",
                port=self.server.port(name),
                user=USER,
            )
            pin_host_keys(actor=acting("cy"), host=host, keys=[tree.public_key])

    def inventory(self) -> str:
        """The hosts as an Ansible inventory, for imports."""
        lines = [
            f"{name} ansible_host=127.0.0.1 ansible_port={self.server.port(name)} ansible_user={USER}"
            for name in self.names
        ]
        groups = "".join(
            f"\n[{group}]\n" + "\n".join(self.names) + "\n"
            for group in ("env_prod", "role_web", "team_payments")
        )
        return "\n".join(lines) + "\n" + groups

    def push(self, *names: str) -> None:
        """Bring trees to what the definition says now, as somebody's pusher would."""
        definition = parse_definition(self.repository.files(self.repository.head()))
        views = host_views()
        for name in names or self.names:
            trees.lay(
                self.root(name),
                name,
                desired_manifest(definition, views[name]),
                at=clock.now() - timedelta(days=1),
                secrets={},
            )

    def edit(self, path: str, old: str, new: str, *, on: Sequence[str]) -> None:
        for name in on:
            trees.edit(self.path(name, path), old, new, at=clock.now())

    def files(self) -> dict[str, str]:
        head = self.repository.head()
        return {path: data.decode() for path, data in self.repository.files(head).items()}


@contextmanager
def serving(server: TreeServer) -> Iterator[TreeServer]:
    """Run an SSH server in a thread with an event loop of its own."""
    box: dict[str, Any] = {}
    started = threading.Event()

    async def main() -> None:
        box["loop"], box["stop"] = asyncio.get_running_loop(), asyncio.Event()
        async with server:
            started.set()
            await box["stop"].wait()

    def run() -> None:
        try:
            asyncio.run(main())
        except Exception as error:
            box["error"] = error
        finally:
            started.set()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    started.wait(timeout=30)
    if "error" in box:
        raise box["error"]
    try:
        yield server
    finally:
        box["loop"].call_soon_threadsafe(box["stop"].set)
        thread.join(timeout=20)
