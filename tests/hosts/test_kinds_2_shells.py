"""The verbs of accounts, sudo, keys, ports, firewall and containers, in real shells on trees and on this machine."""

import os
import shutil
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from deployments.collector.protocol import Question
from deployments.collector.wire import Ask, program_input, split_answer
from deployments.core.states import ABSENT, Present, Unknown
from tests.hosts.userlands import NONCE, Userland, as_ordinary_user

HASH = "$6$saltsalt$hashhashhash"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIC0uKlc4EWseAHOH87vySIAtlg0cD2jD8cWHfeeQcRnW"
FINGERPRINT = "SHA256:FSYlx+JtrNs6/D5Wdzft/PZTKFzUMLRGQ+QDKF5rmaA"


def watch(*kinds: str) -> Question:
    return Question.of([], watched=frozenset(kinds))


def raw(userland: Userland, verb: str) -> bytes:
    """What leaves the host for one verb."""
    done = userland.run(program_input(NONCE, [Ask(verb)]))
    assert done.stderr == b""
    (reply,) = split_answer(done.stdout, NONCE, 1).replies
    return reply.body


def with_accounts(tree: Path) -> None:
    (tree / "etc/passwd").write_text(
        f"root:{HASH}:0:0:root:/root:/bin/sh\nana:{HASH}:1000:1000:Ana,,,:/home/ana:/bin/bash\n{HASH}\n"
    )
    (tree / "etc/group").write_text(f"root:{HASH}:0:\nana:{HASH}:1000:\nweb:{HASH}:33:ana,bot\n")


def test_users_and_groups_are_read_and_no_password_leaves_the_host(userland: Userland, tree: Path) -> None:
    with_accounts(tree)
    (tree / "etc/shadow").write_text(f"ana:{HASH}:1::::::\n")
    there = userland.at(tree)
    assert HASH.encode() not in raw(there, "accounts")
    found = there.look(watch("user", "group"))
    assert found.states["user:ana"] == Present(
        {
            "uid": 1000,
            "group": "ana",
            "groups": ["web"],
            "home": "/home/ana",
            "shell": "/bin/bash",
            "comment": "Ana,,,",
        }
    )
    assert found.states["group:web"] == Present({"gid": 33, "members": ["bot"]})
    assert found.listed == {"user:": None, "group:": None}
    assert abs(found.evidence["user:ana"]["mtime"] - (tree / "etc/group").stat().st_mtime) < 1.1


def test_accounts_behind_a_link_out_of_the_root_are_not_read(userland: Userland, tree: Path) -> None:
    (tree / "etc/passwd").symlink_to("/etc/passwd")
    found = userland.at(tree).look(watch("user"))
    assert found.states == {} and found.listed == {"user:": "outside the root: /etc/passwd"}
    (tree / "etc").rename(tree / "other")
    (tree / "etc").symlink_to("/etc")
    assert userland.at(tree).look(watch("user")).listed == {"user:": "outside the root: /etc/passwd"}


def test_a_root_without_accounts_has_none(userland: Userland, tree: Path) -> None:
    found = userland.at(tree).look(replace(watch("user"), resources={"user:ana": None}))
    assert found.states == {"user:ana": ABSENT}


def test_the_rules_of_sudo_are_read_where_sudo_would(userland: Userland, tree: Path) -> None:
    (tree / "etc/sudoers").write_text("root ALL=(ALL:ALL) ALL\n# x\n@includedir /etc/sudoers.d\n")
    folder = tree / "etc/sudoers.d"
    folder.mkdir()
    (folder / "ops").write_text("%ops ALL=(ALL) NOPASSWD: ALL")
    (folder / "it's $(odd)").write_text("ana ALL=/bin/true\n")
    (folder / "passed.by").write_text("x")
    (folder / "passed~").write_text("x")
    os.mkfifo(folder / "pipe")
    found = userland.at(tree).look(watch("sudoers"))
    assert dict(found.states) == {
        "sudoers:/etc/sudoers": Present({"rules": ["root ALL=(ALL:ALL) ALL", "@includedir /etc/sudoers.d"]}),
        "sudoers:/etc/sudoers.d/ops": Present({"rules": ["%ops ALL=(ALL) NOPASSWD: ALL"]}),
        "sudoers:/etc/sudoers.d/it's $(odd)": Present({"rules": ["ana ALL=/bin/true"]}),
        "sudoers:/etc/sudoers.d/pipe": Unknown("not supported: not a regular file"),
    }
    assert found.listed == {"sudoers:": None}
    assert found.evidence["sudoers:/etc/sudoers.d/ops"]["size"] == 28


