"""Real Debian machines on this one: each a systemd of its own with sshd, nginx, cron and a dpkg database.

    with Yard() as yard:
        web, db = yard.boot("web-1", "db-1")
        web.as_person("ana", "sudo systemctl stop cron")   # a login over SSH, recorded there as hers
        web.run("systemctl is-active cron")                # looking and preparing: leaves no trace of a login

A host is an overlay over the image, in memory, in namespaces of its own for mounts and processes. So nothing is
mounted where others see it, and when its first process ends, everything of it ends. The kernel ends that process
when the one that booted it dies, however it dies. Boot from the main thread only: the kernel counts the end of
the thread as that of the parent.
"""

import io
import os
import signal
import socket
import subprocess
import tarfile
import threading
import time
import uuid
from pathlib import Path

from config.supervise import descendants
from tests.hosts.image import PEOPLE, Image
from tests.hosts.machine import HostFailed, Machine, quietly
from tests.hosts.slots import HOSTS_PER_SLOT, Slot

BOOT_SECONDS = 60.0
STOP_SECONDS = 15.0
POWER_OFF = signal.SIGRTMIN + 4

# Arguments: a folder, the image, the machine's name, then control groups. Standard input: the host's own files.
START = """
set -e
room=$1 image=$2 machine=$3
shift 3
for group; do echo 0 >"$group/cgroup.procs"; done
mount -t tmpfs -o mode=0755,size=512m foldback "$room"
mkdir "$room/upper" "$room/work" "$room/root"
mount -t overlay -o "lowerdir=$image,upperdir=$room/upper,workdir=$room/work" foldback "$room/root"
tar -x -f - -C "$room/root" --no-overwrite-dir --numeric-owner
exec systemd-nspawn -q -D "$room/root" --boot --register=no --keep-unit --machine="$machine" \\
    --network-veth --resolv-conf=off --link-journal=no --timezone=off
"""
APART = (
    "setpriv", "--pdeathsig", "KILL",
    "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private",
)  # fmt: skip


