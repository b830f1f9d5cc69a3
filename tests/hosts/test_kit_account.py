"""The scanning account on real Debian hosts: what it sees, and that it can do nothing else."""

import asyncio
import re
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from deployments.collector.kit import Kit, install_script
from deployments.collector.protocol import Observation, Question
from deployments.core.states import Present, Unknown
from deployments.transport.ssh import Credential, SshTransport
from drift.scanner import Scan, Target, look_at
from tests.hosts.machine import Machine
from tests.hosts.machines import Yard

pytestmark = pytest.mark.slow

NONCE = "n0123456789abcdef"
ACCOUNT = "foldback-scan"
WATCHED = frozenset({"user", "group", "port", "firewall", "container", "sudoers", "authorized_keys", "cron"})
QUESTION = Question.of(
    ["file:/etc/passwd", "file:/etc/shadow", "file:/root/.bashrc", "file:/etc/no-such-file"],
    ["/etc/cron.d", "/root"],
    watched=WATCHED,
)


@dataclass(frozen=True)
class Installed:
    """A host on which the kit was installed, and the key of its account."""

    host: Machine
    kit: Kit
    key: Path

    def install(self, kit: Kit) -> str:
        """Who says nothing is waited for a moment only, for the sake of these tests."""
        script = install_script(kit).replace("'timeout 30'", "'timeout 2'")
        return self.host.run("sh -s", stdin=script.encode())

    def look(
        self, question: Question = QUESTION, user: str = ACCOUNT, key: Path | None = None
    ) -> Observation:
        transport = SshTransport(
            address=self.host.address,
            user=user,
            credential=Credential.private_key((key or self.key).read_bytes()),
            host_keys=[self.host.public_key],
        )
        scan = Scan(lambda target: transport, lambda: NONCE, lambda: 0.0, hmac_key=b"k" * 32)
        return asyncio.run(look_at(Target("h", question), scan)).observation

    def ssh(
        self, *options: str, command: tuple[str, ...] = (), stdin: bytes = b"", program: str = "ssh"
    ) -> "subprocess.CompletedProcess[bytes]":
        """OpenSSH's own client with the account's key."""
        where = [f"{ACCOUNT}@{self.host.address}"] if program == "ssh" else []
        return subprocess.run(
            [
                program,
                *("-i", str(self.key), "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes"),
                *("-o", f"UserKnownHostsFile={self.host.slot.folder}/known_hosts", "-F", "/dev/null"),
                *options,
                *where,
                *command,
            ],
            input=stdin,
            capture_output=True,
            timeout=60,
        )

    def as_account(self, script: str) -> str:
        """What the account could do if it had a shell after all."""
        return self.host.run(
            f"setpriv --reuid {ACCOUNT} --regid {ACCOUNT} --init-groups sh -s 2>&1",
            stdin=script.encode(),
            check=False,
        )


def everything_below(host: Machine) -> str:
    """All of the file system that installing could have changed."""
    return host.run(
        "find / -xdev \\( -path /proc -o -path /sys -o -path /run -o -path /tmp -o -path /var/log -o -path /var/lib "
        "-o -path /var/cache \\) -prune -o -printf '%p %y %m %U %G %l\\n' | sort"
    )


