"""What supervised programs are started through: it takes away what they must not have, and lets none outlive us."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from config.engines import child_command
from tests.entrance.launched import identity, until


def run(*options: str, code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = child_command(*options, command=(sys.executable, "-c", code))
    return subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, timeout=30)


def test_a_dropped_variable_is_not_in_the_programs_environment_and_others_are() -> None:
    code = "import os; print('DATABASE_OWNER_URL' in os.environ, os.environ['KEPT'])"
    done = run("--without", "DATABASE_OWNER_URL", code=code, DATABASE_OWNER_URL="secret", KEPT="kept")
    assert done.stdout.split() == ["False", "kept"], done.stderr


def test_an_engine_is_told_nothing_of_our_environment() -> None:
    code = "import os; print(sorted(set(os.environ) - {'PATH', 'LANG', 'LC_ALL', 'LC_CTYPE', 'TZ'}))"
    assert run("--clean-environment", code=code, FOLDBACK_SECRET_KEY="x").stdout.strip() == "[]"


def test_the_status_of_the_program_is_passed_on() -> None:
    assert run(code="raise SystemExit(7)").returncode == 7


def test_a_program_that_is_not_there_is_named() -> None:
    done = subprocess.run(child_command(command=("/no/such/program",)), capture_output=True, text=True)
    assert done.returncode != 0
    assert "/no/such/program: No such file" in done.stderr


def test_a_program_waits_for_its_turn(tmp_path: Path) -> None:
    gate, mark = tmp_path / "gate", tmp_path / "mark"
    command = child_command("--after", str(gate), command=("touch", str(mark)))
    with subprocess.Popen(command) as waiting:
        time.sleep(0.5)
        assert not mark.exists() and waiting.poll() is None
        gate.touch()
        assert waiting.wait(timeout=10) == 0
    assert mark.exists()


@pytest.mark.parametrize("stage", ["waiting", "running"])
def test_a_program_ends_when_its_parent_is_killed(stage: str, tmp_path: Path) -> None:
    options = ("--after", str(tmp_path / "never")) if stage == "waiting" else ()
    command = child_command(*options, command=("sleep", "300"))
    parent_code = (
        f"import subprocess, sys; p = subprocess.Popen({command!r}); print(p.pid, flush=True); p.wait()"
    )
    with subprocess.Popen([sys.executable, "-c", parent_code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        time.sleep(0.3)
        assert identity(child) is not None
        parent.send_signal(signal.SIGKILL)
    until(lambda: identity(child) is None, 5, "the program has ended")


@pytest.mark.needs("root")
def test_a_program_given_to_another_user_has_no_way_back_and_still_ends_with_its_parent(
    tmp_path: Path,
) -> None:
    code = "import os; print(os.getresuid(), os.getresgid(), os.getgroups())"
    done = subprocess.run(
        child_command("--user", "nobody", "--directory", "/", command=("/usr/bin/python3", "-c", code)),
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout.strip() == "(65534, 65534, 65534) (65534, 65534, 65534) []", done.stderr
