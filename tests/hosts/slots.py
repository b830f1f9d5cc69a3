"""A slot: a number of this machine that one run of real hosts holds, for names and addresses of its own.

All that a run leaves in the kernel is named by its slot: control groups, network interfaces, a folder in /run.
The slot is held by a lock on a file, which the kernel lets go however the holder ends. Whoever takes a slot
first clears what is left in the slots that nobody holds, and touches nothing else.
"""

import contextlib
import fcntl
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

RUN = Path("/run/foldback-hosts")
SLOTS = 64
GROUPS = "control-groups"
HOSTS_PER_SLOT = 60


class NoSlot(Exception):
    """Every slot of this machine is held."""


class Slot:
    """`Slot()` takes the first that is free; `close()` clears it and lets go."""

    def __init__(self) -> None:
        RUN.mkdir(mode=0o755, parents=True, exist_ok=True)
        self.number, self._lock = _first_free()
        _clear(self.number)
        _clear_forgotten()
        self.folder = _folder(self.number)
        self.folder.mkdir(mode=0o755)
        # What goes to a host that is down must not leave this machine by its default route.
        subprocess.run(["ip", "route", "replace", "unreachable", _network(self.number)], check=True)

    def machine(self, place: int) -> str:
        """The unique name of the host at a place (from 1): of its machine, its interface and its groups."""
        return f"fb{self.number}h{place}"

    def addresses(self, place: int) -> tuple[str, str]:
        """This machine's and the host's end of the wire: a network of four addresses of the range for
        benchmarks, which is routed nowhere."""
        network = _network(self.number).removesuffix("0/24")
        return f"{network}{4 * place + 1}", f"{network}{4 * place + 2}"

    def control_groups(self, place: int) -> list[Path]:
        """The host's own groups, made. Without, systemd in one host would take another's processes for its own."""
        groups = [parent / f"foldback-{self.machine(place)}" for parent in control_group_parents()]
        with (self.folder / GROUPS).open("a") as noted:  # first: what is not noted would not be cleared
            noted.writelines(f"{group}\n" for group in groups)
        for group in groups:
            group.mkdir(exist_ok=True)
        return groups

    def clear_groups(self, place: int) -> None:
        _remove_groups(self.folder, f"foldback-{self.machine(place)}")

    def clear_interface(self, place: int) -> None:
        """The host's network ends with it, but not before its kernel has given up what it still has to send."""
        subprocess.run(["ip", "link", "delete", f"ve-{self.machine(place)}"], capture_output=True)

    def close(self) -> None:
        _clear(self.number)
        os.close(self._lock)


def control_group_parents() -> Iterator[Path]:
    """Where in the hierarchies that systemd keeps (the unified one, and its named one of old) we are ourselves."""
    mounts: dict[str, tuple[str, Path]] = {}
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        if kind == "cgroup2" or (kind == "cgroup" and "name=systemd" in options):
            mounts.setdefault(kind, (before.split()[3], Path(before.split()[4])))
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        kind = {"": "cgroup2", "name=systemd": "cgroup"}.get(controllers, "none of systemd's")
        if kind in mounts:
            top, mounted = mounts[kind]
            yield mounted / os.path.relpath(path, top)


def _network(number: int) -> str:
    return f"198.18.{number}.0/24"


def _folder(number: int) -> Path:
    return RUN / f"slot-{number}"


def _first_free() -> tuple[int, int]:
    for number in range(SLOTS):
        if (held := _held(number)) is not None:
            return number, held
    raise NoSlot(f"all {SLOTS} slots below {RUN} are held")


def _clear_forgotten() -> None:
    """What runs that were killed have left in other slots than ours."""
    for path in RUN.glob("slot-*.lock"):
        number = int(path.stem.removeprefix("slot-"))
        if _folder(number).exists() and (held := _held(number)) is not None:
            _clear(number)
            os.close(held)


def _held(number: int) -> int | None:
    """A descriptor that holds the slot; None when somebody else does. Our children don't inherit it."""
    descriptor = os.open(RUN / f"slot-{number}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _clear(number: int) -> None:
    """End and remove what a run left in this slot, which the caller holds."""
    named = re.compile(rf"ve-fb{number}h\d+$")
    _remove_groups(_folder(number), "foldback-*")
    for interface in [path for path in Path("/sys/class/net").glob("ve-*") if named.match(path.name)]:
        subprocess.run(["ip", "link", "delete", interface.name], capture_output=True)
    subprocess.run(["ip", "route", "delete", "unreachable", _network(number)], capture_output=True)
    shutil.rmtree(_folder(number), ignore_errors=True)


def _remove_groups(folder: Path, pattern: str) -> None:
    """Those that are noted in the slot's folder and whose names match."""
    with contextlib.suppress(FileNotFoundError):
        for group in map(Path, (folder / GROUPS).read_text().splitlines()):
            if group.match(pattern):
                _remove_group(group)


def _remove_group(group: Path, *, within: float = 10.0) -> None:
    """End every process in the group and below, then remove it."""
    deadline = time.monotonic() + within
    while group.exists():
        below = [Path(found) for found, _, _ in os.walk(group, topdown=False)]
        for folder in below:
            with contextlib.suppress(OSError):
                for process in (folder / "cgroup.procs").read_text().split():
                    if process != "0":  # of another namespace, which isn't ours to end
                        with contextlib.suppress(ProcessLookupError):
                            os.kill(int(process), signal.SIGKILL)
        for folder in below:
            with contextlib.suppress(OSError):
                folder.rmdir()
        if group.exists():
            if time.monotonic() > deadline:
                raise RuntimeError(f"{group} can't be emptied")
            time.sleep(0.02)