class Yard:
    """Where hosts are booted. Everything that was booted here ends with it."""

    def __init__(self, image: Image | None = None) -> None:
        self.image_root = (image or Image()).make()
        self.slot = Slot()
        self.machines: list[Machine] = []
        self.keys = self.slot.folder / "keys"
        self.keys.mkdir(mode=0o700)
        for person in ("root", *PEOPLE):
            _make_key(self.keys / person, comment=f"{person}@console")
        self._write_ssh_files()

    def __enter__(self) -> "Yard":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.stop(*self.machines)
        self.slot.close()

    def private_key(self, person: str) -> str:
        """The private key, as OpenSSH has it, with which root, ana or ben logs in to every host here."""
        return (self.keys / person).read_text()

    def boot(self, *names: str) -> list[Machine]:
        """Boot hosts of these names, all at once; returns when each runs and answers on port 22."""
        assert threading.current_thread() is threading.main_thread(), "its end would end the hosts"
        free = (n for n in range(1, HOSTS_PER_SLOT + 1) if n not in {other.place for other in self.machines})
        booted: list[Machine] = []
        try:
            for name in names:
                booted.append(machine := self._start(name, next(free)))
                self.machines.append(machine)
            self._write_ssh_files()
            for machine in booted:
                self._connect(machine)
            for machine in booted:
                self._await(machine)
        except BaseException:
            self.stop(*booted, hard=True)
            raise
        return booted

    def stop(self, *machines: Machine, hard: bool = False) -> None:
        """Shut hosts down as a power button would; with `hard`, or after too long, as a power cut."""
        for machine in machines:
            if machine.init and not hard and machine.process.poll() is None:
                os.kill(machine.init, POWER_OFF)
            else:
                machine.process.kill()
        deadline = time.monotonic() + STOP_SECONDS
        for machine in machines:
            try:
                machine.process.wait(timeout=max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                machine.process.kill()
                machine.process.wait()
            self.slot.clear_groups(machine.place)
            self.slot.clear_interface(machine.place)
            machine.room.rmdir()
            self.machines.remove(machine)

    # ---- the steps of booting

    def _start(self, name: str, place: int) -> Machine:
        unique = self.slot.machine(place)
        gateway, address = self.slot.addresses(place)
        room = self.slot.folder / unique
        room.mkdir()
        key = self.keys / f"host-{unique}"
        key.unlink(missing_ok=True)
        _make_key(key, comment=f"root@{name}")
        arguments = [str(room), str(self.image_root), unique, *map(str, self.slot.control_groups(place))]
        with (self.slot.folder / f"{unique}.log").open("wb") as log:
            process = subprocess.Popen(
                [*APART, "sh", "-c", START, "start", *arguments],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
                start_new_session=True,
            )
        public_key = " ".join(key.with_suffix(".pub").read_text().split()[:2])
        made = Machine(name, place, unique, gateway, address, public_key, self.slot, process)
        assert process.stdin is not None
        with process.stdin as files:
            files.write(self._own_files(name, key))
        return made

    def _own_files(self, name: str, key: Path) -> bytes:
        """A tar file of what this host alone has."""
        files = [
            ("etc/hostname", f"{name}\n", 0o644, 0),
            ("etc/hosts", f"127.0.0.1\tlocalhost\n127.0.1.1\t{name}\n", 0o644, 0),
            ("etc/machine-id", f"{uuid.uuid4().hex}\n", 0o444, 0),
            ("etc/ssh/ssh_host_ed25519_key", key.read_text(), 0o600, 0),
            ("etc/ssh/ssh_host_ed25519_key.pub", key.with_suffix(".pub").read_text(), 0o644, 0),
            *(
                (f"{home}/.ssh/authorized_keys", (self.keys / f"{person}.pub").read_text(), 0o600, uid)
                for home, person, uid in (
                    ("root", "root", 0),
                    *((f"home/{person}", person, 1000 + number) for number, person in enumerate(PEOPLE)),
                )
            ),
        ]
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as tar:
            for path, text, mode, uid in files:
                entry = tarfile.TarInfo(path)
                content = text.encode()
                entry.size, entry.mode, entry.uid, entry.gid = len(content), mode, uid, uid
                entry.mtime = int(time.time())
                tar.addfile(entry, io.BytesIO(content))
        return out.getvalue()

    def _connect(self, machine: Machine) -> None:
        """Addresses on both ends of the wire, once both are there."""
        deadline = time.monotonic() + BOOT_SECONDS
        while not (machine.init and Path("/sys/class/net", machine.interface).exists()):
            self._still(machine, deadline, "its network")
            machine.init = _init_of(machine.process.pid)
        quietly("ip", "address", "add", f"{machine.gateway}/30", "dev", machine.interface)
        quietly("ip", "link", "set", machine.interface, "up")
        # Whoever asks for a host that is cut off is told soon, not after the usual three seconds.
        Path(f"/proc/sys/net/ipv4/neigh/{machine.interface}/retrans_time_ms").write_text("100")
        machine.network("address", "add", f"{machine.address}/30", "dev", "host0")
        machine.reconnect()

    def _await(self, machine: Machine) -> None:
        """Until systemd says that it runs, and sshd answers."""
        deadline = time.monotonic() + BOOT_SECONDS
        while True:
            state = machine.run("systemctl is-system-running --wait", check=False).strip()
            if state in ("running", "degraded"):
                break
            self._still(machine, deadline, f"its systemd ({state})")
        while not _greets(machine.address):
            self._still(machine, deadline, "its sshd")
        if state == "degraded":
            failed = machine.run("systemctl --failed --no-legend --plain", check=False)
            raise HostFailed(f"{machine.name} runs, but not all of it:\n{failed}")

    def _still(self, machine: Machine, deadline: float, what: str) -> None:
        if machine.process.poll() is not None or time.monotonic() > deadline:
            raise HostFailed(f"{machine.name} ended, or took too long, before {what}:\n{machine.log()}")
        time.sleep(0.02)

    def _write_ssh_files(self) -> None:
        """For OpenSSH's client: `ssh -F FOLDER/ssh_config ana@web-1`."""
        folder = self.slot.folder
        lines = [
            f"UserKnownHostsFile {folder}/known_hosts",
            "GlobalKnownHostsFile /dev/null",
            f"IdentityFile {self.keys}/%r",
            "IdentitiesOnly yes",
            "IdentityAgent none",
            "StrictHostKeyChecking yes",
            "HashKnownHosts no",
            "ConnectTimeout 10",
            "LogLevel ERROR",
        ]
        for machine in self.machines:
            lines += [f"Host {machine.name}", f"    HostName {machine.address}"]
        (folder / "ssh_config").write_text("\n".join(lines) + "\n")
        known = "".join(f"{machine.address} {machine.public_key}\n" for machine in self.machines)
        (folder / "known_hosts").write_text(known)


def names(count: int, prefix: str = "h") -> list[str]:
    return [f"{prefix}{number}" for number in range(1, count + 1)]


def _init_of(process: int) -> int:
    """The first process of the namespace below that of `process`: the host's init, else 0."""
    for found in descendants(process):
        try:
            status = Path(f"/proc/{found}/status").read_text()
        except OSError:
            continue
        numbers = next(line for line in status.splitlines() if line.startswith("NSpid:")).split()[1:]
        if len(numbers) == 3 and numbers[-1] == "1":
            return found
    return 0


def _greets(address: str) -> bool:
    try:
        with socket.create_connection((address, 22), timeout=2) as connection:
            connection.settimeout(5)
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def _make_key(path: Path, *, comment: str) -> None:
    quietly("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path))