@pytest.fixture(scope="module")
def installed(debian_yard: Yard, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    """One host for all of these: whoever changes it changes it back."""
    key = tmp_path_factory.mktemp("kit") / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    [host] = debian_yard.boot("web-1")
    made = Installed(host, Kit(keys=(key.with_suffix(".pub").read_text(),)), key)
    assert f"collector {made.kit.version} is installed" in made.install(made.kit)
    yield made
    debian_yard.stop(host, hard=True)


def test_the_account_sees_what_root_sees_but_no_file_that_is_shut(installed: Installed) -> None:
    installed.host.run(
        "nft add table inet shop; nft add chain inet shop input; nft add rule inet shop input drop"
    )
    mine = installed.look()
    root = installed.look(user="root", key=installed.host.slot.folder / "keys/root")
    assert mine.failure is None and root.failure is None
    assert mine.facts["kit"] == installed.kit.version
    for kind in WATCHED:
        assert {k: v for k, v in mine.states.items() if k.startswith(f"{kind}:")} == {
            k: v for k, v in root.states.items() if k.startswith(f"{kind}:")
        }, kind
        assert mine.listed[f"{kind}:"] is None, kind
    assert mine.states["port:tcp/0.0.0.0:80"] == Present({"process": "nginx"})
    assert mine.states["firewall:nft/inet/shop"] == Present({"rules": ["chain input:", "chain input: drop"]})
    assert isinstance(mine.states["sudoers:/etc/sudoers.d/people"], Present)
    assert isinstance(mine.states["authorized_keys:/root/.ssh/authorized_keys"], Present)
    assert mine.states["file:/etc/passwd"] == root.states["file:/etc/passwd"]
    assert mine.unknown() == {"file:/etc/shadow": "denied", "file:/root/.bashrc": "denied"}
    assert mine.listed["/root"] == "denied" and mine.listed["/etc/cron.d"] is None
    assert isinstance(root.states["file:/etc/shadow"], Present)


def test_kernel_settings_that_only_root_may_read_are_seen(installed: Installed) -> None:
    def unknown(question: Question) -> set[str]:
        return {key for key in installed.look(question).unknown() if key.startswith("sysctl:")}

    settings = Question.of([], [], watched=frozenset({"sysctl"}))
    assert unknown(settings) == set()
    installed.install(Kit(keys=installed.kit.keys, sudo=False))
    assert "sysctl:vm.mmap_rnd_bits" in unknown(settings)
    installed.install(installed.kit)


def test_without_sudo_it_sees_less_and_says_so(installed: Installed) -> None:
    installed.host.run(f"rm {installed.kit.sudoers_path}")
    found = installed.look()
    assert found.failure is None
    assert found.states["port:tcp/0.0.0.0:80"] == Unknown("denied: which process")
    assert found.listed["firewall:"] == "denied: nft"
    for path in ("/etc/sudoers", "/etc/sudoers.d/people"):
        assert found.states[f"sudoers:{path}"] == Unknown("denied")
    assert (found.listed["authorized_keys:"] or "").startswith("denied: /root/.ssh")
    assert found.listed["user:"] is None
    installed.install(Kit(keys=installed.kit.keys, sudo=False))
    log = installed.host.run("journalctl -t sudo -q --no-pager | wc -l")
    assert installed.look().listed["firewall:"] == "denied: nft"
    assert installed.host.run("journalctl -t sudo -q --no-pager | wc -l") == log  # it did not even ask
    installed.install(installed.kit)
    assert installed.look().listed["firewall:"] is None


COMMANDS = [
    ("id",),
    ("sh", "-c", "id"),
    ("/usr/local/lib/foldback/collector", "ports"),
    ("sudo", "-n", "id"),
    ("cat /etc/passwd",),
    ("$(id)",),
    ("sh -s",),
    ("scp -t /tmp",),
    ("rsync --server . /tmp",),
    ("/usr/lib/openssh/sftp-server",),
    ("git-upload-pack /",),
]


@pytest.mark.parametrize("terminal", [(), ("-tt",)], ids=["plain", "terminal"])
def test_no_command_runs_and_there_is_no_shell_or_terminal(
    installed: Installed, terminal: tuple[str, ...]
) -> None:
    for command in ((), *COMMANDS):
        done = installed.ssh(*terminal, command=command, stdin=b"id; cat /etc/passwd\nexit\n\x04")
        said = done.stdout + done.stderr
        refused = b"PTY allocation request failed" if terminal else b"answers questions"
        assert done.returncode != 0 and refused in said, (command, said)
        assert b"uid=" not in said and b"root:x" not in said
    # what it is sent on standard input is no program
    done = installed.ssh(
        command=("sh -s",), stdin=b"touch /tmp/pwned; id\nfoldback 'n0123456789abcdef' '1 clock' </dev/null\n"
    )
    assert done.returncode == 0 and b"uid=" not in done.stdout and b"clock/" in done.stdout
    assert installed.host.run("ls /tmp/pwned 2>&1", check=False).endswith("No such file or directory\n")


def test_no_file_is_copied_there_or_from_there(installed: Installed, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("x")
    there = f"{ACCOUNT}@{installed.host.address}"
    ways = (
        ("scp", [str(tmp_path / "x"), f"{there}:/tmp/copied"]),
        ("scp", ["-O", str(tmp_path / "x"), f"{there}:/tmp/copied"]),
        ("scp", ["-O", f"{there}:/etc/passwd", str(tmp_path / "got")]),
        ("scp", [f"{there}:/etc/passwd", str(tmp_path / "got")]),
        ("sftp", ["-b", "/dev/stdin", there]),
    )

    def copy(way: tuple[str, list[str]]) -> "subprocess.CompletedProcess[bytes]":
        return installed.ssh(*way[1], program=way[0], stdin=b"put /etc/hostname /tmp/copied\n")

    with ThreadPoolExecutor(len(ways)) as pool:  # each waits for an answer that does not come
        for way, done in zip(ways, pool.map(copy, ways), strict=True):
            assert done.returncode != 0, (way, done)
    assert installed.ssh("-s", command=("sftp",)).returncode != 0
    assert not (tmp_path / "got").exists()
    assert "No such file" in installed.host.run("ls /tmp/copied 2>&1", check=False)


def test_nothing_is_forwarded(installed: Installed, tmp_path: Path) -> None:
    """Through the host (-W), into it (-L, -R), its agent, its screen, a tunnel."""
    done = installed.ssh("-W", "127.0.0.1:80", stdin=b"GET / HTTP/1.0\r\n\r\n")
    assert b"HTTP/1" not in done.stdout and b"administratively prohibited" in done.stderr, done
    done = installed.ssh("-o", "ExitOnForwardFailure=yes", "-R", "127.0.0.1:4321:127.0.0.1:22")
    assert b"remote port forwarding failed" in done.stderr, done
    assert "4321" not in installed.host.run("ss -lnt")
    done = installed.ssh("-o", "ExitOnForwardFailure=yes", "-R", "/tmp/socket:127.0.0.1:22")
    assert b"forwarding failed" in done.stderr, done
    done = installed.ssh("-o", "StreamLocalBindUnlink=yes", "-W", "[/run/dbus/system_bus_socket]:0")
    assert done.returncode != 0
    done = installed.ssh("-w", "any:any")
    assert "tun0" not in installed.host.run("ip link")
    agent = subprocess.run(["ssh-agent", "-s"], capture_output=True, text=True, check=True).stdout
    socket = re.search(r"SSH_AUTH_SOCK=([^;]+)", agent)
    process = re.search(r"SSH_AGENT_PID=(\d+)", agent)
    assert socket and process
    try:
        installed.ssh("-A", "-o", f"IdentityAgent={socket[1]}", "-X", stdin=b"")
    finally:
        subprocess.run(["kill", process[1]], check=True)
    assert installed.host.run("find /tmp -name 'ssh-*'") == ""


def test_the_environment_is_not_the_clients(installed: Installed) -> None:
    installed.host.run("echo 'AcceptEnv *' >>/etc/ssh/sshd_config; systemctl reload ssh; sleep 0.3")
    for name, value in (
        ("BASH_ENV", "/etc/passwd"),
        ("LD_PRELOAD", "/tmp/evil.so"),
        ("PATH", "/tmp"),
        ("FOLDBACK_ROOT", "/root"),
    ):
        done = installed.ssh(
            *("-o", f"SetEnv={name}={value}"),
            stdin=b"foldback 'n0123456789abcdef' '1 facts\n2 list ./etc/hostname' </dev/null\n",
        )
        assert b"hostname/web-1" in done.stdout and b"./etc/hostname" in done.stdout, (name, done)
        assert b"uid=" not in done.stdout
    installed.host.run("sed -i '$d' /etc/ssh/sshd_config; systemctl reload ssh; sleep 0.3")


def test_sudo_allows_these_commands_and_no_other(installed: Installed) -> None:
    program = installed.kit.program_path
    allowed = installed.as_account("sudo -n -l")
    shown = set(re.findall(rf"{program} [a-z_]+", allowed))
    assert shown == {f"{program} {verb}" for verb in installed.kit.root_verbs}
    for words in (
        "id",
        "sh",
        "-s",
        "-i",
        program,
        f"{program} read ./etc/shadow",
        f"{program} clean ports",
        f"{program} ports ./etc",
        f"{program} 'ports '",
        f"{program} ''",
        f"-u ana {program} ports",
        f"-g root {program} ports",
        f"-E {program} ports",
        f"BASH_ENV=/tmp/x {program} ports",
        f"-D /etc {program} ports",
        f"-R / {program} ports",
        "/usr/local/lib/foldback/../foldback/collector read",
        "-e /etc/passwd",
        "sudoedit /etc/passwd",
    ):
        said = installed.as_account(f"sudo -n {words} </dev/null; echo $?")
        assert said.strip().endswith("1"), (words, said)
        assert "uid/0" not in said and "root:" not in said, (words, said)
    # and what is allowed takes neither arguments nor anything from standard input
    said = installed.as_account(f"echo 'ports; id' | sudo -n {program} ports; echo $?")
    assert "uid/0" in said and "uid=" not in said and said.strip().endswith("foldback ok\n0")


def test_it_may_write_nowhere_that_is_its_own_and_change_nothing_of_itself(installed: Installed) -> None:
    host, kit = installed.host, installed.kit
    mine = installed.as_account(
        "find / -xdev -writable ! -type l ! -path '/proc/*' ! -path '/dev/*' 2>/dev/null"
    )
    others = host.run(
        "setpriv --reuid nobody --regid nogroup --clear-groups "
        "find / -xdev -writable ! -type l ! -path '/proc/*' ! -path '/dev/*' 2>/dev/null",
        check=False,
    )
    assert set(mine.split("\n")) <= set(others.split("\n"))
    assert host.run(f"find / -xdev -user {ACCOUNT}") == ""
    assert host.run(f"find {kit.directory} ! -user root -o -perm /022") == ""
    assert host.run(f"id -Gn {ACCOUNT}").split() == [ACCOUNT]
    assert host.run(f"grep ^{ACCOUNT}: /etc/shadow").split(":")[1] == "*"
    assert installed.as_account("crontab -l; echo '* * * * * id' | crontab - && echo planted").count(
        "planted"
    ) in (0, 1)


def outside_of_files(host: Machine) -> str:
    """Without logind's /run/user/…: it ends some seconds after the login, whoever's that was."""
    return host.run(
        "nft list ruleset; ss -lntu; lsmod; grep -v /run/user/ /proc/mounts; crontab -l 2>&1", check=False
    )


def test_a_scan_changes_nothing_on_the_host(installed: Installed) -> None:
    installed.look()
    before = everything_below(installed.host)
    state = outside_of_files(installed.host)
    installed.look()
    assert everything_below(installed.host) == before
    assert outside_of_files(installed.host) == state


def test_it_installs_again_and_is_removed_without_a_trace(
    debian_hosts: Callable[..., list[Machine]], tmp_path: Path
) -> None:
    [host] = debian_hosts("web-1")
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    script = install_script(Kit(keys=(key.with_suffix(".pub").read_text(),))).encode()
    before = everything_below(host), host.run("cat /etc/passwd /etc/group /etc/sudoers /etc/sudoers.d/*")
    host.run("sh -s", stdin=script)
    once = everything_below(host)
    host.run("sh -s install", stdin=script)
    assert everything_below(host) == once != before[0]
    assert "removed" in host.run("sh -s remove", stdin=script)
    backups = re.compile(r"^/etc/(?:passwd|group|shadow|gshadow|subuid|subgid)-? .*\n", re.MULTILINE)
    assert backups.sub("", everything_below(host)) == backups.sub("", before[0])
    assert host.run("cat /etc/passwd /etc/group /etc/sudoers /etc/sudoers.d/*") == before[1]


def test_it_is_not_installed_where_others_could_put_another_program_in_its_place(
    debian_hosts: Callable[..., list[Machine]], tmp_path: Path
) -> None:
    [host] = debian_hosts("web-1")
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    script = install_script(Kit(keys=(key.with_suffix(".pub").read_text(),))).encode()
    host.run("chgrp staff /usr/local/lib; chmod 2775 /usr/local/lib")
    assert "can be written to by others" in host.run("sh -s 2>&1", stdin=script, check=False)
    host.run("chmod 0755 /usr/local/lib; chown root:root /usr/local/lib; useradd foldback-scan")
    assert "there is a user foldback-scan already" in host.run("sh -s 2>&1", stdin=script, check=False)
    assert "foldback" not in host.run("ls /etc/sudoers.d")


def test_what_is_asked_only_with_traces_is_seen_as_well(installed: Installed) -> None:
    """Who was at work: asked as root, and our own logins are told apart all the same."""
    installed.host.as_person("ana", "sudo touch /etc/cron.d/x")
    done = installed.ssh(stdin=b"foldback 'n0123456789abcdef' '1 who' </dev/null\n")
    assert b"\0x/journal\0" not in done.stdout and b"touch /etc/cron.d/x" in done.stdout
    ours = done.stdout.rpartition(b"\0self\0")[2].split(b"\0")[0].split()
    assert ours[0] == ACCOUNT.encode() and ours[3] == installed.host.address.encode()
