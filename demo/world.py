"""Where the demonstration keeps its hosts, and how they are reached."""

import json
import socket
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
SCANNING_USER = "foldback"
DOWN = "db-3"  # one machine is off: scans have to say so
SECRETS = {"/etc/shop/api.token": "demonstration-only-not-a-real-token\n"}


@dataclass(frozen=True)
class World:
    """Paths below the data directory, and the hosts' addresses: 127.77.0.1, … on one port."""

    data: Path
    port: int
    addresses: dict[str, str]

    @property
    def hosts(self) -> Path:
        return self.data / "hosts"

    def root(self, name: str) -> Path:
        return self.hosts / name

    @property
    def scanning_key(self) -> Path:
        return self.data / "scanning-key"

    def host_key(self, name: str) -> Path:
        return self.data / "host-keys" / name

    @classmethod
    def load(cls, data: Path) -> "World":
        """The world that `create` made; raises FileNotFoundError when there is none."""
        kept = json.loads((data / "world.json").read_text())
        return cls(data, kept["port"], kept["addresses"])

    @classmethod
    def create(cls, data: Path, names: list[str]) -> "World":
        addresses = {name: f"127.77.0.{number}" for number, name in enumerate(names, start=1)}
        world = cls(data, _free_port(list(addresses.values())), addresses)
        data.mkdir(parents=True, exist_ok=True)
        (data / "world.json").write_text(json.dumps({"port": world.port, "addresses": addresses}))
        return world


def _free_port(addresses: list[str]) -> int:
    """A port that is free on every address."""
    for _ in range(50):
        with socket.socket() as probe:
            probe.bind((addresses[0], 0))
            port = int(probe.getsockname()[1])
        if all(_is_free(address, port) for address in addresses):
            return port
    raise RuntimeError("no port is free on every demonstration address; try again")


def _is_free(address: str, port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True
