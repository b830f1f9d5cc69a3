"""Twenty logins with ten managed files each, checked: a scan beside `pyinfra --dry` and `ansible-playbook --check`.

All three log in to the same OpenSSH server on this machine, as twenty hosts by name, with strict host keys and one key;
the files are as they should be, and each tool must say so. pyinfra and ansible-core live in a virtual environment of
their own, made here with pip. They are commands that a person starts, so their start counts; a scan is work for a
process that runs already. Ansible is set up for speed: as many forks as hosts, pipelining, no facts.
"""

import asyncio
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from benchmarks.harness import Bench, timed
from deployments.collector.question import Question
from deployments.core.states import Present
from drift.scanner import HostResult, Scan, Target, scan_targets
from tests.sshd import Sshd, running_sshd

HOSTS, FILES = 20, 10
PACKAGES = ("pyinfra", "ansible-core")
_PIP_SECONDS, _RUN_SECONDS = 600, 600


def scan_peers(bench: Bench) -> None:
    try:
        # A home without start-up files: what this machine's own shells do first is no part of anybody's check.
        home = bench.folder / "remote_home"
        home.mkdir()
        lines = (f"SetEnv HOME={home}", "MaxStartups 200:30:400", "LogLevel ERROR")
        with running_sshd(bench.folder / "sshd", *lines) as sshd:
            _compare(bench, sshd, _environment(bench))
    except pytest.skip.Exception as why:
        for key in ("over_pyinfra", "over_ansible"):
            bench.skip(key, str(why))


def _environment(bench: Bench) -> Path | str:
    """The folder of the programs, or why there are none. `PEERS=` names one that is there, for a short try."""
    if there := bench.options.get("PEERS"):
        return Path(there)
    folder = bench.folder / "peers"
    try:
        subprocess.run(
            [sys.executable, "-m", "venv", str(folder)], check=True, capture_output=True, timeout=_PIP_SECONDS
        )
        command = [str(folder / "bin/python"), "-m", "pip", "install", "--quiet", *PACKAGES]
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=_PIP_SECONDS)
    except (subprocess.SubprocessError, OSError) as error:
        said = str(getattr(error, "stderr", "") or error).strip().splitlines()
        return f"pip could not install {' and '.join(PACKAGES)}: {said[-1] if said else error}"
    return folder / "bin"


def _compare(bench: Bench, sshd: Sshd, programs: Path | str) -> None:
    managed = bench.folder / "managed"
    managed.mkdir()
    for number in range(FILES):
        (managed / f"{number}.conf").write_text(f"option = {number}\n" * 20)
        (managed / f"{number}.conf").chmod(0o644)
    ours = [_scan(sshd, managed) for _ in range(max(5, bench.repeats))]
    bench.say(f"a scan takes {sorted(ours)[len(ours) // 2]:.2f} s")
    makers = {"over_pyinfra": (_pyinfra, 5), "over_ansible": (_ansible, 50)}
    for key, (maker, least) in makers.items():
        if isinstance(programs, str):
            bench.skip(key, programs)
            continue
        run, version = maker(bench, sshd, managed, programs)
        scans, theirs = [], []
        for _ in range(bench.repeats):
            theirs.append(timed(run))
            scans.append(_scan(sshd, managed))
        ratios = [other / own for other, own in zip(theirs, scans, strict=True)]
        bench.record(
            key, ratios, least=least, hosts=HOSTS, files=FILES, scan_s=scans, theirs_s=theirs, version=version
        )