def test_rules_that_may_not_be_read_are_denied(userland: Userland, tree: Path) -> None:
    (tree / "etc/sudoers").write_text("x")
    (tree / "etc/sudoers").chmod(0o440 if os.geteuid() == 0 else 0)
    (tree / "etc/sudoers.d").mkdir()
    (tree / "etc/sudoers.d/ops").write_text("x")
    (tree / "etc/sudoers.d").chmod(0o750 if os.geteuid() == 0 else 0)
    found = as_ordinary_user(userland).at(tree).look(watch("sudoers"))
    assert found.states == {"sudoers:/etc/sudoers": Unknown("denied")}
    assert found.listed == {"sudoers:": "denied: /etc/sudoers.d"}
    assert found.state_of("sudoers:/etc/sudoers.d/ops") == Unknown("denied: /etc/sudoers.d")


def with_keys(tree: Path) -> None:
    with_accounts(tree)
    (tree / "root/.ssh").mkdir(parents=True)
    (tree / "home/ana/.ssh").mkdir(parents=True)
    (tree / "root/.ssh/authorized_keys").write_text(f'from="10.0.0.0/8" {KEY} cy\n\n# old\n{HASH}\n')
    (tree / "home/ana/.ssh/authorized_keys2").write_text(f"{KEY} ana@laptop times/")


def test_keys_are_fingerprints_and_other_lines_stay_on_the_host(userland: Userland, tree: Path) -> None:
    with_keys(tree)
    (tree / "etc/ssh/sshd_config.d").mkdir(parents=True)
    (tree / "etc/ssh/sshd_config").write_text(
        "# AuthorizedKeysFile /no\n  AuthorizedKeysFile .ssh/authorized_keys /etc/ssh/keys/%u\n"
    )
    (tree / "etc/ssh/sshd_config.d/x.conf").write_text(
        "AuthorizedKeysFile\t%h/.keys /etc/ssh/%U $(touch /tmp/pwned)\nAuthorizedKeysCommand /bin/x\n"
    )
    (tree / "etc/ssh/keys").mkdir()
    (tree / "etc/ssh/keys/ana").write_text(f"{KEY} central\n")
    (tree / "home/ana/.keys").write_text(f"{KEY} here\n")
    there = userland.at(tree)
    assert HASH.encode() not in raw(there, "authorized_keys")
    found = there.look(watch("authorized_keys"))
    assert dict(found.states) == {
        "authorized_keys:/root/.ssh/authorized_keys": Present(
            {"keys": [f'{FINGERPRINT} from="10.0.0.0/8" cy', "a line that is not a key"]}
        ),
        "authorized_keys:/home/ana/.ssh/authorized_keys2": Present(
            {"keys": [f"{FINGERPRINT} ana@laptop times/"]}
        ),
        "authorized_keys:/etc/ssh/keys/ana": Present({"keys": [f"{FINGERPRINT} central"]}),
        "authorized_keys:/home/ana/.keys": Present({"keys": [f"{FINGERPRINT} here"]}),
    }
    assert found.listed == {"authorized_keys:": None}
    assert len(found.problems) == 4  # %U, the parts of $(…), and the command
    assert not Path("/tmp/pwned").exists()


def test_what_is_in_a_home_that_is_shut_is_not_known(userland: Userland, tree: Path) -> None:
    with_keys(tree)
    (tree / "root").chmod(0o700)
    (tree / "home/ana/.ssh").chmod(0o700)
    found = as_ordinary_user(userland).at(tree).look(watch("authorized_keys"))
    if os.geteuid() == 0:
        assert found.states == {}
        assert found.listed == {"authorized_keys:": "denied: /root/.ssh/authorized_keys and 3 more"}


def test_a_key_behind_more_than_is_read_is_not_hidden(userland: Userland, tree: Path) -> None:
    with_keys(tree)
    keys = tree / "root/.ssh/authorized_keys"
    keys.write_text(f"# {'x' * 1000}\n" * 300 + keys.read_text())
    found = userland.at(tree).look(watch("authorized_keys"))
    state = found.states["authorized_keys:/root/.ssh/authorized_keys"]
    assert state == Unknown("read error: more than 256 KiB")
    assert found.listed == {"authorized_keys:": None}


def test_a_link_that_a_user_laid_to_a_file_of_root_shows_nothing_of_it(tree: Path) -> None:
    """Out of a directory root it is not followed; on the machine itself, root does not."""
    with_keys(tree)
    (tree / "etc/shadow").write_text(f"root:{HASH}:1::::::\n")
    (tree / "home/ana/.ssh/authorized_keys").symlink_to("../../../etc/shadow")
    there = Userland("sh", ("sh", "-s"), "/usr/bin:/bin", str(tree))
    assert HASH.encode() not in raw(there, "authorized_keys")
    found = there.look(watch("authorized_keys"))
    state = found.states["authorized_keys:/home/ana/.ssh/authorized_keys"]
    assert state == Unknown("outside the root")


