"""A remote over SSH, against a real server on loopback: its key is checked before anything is sent to it."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncssh
import pygit2
import pytest

from deployments.repository import DefinitionRepository
from deployments.repository_remote import MAX_SIGN_IN_ATTEMPTS, Remote, RemoteFailure, fetch


class Listening:
    """An SSH server in a thread of its own that lets nobody in and keeps what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.key = asyncssh.generate_private_key("ssh-ed25519")
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run)
        self._ready = threading.Event()

    def __enter__(self) -> "Listening":
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _run(self) -> None:
        told = self.told

        class Server(asyncssh.SSHServer):
            def begin_auth(self, username: str) -> bool:
                told.append(username)
                return True

            def password_auth_supported(self) -> bool:
                return True

            def validate_password(self, username: str, password: str) -> bool:
                told.append(password)
                return False

        async def listen() -> None:
            server = await asyncssh.create_server(Server, "127.0.0.1", 0, server_host_keys=[self.key])
            self.port = server.get_port()
            self._ready.set()

        self._loop.run_until_complete(listen())
        self._loop.run_forever()


@pytest.fixture
def listening() -> Iterator[Listening]:
    with Listening() as server:
        yield server


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """Where libgit2 looks for .ssh/known_hosts."""
    (tmp_path / ".ssh").mkdir()
    settings: Any = pygit2.settings
    before = settings.homedir
    settings.homedir = str(tmp_path)
    yield tmp_path
    settings.homedir = before


def know(home: Path, port: int, key: asyncssh.SSHKey) -> None:
    line = f"[127.0.0.1]:{port} {key.export_public_key().decode()}"
    (home / ".ssh" / "known_hosts").write_text(line)


def fetch_with_password(port: int, directory: Path) -> None:
    pygit2.init_repository(str(directory / "d.git"), bare=True, initial_head="main")
    remote = Remote(f"ssh://git@127.0.0.1:{port}/x.git", credentials=pygit2.UserPass("git", "hunter2"))
    fetch(DefinitionRepository(directory / "d.git"), remote)


def test_nothing_is_sent_to_a_remote_whose_key_is_unknown(listening: Listening, home: Path) -> None:
    with pytest.raises(RemoteFailure, match="unknown or has changed"):
        fetch_with_password(listening.port, home)
    assert listening.told == []


def test_nothing_is_sent_to_a_remote_whose_key_has_changed(listening: Listening, home: Path) -> None:
    know(home, listening.port, asyncssh.generate_private_key("ssh-ed25519"))
    with pytest.raises(RemoteFailure, match="unknown or has changed"):
        fetch_with_password(listening.port, home)
    assert listening.told == []


def test_a_known_remote_that_refuses_us_is_not_asked_for_ever(listening: Listening, home: Path) -> None:
    know(home, listening.port, listening.key)
    with pytest.raises(RemoteFailure, match="did not accept"):
        fetch_with_password(listening.port, home)
    assert listening.told == ["git", *["hunter2"] * MAX_SIGN_IN_ATTEMPTS]