def _scan(sshd: Sshd, managed: Path) -> float:
    """Seconds in which all files of all hosts are listed, read and found as they should be."""
    paths = sorted(managed.iterdir())
    wanted = {f"file:{path}": hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
    attributes = frozenset({"sha256", "mode", "type"})
    question = Question(dict.fromkeys(wanted, attributes))
    results: list[HostResult] = []
    scan = Scan(lambda target: sshd.transport(), lambda: "n0123456789abcdef", time.time, hmac_key=b"k" * 32)
    targets = [Target(f"host-{number}", question) for number in range(HOSTS)]

    async def main() -> None:
        await scan_targets(targets, scan, on_result=results.append, concurrency=HOSTS)

    seconds = timed(lambda: asyncio.run(main()))
    for result in results:
        for resource, sha256 in wanted.items():
            state = result.observation.states[resource]
            if not isinstance(state, Present) or (state.data["sha256"], state.data["mode"]) != (
                sha256,
                "0644",
            ):
                raise RuntimeError(f"{result.host}: {resource} is {state} ({result.reason})")
    return seconds


def _login(bench: Bench, sshd: Sshd) -> tuple[Path, Path]:
    """The private key, and a file with the host's keys."""
    key, known = bench.folder / "login_key", bench.folder / "known_hosts"
    if not key.exists():
        key.touch(mode=0o600)
        assert sshd.credential.key is not None
        key.write_bytes(sshd.credential.key.export_private_key("openssh"))
        known.write_text("".join(f"[127.0.0.1]:{sshd.port} {line}\n" for line in sshd.host_keys))
    return key, known


def _run(bench: Bench, command: list[str], in_sync: Callable[[str], bool], **environment: str) -> None:
    home = bench.folder / "home"
    home.mkdir(exist_ok=True)
    log = bench.folder / "said"
    with log.open("wb") as out:  # no pipe: connections that a tool leaves open would hold it
        child = subprocess.Popen(
            command,
            cwd=bench.folder,
            env={"PATH": os.environ["PATH"], "HOME": str(home), "LC_ALL": "C.UTF-8", **environment},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            status = child.wait(timeout=_RUN_SECONDS)
        except BaseException:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            raise
    output = log.read_text(errors="replace")
    if status or not in_sync(output):
        raise RuntimeError(f"{command[0]} did not find all files of all hosts in sync:\n{output[-3000:]}")


def _pyinfra_in_sync(output: str) -> bool:
    """Nothing to change, nor under a condition, for any file; and every host was asked."""
    rows = [line.split()[-2:] for line in output.splitlines() if line.strip().startswith("files.put (")]
    return rows == [["-", "-"]] * FILES and output.count("Ready: deploy.py") == HOSTS


def _ansible_in_sync(output: str) -> bool:
    recap = [line for line in output.splitlines() if f"ok={FILES} " in line and "changed=0" in line]
    return len(recap) == HOSTS and all("failed=0" in line and "unreachable=0" in line for line in recap)


def _version(program: Path) -> str:
    done = subprocess.run([str(program), "--version"], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[0]


def _pyinfra(bench: Bench, sshd: Sshd, managed: Path, programs: Path) -> tuple[Callable[[], None], str]:
    key, known = _login(bench, sshd)
    about = {
        "ssh_hostname": "127.0.0.1",
        "ssh_port": sshd.port,
        "ssh_user": sshd.user,
        "ssh_key": str(key),
        "ssh_known_hosts_file": str(known),
        "ssh_strict_host_key_checking": "yes",
    }
    hosts = [(f"host-{number}", about) for number in range(HOSTS)]
    (bench.folder / "inventory.py").write_text(f"hosts = {hosts!r}\n")
    (bench.folder / "deploy.py").write_text(
        "from pyinfra.operations import files\n"
        f"for number in range({FILES}):\n"
        f"    path = f'{managed}/{{number}}.conf'\n"
        "    files.put(src=path, dest=path, mode='644')\n"
    )
    command = [str(programs / "pyinfra"), "inventory.py", "deploy.py", "--dry"]
    return lambda: _run(bench, command, _pyinfra_in_sync), _version(programs / "pyinfra")


def _ansible(bench: Bench, sshd: Sshd, managed: Path, programs: Path) -> tuple[Callable[[], None], str]:
    key, known = _login(bench, sshd)
    variables = {
        "ansible_host": "127.0.0.1",
        "ansible_port": sshd.port,
        "ansible_user": sshd.user,
        "ansible_ssh_private_key_file": str(key),
        # One connection for each host and each run, as with hosts that have addresses of their own.
        "ansible_control_path": f"{bench.folder}/cp-{{{{ run }}}}-{{{{ inventory_hostname }}}}",
        "ansible_ssh_args": "-o ControlMaster=auto -o ControlPersist=20s",
        "ansible_ssh_common_args": f"-F none -o UserKnownHostsFile={known} -o StrictHostKeyChecking=yes",
        "ansible_python_interpreter": sys.executable,
        "ansible_remote_tmp": str(bench.folder / "remote"),
    }
    inventory = {"all": {"hosts": {f"host-{number}": {} for number in range(HOSTS)}, "vars": variables}}
    tasks = [
        {
            "ansible.builtin.copy": {
                "src": f"{managed}/{n}.conf",
                "dest": f"{managed}/{n}.conf",
                "mode": "0644",
            }
        }
        for n in range(FILES)
    ]
    # JSON is YAML.
    (bench.folder / "hosts.json").write_text(json.dumps(inventory))
    (bench.folder / "play.json").write_text(
        json.dumps([{"hosts": "all", "gather_facts": False, "tasks": tasks}])
    )
    (bench.folder / "ansible.cfg").write_text(
        f"[defaults]\nforks = {HOSTS}\n[ssh_connection]\npipelining = True\n"
    )
    command = [str(programs / "ansible-playbook"), "-i", "hosts.json", "play.json", "--check", "-e"]
    runs = count()

    def run() -> None:
        configuration = str(bench.folder / "ansible.cfg")
        _run(bench, [*command, f"run={next(runs)}"], _ansible_in_sync, ANSIBLE_CONFIG=configuration)

    return run, _version(programs / "ansible")
