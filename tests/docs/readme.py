"""The README's commands, and a shell to run them in as a reader would: one after the other, in one session.

A block is marked by an HTML comment, which readers don't see: `walk` is run against `make demo`, `real` against
`make up`. `told` is what the block before it prints: its lines, in this order, with others between them.
"""

import os
import re
import selectors
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.docs.markdown import CHECKOUT, page
from tests.entrance.launched import clean_environment

_BLOCK = re.compile(r"^<!-- (\w+) -->\n```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_REFERENCE = re.compile(r"\b(CHG|DRF|DEC|SCN|JOB)-\d+\b")
_DONE = "@@ the block is done @@"


@dataclass
class Step:
    """`told` are lines that its output holds, in this order."""

    kind: str
    commands: str
    told: tuple[str, ...] = ()


def steps(*kinds: str) -> list[Step]:
    found: list[Step] = []
    for kind, text in _BLOCK.findall(page("README.md").text):
        if kind == "told":
            found[-1].told = tuple(line.strip() for line in text.splitlines() if line.strip())
        else:
            found.append(Step(kind, text))
    return [step for step in found if step.kind in kinds]


def missing(told: tuple[str, ...], output: str) -> list[str]:
    """The lines of `told` that `output` doesn't hold in this order; numbers of references don't count."""
    left = [_without_numbers(line.strip()) for line in output.splitlines()]
    lost = []
    for line in told:
        wanted = _without_numbers(line)
        if wanted in left:
            left = left[left.index(wanted) + 1 :]
        else:
            lost.append(line)
    return lost


def _without_numbers(text: str) -> str:
    return _REFERENCE.sub(r"\1-N", text)


class Shell:
    """bash, in a folder of its own; `make manage` runs in this virtual environment instead of making another."""

    def __init__(self, folder: Path, **environment: str) -> None:
        folder.mkdir(exist_ok=True)
        self._process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env=clean_environment(
                PYTHONPATH=str(CHECKOUT),
                PY=sys.executable,
                MANAGE=str(CHECKOUT / "manage.py"),
                GIT_AUTHOR_NAME="Cy", GIT_AUTHOR_EMAIL="cy@shop.example",
                GIT_COMMITTER_NAME="Cy", GIT_COMMITTER_EMAIL="cy@shop.example",
                **environment,
            ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
        self.run(
            "set -euo pipefail\n"
            'make() { while [[ $1 != ARGS=* ]]; do shift; done; eval "set -- ${1#ARGS=}"; '
            '"$PY" -m config.launch with -- "$PY" "$MANAGE" "$@"; }'
        )

    def run(self, commands: str, *, seconds: float = 60) -> str:
        """What the commands wrote; AssertionError when one of them failed or they took too long."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{{\n{commands}\n}} </dev/null\necho '{_DONE}'\n".encode())
        self._process.stdin.flush()
        output, complete = self._read(seconds)
        assert complete, f"this failed, or took more than {seconds:.0f} s:\n{commands}\nIt said:\n{output}"
        return output

    def _read(self, seconds: float) -> tuple[str, bool]:
        assert self._process.stdout is not None
        read, deadline = b"", time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while not read.endswith(f"{_DONE}\n".encode()):
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    return read.decode(errors="replace"), False
                if not (chunk := os.read(self._process.stdout.fileno(), 65536)):
                    return read.decode(errors="replace"), False
                read += chunk
        return read.decode(errors="replace").removesuffix(f"{_DONE}\n"), True

    def follow(self, step: Step) -> str:
        """Run a step, and hold what it prints against what the README shows."""
        output = self.run(step.commands)
        assert missing(step.told, output) == [], (
            f"the README shows other lines than\n{step.commands}\n{output}"
        )
        return output

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()
