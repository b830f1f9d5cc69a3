"""The data directory of one running service: who holds it, its generated secrets, its ports.

DATA_DIR/
  .foldback          marks a directory as ours, and is locked by the launcher that runs it
  secrets.env        0600: keys and passwords, made once
  service.env        0600: the environment of the service that runs here, to be sourced
  ports.json         the ports of the embedded engines
  run/ log/          of the present run; logs of each program
"""

import fcntl
import json
import os
import secrets
import shutil
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from config.keys import new_secret, seal_public_of


class CannotStart(Exception):
    """Why the service can't start, in one line that ends with what to do."""


def write_private(path: Path, text: str) -> None:
    """Writes a file that only its owner reads, wholly or not at all."""
    temporary = path.with_name(path.name + ".new")
    temporary.unlink(missing_ok=True)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


class DataDir:
    """A data directory, held by this process until it ends (`with DataDir.hold(path) as data:`)."""

    def __init__(self, path: Path, lock: IO[str]) -> None:
        self.path = path
        self._lock = lock
        self.name = name_of(path) or secrets.token_hex(8)
        if name_of(path) is None:
            lock.write(self.name)
            lock.flush()
        self.log = path / "log"
        self.run = path / "run"

    @classmethod
    def hold(cls, path: Path) -> "DataDir":
        """Makes the directory if need be and locks it. Raises CannotStart when it is held, or not ours."""
        marker = path / ".foldback"
        try:
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = marker.open("a")
        except OSError as error:
            raise CannotStart(
                f"The data directory {path} can't be used ({error.strerror}): "
                "choose another with DATA_DIR=…, or mend its owner and mode."
            ) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.close()
            raise CannotStart(
                f"A service already runs with the data directory {path}: stop it, or choose another with DATA_DIR=…"
            ) from error
        data = cls(path, lock)
        shutil.rmtree(data.run, ignore_errors=True)
        for folder in (data.log, data.run):
            folder.mkdir(mode=0o700, exist_ok=True)
        return data

    def __enter__(self) -> "DataDir":
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.run, ignore_errors=True)
        (self.path / "service.env").unlink(missing_ok=True)
        self._lock.close()

    def secrets(self, names: tuple[str, ...], given: Mapping[str, str]) -> dict[str, str]:
        """The value of each name: as given in the environment, else as kept here, else made and kept."""
        path = self.path / "secrets.env"
        kept = read_env(path) if path.exists() else {}
        made = {name: new_secret(name) for name in names if name not in kept and not given.get(name)}
        if made:
            kept |= made
            write_private(path, "".join(f"{name}={value}\n" for name, value in kept.items()))
        found = {name: given.get(name) or kept[name] for name in names}
        if private := found.get("FOLDBACK_SEAL_PRIVATE"):
            try:
                found["FOLDBACK_SEAL_PUBLIC"] = seal_public_of(private)
            except ValueError as error:
                raise CannotStart(
                    "FOLDBACK_SEAL_PRIVATE is not 32 bytes in base64: `make keys` prints one."
                ) from error
        return found

    def port(self, name: str) -> int:
        """A free loopback port, the same as last time unless another program has taken it."""
        path = self.path / "ports.json"
        ports: dict[str, int] = json.loads(path.read_text()) if path.exists() else {}
        if name not in ports or not port_is_free("127.0.0.1", ports[name]):
            ports[name] = free_port()
            write_private(path, json.dumps(ports) + "\n")
        return ports[name]


def name_of(path: Path) -> str | None:
    """The random word that stays with a data directory wherever it is moved to; None when it has none."""
    try:
        return (path / ".foldback").read_text().strip() or None
    except OSError:
        return None


def read_env(path: Path) -> dict[str, str]:
    """NAME=value lines, as `write_env` wrote them."""
    lines = (line.partition("=") for line in path.read_text().splitlines() if "=" in line)
    return {name: value.strip("'") for name, _, value in lines}


def write_env(path: Path, environment: Mapping[str, str]) -> None:
    """A private file that a shell can source (`set -a; . FILE`); no value may hold a quote or a new line."""
    for name, value in environment.items():
        if "'" in value or "\n" in value:
            raise CannotStart(f"{name} holds a quote or a new line, which can't be handed on: change it.")
    write_private(path, "".join(f"{name}='{value}'\n" for name, value in sorted(environment.items())))


def free_port() -> int:
    """One that the system gives to nobody by itself: from the day it is chosen until an engine listens there may be
    seconds, in which connections and services that begin would take what it gives."""
    ports = range(15_000, 30_000)
    return next(port for port in iter(lambda: secrets.choice(ports), None) if port_is_free("127.0.0.1", port))


def port_is_free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def reset(path: Path) -> None:
    """Empties a data directory that is marked as ours and that nobody runs."""
    if not path.exists():
        return
    if not (path / ".foldback").exists():
        if any(path.iterdir()):
            raise CannotStart(
                f"{path} doesn't look like a data directory of Foldback: it is left alone. Remove it by hand."
            )
        return
    with DataDir.hold(path):
        for entry in path.iterdir():
            if entry.name == ".foldback":
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
