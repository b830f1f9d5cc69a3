"""Completion in a real bash: what it suggests is what the command takes."""

import shlex
import subprocess
from pathlib import Path

import pytest

from tests.cli.command import COMMAND, Shell


@pytest.mark.parametrize(
    ("line", "suggested"),
    [
        ("foldback inc", ["incident"]),
        ("foldback incident cl", ["close"]),
        ("foldback log x --incid", ["--incident"]),
        ("foldback incident open x --severity c", ["critical"]),
        ("foldback decide w", ["waive"]),
        ("foldback fix -- sys", []),
    ],
)
def test_bash_completes(line: str, suggested: list[str], tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "foldback").symlink_to(COMMAND)
    shell.environment["PATH"] = f"{tmp_path}/bin:{shell.environment['PATH']}"
    words = line.split(" ")
    script = (
        f"{shell('completion', 'bash').stdout}\n"
        f"COMP_WORDS=({' '.join(shlex.quote(word) for word in words)}); COMP_CWORD={len(words) - 1}\n"
        '_foldback; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", script], env=shell.environment, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == suggested


def test_what_is_printed_for_zsh_and_bash_names_the_command(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    assert "compdef _foldback foldback" in shell("completion", "zsh").stdout
    assert "complete -o default -F _foldback foldback" in shell("completion", "bash").stdout
    assert shell("completion", "fish").returncode == 2
