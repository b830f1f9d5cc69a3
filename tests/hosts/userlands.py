"""The shells and tools that the collector meets, on trees in temporary folders.

`userland` is each of them in turn: GNU's tools under dash, bash and bash as POSIX has it; and BusyBox, whose shell
finds BusyBox's applets and nothing else.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from deployments.collector.protocol import Collection, Observation, Question
from deployments.core.states import State

NONCE = "n0123456789abcdef"
KEY = b"k" * 32
GNU_PATH = "/usr/bin:/bin"
NOBODY = 65534
# What the collector adds to PATH, for hosts whose login shells have less.
USUAL = b":/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def everything(resource: str, state: State) -> bool:
    return True


@dataclass(frozen=True)
class Userland:
    """A shell and the tools it finds."""

    name: str
    shell: tuple[str, ...]
    path: str
    root: str = ""
    user: int | None = None
    alone: bool = False
    """Whether there is nothing but what is on `path`: what the collector adds to it leads nowhere."""

    def run(self, program: bytes, **environment: str) -> "subprocess.CompletedProcess[bytes]":
        if self.alone:
            program = program.replace(USUAL, b"")
        env = {"PATH": self.path, "FOLDBACK_ROOT": self.root, **environment}
        if self.user is None:
            return subprocess.run(self.shell, input=program, capture_output=True, env=env, timeout=60)
        return subprocess.run(
            self.shell,
            input=program,
            capture_output=True,
            env=env,
            timeout=60,
            user=self.user,
            group=self.user,
            extra_groups=(),
        )

    def look(self, question: Question, **options: Any) -> Observation:
        collection = Collection(question, nonce=NONCE, hmac_key=options.pop("hmac_key", KEY), **options)
        while (program := collection.send()) is not None:
            sent = time.time()
            done = self.run(program)
            assert done.stderr == b""
            collection.receive(done.stdout, None, exit_status=done.returncode, times=(sent, time.time()))
        return collection.result()

    def at(self, root: Path) -> "Userland":
        return replace(self, root=str(root))


@pytest.fixture(scope="session")
def busybox_path() -> Iterator[str]:
    """A folder with BusyBox under all of its names, which other users may enter."""
    binary = shutil.which("busybox")
    if binary is None:
        pytest.skip("no BusyBox (apt install busybox)")
    folder = Path(tempfile.mkdtemp(prefix="foldback-busybox-"))
    folder.chmod(0o755)
    for applet in subprocess.run(
        [binary, "--list"], capture_output=True, text=True, check=True
    ).stdout.split():
        (folder / applet).symlink_to(binary)
    yield str(folder)
    shutil.rmtree(folder)


@pytest.fixture(params=["dash", "bash", "bash --posix", "busybox"])
def userland(request: pytest.FixtureRequest) -> Userland:
    if request.param == "busybox":
        path = request.getfixturevalue("busybox_path")
        return Userland("busybox", (f"{path}/sh", "-s"), path, alone=True)
    shell, *options = request.param.split()
    found = shutil.which(shell)
    if found is None:
        pytest.skip(f"no {shell}")
    return Userland(request.param, (found, *options, "-s"), GNU_PATH)


@pytest.fixture
def tree() -> Iterator[Path]:
    """An empty root that other users may enter, unlike pytest's own folders."""
    root = Path(tempfile.mkdtemp(prefix="foldback-tree-"))
    root.chmod(0o755)
    (root / "etc").mkdir()
    yield root
    for directory, names, _ in os.walk(root):  # from above: what is shut is opened before it is entered
        for name in names:
            if not os.path.islink(os.path.join(directory, name)):
                os.chmod(os.path.join(directory, name), 0o755)
    shutil.rmtree(root)


def as_ordinary_user(userland: Userland) -> Userland:
    """Somebody to whom permissions mean something."""
    return replace(userland, user=NOBODY) if os.geteuid() == 0 else userland