def test_ports_of_this_machine_are_told_with_their_process(userland: Userland) -> None:
    with socket.socket() as one, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        one.listen()
        mine = {f"port:tcp/127.0.0.1:{one.getsockname()[1]}", f"port:udp/127.0.0.1:{two.getsockname()[1]}"}
        with_process = Question(dict.fromkeys({*mine, "port:tcp/127.0.0.1:1"}, frozenset({"process"})))
        found = userland.look(with_process)
        assert found.states.pop("port:tcp/127.0.0.1:1") == ABSENT  # type: ignore[attr-defined]
        if userland.alone:
            assert set(found.states.values()) == {Unknown("tool missing: ss, to tell which process")}
        else:
            me = Path("/proc/self/comm").read_text().strip()
            assert set(found.states.values()) == {Present({"process": me})}
        if os.geteuid() == 0 and not userland.alone:
            stranger = as_ordinary_user(userland)
            seen = stranger.look(with_process)
            assert {seen.states[name] for name in mine} == {Unknown("denied: which process")}
            seen = stranger.look(Question(dict.fromkeys(mine, frozenset())))
            assert set(seen.states.values()) == {Present({})}


def test_ports_of_a_directory_root_are_not_guessed(userland: Userland, tree: Path) -> None:
    assert userland.at(tree).look(watch("port")).listed == {
        "port:": "not supported: only a running system can tell"
    }


@pytest.mark.parametrize("tools", [("netstat",), ()])
def test_ports_need_ss_or_netstat(tmp_path: Path, tools: tuple[str, ...]) -> None:
    for name in ("sh", "id"):
        (tmp_path / name).symlink_to(shutil.which(name) or "")
    for name in tools:
        (tmp_path / name).write_text("#!/bin/sh\nexit 0\n")
        (tmp_path / name).chmod(0o755)
    there = Userland("bare", ("/bin/sh", "-s"), str(tmp_path), alone=True)
    (reply,) = split_answer(there.run(program_input(NONCE, [Ask("ports")])).stdout, NONCE, 1).replies
    assert reply.failure == (None if tools else "tool missing: ss")
    assert (b"\0netstat/" in reply.body) == bool(tools)


def fake_tools(folder: Path, userland: Userland, **scripts: str) -> Userland:
    """The same userland with these programs before its own."""
    for name, script in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    return replace(userland, path=f"{folder}:{userland.path}")


def test_what_the_tools_of_the_firewall_say_arrives(userland: Userland, tmp_path: Path) -> None:
    """Rules of this machine are left alone, so the tools are ours; that real ones agree is tried on real hosts."""
    there = fake_tools(
        tmp_path,
        userland,
        nft='case $* in "-s list ruleset") echo "table inet t {"; echo "}" ;; esac',
        **{
            "iptables-save": 'case $* in -V) echo "iptables-save v1.8.9 (nf_tables)" ;; *) echo "No." >&2; exit 4 ;; esac',
            "ip6tables-save": 'case $* in -V) echo "v1.8 (nf_tables)" ;; *) echo "No." >&2; exit 4 ;; esac',
        },
    )
    found = there.look(watch("firewall"))
    assert dict(found.states) == {"firewall:nft/inet/t": Present({"rules": []})}
    assert found.listed == {"firewall:": "read error: iptables: No."}


@pytest.mark.needs("root", "nft")
@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_rules_of_the_firewall_are_denied_to_whom_is_not_root(shell: str) -> None:
    stranger = as_ordinary_user(Userland(shell, (shell, "-s"), "/usr/bin:/bin"))
    found = stranger.look(watch("firewall"))
    assert found.states == {} and found.listed == {"firewall:": "denied: nft"}


def test_an_engine_without_a_socket_or_a_storage_is_not_asked(userland: Userland, tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    there = fake_tools(tmp_path, userland, docker=f"touch {touched}", podman=f"touch {touched}")
    used = Path("/var/lib/docker").exists() or Path("/var/lib/containers/storage").exists()
    assert used or there.look(watch("container")).listed == {"container:": None}
    assert not touched.exists()


@pytest.mark.parametrize("verb", ["firewall", "containers", "ports"])
def test_a_directory_root_has_no_running_system(userland: Userland, tree: Path, verb: str) -> None:
    done = userland.at(tree).run(program_input(NONCE, [Ask(verb)]))
    (reply,) = split_answer(done.stdout, NONCE, 1).replies
    assert reply.failure == "not supported: only a running system can tell"
