"""However a run of real hosts ends, nothing of it stays that the next run doesn't clear; and nothing else is ended."""

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.entrance.launched import CHECKOUT, clean_environment, identity, until
from tests.hosts.machine import Machine
from tests.hosts.machines import Yard
from tests.hosts.slots import Slot, control_group_parents

pytestmark = pytest.mark.slow


class Run:
    """`make hosts N=2` by itself: what is told, and what it has in the kernel."""

    def __init__(self, folder: Path) -> None:
        self.output = folder / "output"
        kept = {
            name: os.environ[name]
            for name in ("FOLDBACK_HOSTS_CACHE", "XDG_CACHE_HOME")
            if name in os.environ
        }
        with self.output.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.hosts", "2"],
                cwd=CHECKOUT,
                env=clean_environment(**kept),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        until(lambda: "Ctrl-C" in self.said(), 60, "two hosts are booted")
        found = re.search(r"/run/foldback-hosts/slot-(\d+)/", self.said())
        assert found is not None, self.said()
        self.folder, self.number = Path(found[0]), int(found[1])

    def said(self) -> str:
        return self.output.read_text()

    def groups(self) -> list[Path]:
        return [
            group
            for parent in control_group_parents()
            for group in parent.glob(f"foldback-fb{self.number}h*")
        ]

    def processes(self) -> list[tuple[int, str]]:
        lists = [path.read_text() for group in self.groups() for path in group.rglob("cgroup.procs")]
        found = [identity(int(process)) for process in " ".join(lists).split() if process != "0"]
        return [process for process in found if process]

    def interfaces(self) -> list[Path]:
        return list(Path("/sys/class/net").glob(f"ve-fb{self.number}h*"))


@pytest.fixture
def run(debian_yard: object, tmp_path: Path) -> Iterator[Run]:
    run = Run(tmp_path)
    yield run
    with contextlib.suppress(ProcessLookupError):
        run.process.kill()
    run.process.wait(timeout=20)
    Slot().close()


def test_a_run_that_is_killed_takes_its_hosts_with_it_and_the_next_clears_what_is_left(
    run: Run, debian_hosts: Callable[..., list[Machine]]
) -> None:
    [bystander] = debian_hosts("bystander")
    processes, folder = run.processes(), run.folder.stat().st_ino
    assert len(processes) > 10 and len(run.interfaces()) == 2 and run.groups()
    run.process.kill()
    until(lambda: all(identity(pid) != (pid, began) for pid, began in processes), 10, "all processes ended")
    until(lambda: not run.interfaces(), 10, "the interfaces went with them")
    assert "foldback" not in Path("/proc/mounts").read_text()

    Slot().close()  # the next one, unless another run beside this one was
    if run.folder.exists():  # somebody else has taken its number by now
        assert run.folder.stat().st_ino != folder
    else:
        assert not run.groups()
    assert bystander.run("systemctl is-active ssh nginx") == "active\nactive\n"


def test_control_c_ends_hosts_and_leaves_nothing(run: Run) -> None:
    processes, folder = run.processes(), run.folder.stat().st_ino
    run.process.send_signal(signal.SIGINT)
    assert run.process.wait(timeout=20) == 0
    assert "nothing is left running" in run.said()
    assert all(identity(pid) != (pid, began) for pid, began in processes)
    if run.folder.exists():  # somebody else may have taken its number by now
        assert run.folder.stat().st_ino != folder
    else:
        assert not (run.groups() or run.interfaces())


def test_what_another_run_holds_is_not_touched(run: Run) -> None:
    first, second = Slot(), Slot()
    assert len({first.number, second.number, run.number}) == 3
    first.close()
    second.close()
    assert run.processes() and len(run.interfaces()) == 2


def test_a_host_that_was_cut_off_in_the_middle_of_a_word_makes_way_for_the_next(
    debian_yard: Yard, debian_hosts: Callable[..., list[Machine]]
) -> None:
    [host] = debian_hosts("web-1")
    client = ["ssh", "-F", f"{host.slot.folder}/ssh_config", "root@web-1", "while :; do echo word; done"]
    with subprocess.Popen(client, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as talking:
        assert talking.stdout is not None and talking.stdout.read(5) == b"word\n"
        host.cut_off()
        debian_yard.stop(host, hard=True)
        talking.kill()
    [other] = debian_hosts("web-2")
    assert other.place == host.place
