"""The command as a process, with a home of its own."""

import json
import os
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import Any

COMMAND = Path(__file__).resolve().parents[2] / "cli" / "foldback"


def load() -> Any:
    """The file as a module, for what is pure in it."""
    loader = SourceFileLoader("foldback_command", str(COMMAND))
    spec = spec_from_loader("foldback_command", loader)
    assert spec is not None
    module = module_from_spec(spec)
    bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = bytecode
    return module


class Shell:
    """Somebody's login on some host: `shell("log", "title")` is a finished process."""

    def __init__(
        self, folder: Path, url: str = "", token: str = "fb_ana", *, python: str = sys.executable
    ) -> None:
        self.home = folder / "home"
        self.home.mkdir(parents=True, exist_ok=True)
        self.python = python
        self.environment = {
            "HOME": str(self.home),
            "PATH": os.environ["PATH"],
            "FOLDBACK_HOST": "web-3",
            "COLUMNS": "120",
            "LC_ALL": "C.UTF-8",
            "FOLDBACK_CONFIG": str(self.home / "config"),
        }
        if url:
            self.environment |= {"FOLDBACK_URL": url, "FOLDBACK_TOKEN": token}

    @property
    def spool(self) -> Path:
        return self.home / ".local" / "state" / "foldback"

    def waiting(self) -> list[dict[str, Any]]:
        return [json.loads(path.read_text()) for path in sorted(self.spool.glob("[!.]*.json"))]

    def start(self, *arguments: str, **environment: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [self.python, str(COMMAND), *arguments],
            env=self.environment | environment,
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(
        self, *arguments: str, stdin: str = "", **environment: str
    ) -> "subprocess.CompletedProcess[str]":
        done = subprocess.run(
            [self.python, str(COMMAND), *arguments],
            env=self.environment | environment,
            cwd=self.home,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def json(self, *arguments: str) -> Any:
        return json.loads(self(*arguments, "--json").stdout)
