"""SSH against real servers on loopback (asyncssh): strict keys, one credential, bounded everything."""

import asyncio
import os
import resource
import time
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from demo.ssh_server import TreeHost
from deployments.collector.wire import Ask, program_input, split_answer
from deployments.transport.base import TransportFailure
from deployments.transport.host_keys import fetch_host_keys, host_key
from deployments.transport.ssh import Credential, SshTransport
from drift.scanner import run
from tests.ssh_hosts import USER, Fleet, HostileServer, has_ended

NONCE = "n0123456789abcdef"
LIST = program_input(NONCE, [Ask("list", ("./etc/motd", "./etc/none"))])


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path, 1)


class Watched(asyncssh.SSHServer):
    """Counts how far clients get."""

    def __init__(self, log: list[str]) -> None:
        self._log = log

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._log.append("connected")

    def begin_auth(self, username: str) -> bool:
        self._log.append(f"authentication of {username}")
        return True


async def watched(log: list[str], *keys: str) -> asyncssh.SSHAcceptor:
    return await asyncssh.listen(
        "127.0.0.1",
        0,
        server_factory=lambda: Watched(log),
        server_host_keys=[asyncssh.generate_private_key(kind) for kind in keys],
        config=[],
    )


async def failing(transport: SshTransport, program: bytes = LIST, **limits: Any) -> TransportFailure:
    """The failure of a session that runs one program."""
    with pytest.raises(TransportFailure) as caught:
        async with transport.session() as session:
            await session.run("sh -s", program, **({"max_output": 100_000, "timeout": 10.0} | limits))
    return caught.value


def test_several_rounds_go_over_one_connection(fleet: Fleet) -> None:
    async def main() -> None:
        async with fleet.serve() as server:
            async with fleet.transport(server, "h1").session() as session:
                for _ in range(3):
                    answer = await session.run("sh -s", LIST, max_output=100_000, timeout=10)
                    reply = split_answer(answer.stdout, NONCE, 1).replies[0]
                    assert reply.failure is None
                    assert b"./etc/motd\0" in reply.body
                    assert b"a/./etc/none\0" in reply.body
                    assert answer.exit_status == 0
            assert server.logins == {"h1": 3}

    run(main())


def test_only_the_collectors_command_is_answered(fleet: Fleet) -> None:
    async def main() -> None:
        async with fleet.serve() as server:
            async with fleet.transport(server, "h1").session() as session:
                answer = await session.run("cat /etc/passwd", b"", max_output=1000, timeout=10)
                assert (answer.stdout, answer.exit_status) == (b"", 126)

    run(main())


def test_a_changed_key_never_reaches_authentication() -> None:
    async def main() -> None:
        log: list[str] = []
        async with await watched(log, "ssh-ed25519") as server:
            pinned = TreeHost("x", "", 0, Path("/"), TreeHost.new_key()).public_key
            failure = await failing(
                SshTransport(
                    "127.0.0.1", USER, Credential(password="hunter2"), [pinned], port=server.get_port()
                )
            )
            shown = (await fetch_host_keys("127.0.0.1", server.get_port()))[0]
        assert failure.code == "host key changed"
        assert failure.reason == f"host key changed: it shows ssh-ed25519 {shown.fingerprint}"
        assert not any(line.startswith("authentication") for line in log)

    run(main())


def test_a_key_of_another_kind_is_a_changed_key() -> None:
    async def main() -> None:
        log: list[str] = []
        async with await watched(log, "ecdsa-sha2-nistp256") as server:
            pinned = TreeHost("x", "", 0, Path("/"), TreeHost.new_key()).public_key
            failure = await failing(
                SshTransport(
                    "127.0.0.1", USER, Credential(password="hunter2"), [pinned], port=server.get_port()
                )
            )
        assert failure.code == "host key changed"
        assert "ecdsa-sha2-nistp256 SHA256:" in failure.reason
        assert not any(line.startswith("authentication") for line in log)

    run(main())


def test_a_revoked_key_never_reaches_authentication() -> None:
    async def main() -> None:
        log: list[str] = []
        async with await watched(log, "ssh-ed25519") as server:
            key = (await fetch_host_keys("127.0.0.1", server.get_port()))[0].public_key
            failure = await failing(
                SshTransport(
                    "127.0.0.1",
                    USER,
                    Credential(password="hunter2"),
                    [key],
                    port=server.get_port(),
                    revoked_keys=[key],
                )
            )
        assert failure.code == "host key revoked"
        assert not any(line.startswith("authentication") for line in log)

    run(main())


def test_a_host_without_a_pinned_key_is_not_even_connected_to(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def main() -> None:
        log: list[str] = []
        async with await watched(log, "ssh-ed25519") as server:
            key = (await fetch_host_keys("127.0.0.1", server.get_port()))[0].public_key
            log.clear()
            # What somebody trusts on this machine is no pin.
            (tmp_path / ".ssh").mkdir()
            (tmp_path / ".ssh/known_hosts").write_text(f"[127.0.0.1]:{server.get_port()} {key}\n")
            monkeypatch.setenv("HOME", str(tmp_path))
            failure = await failing(
                SshTransport("127.0.0.1", USER, Credential(password="x"), [], port=server.get_port())
            )
        assert failure.code == "host key not enrolled"
        assert log == []

    run(main())


def test_the_pinned_key_is_found_among_several_kinds(fleet: Fleet) -> None:
    async def main() -> None:
        log: list[str] = []
        async with await watched(log, "ssh-ed25519", "ecdsa-sha2-nistp256") as server:
            keys = await fetch_host_keys("127.0.0.1", server.get_port())
            assert [key.algorithm for key in keys] == ["ssh-ed25519", "ecdsa-sha2-nistp256"]
            for key in keys:
                log.clear()
                failure = await failing(
                    SshTransport(
                        "127.0.0.1", USER, fleet.credential, [key.public_key], port=server.get_port()
                    )
                )
                assert failure.code == "authentication failed"
                assert f"authentication of {USER}" in log

    run(main())


def test_fetching_keys_never_authenticates() -> None:
    async def main() -> None:
        log: list[str] = []
        async with await watched(log, "ssh-ed25519", "ssh-rsa") as server:
            keys = await fetch_host_keys("127.0.0.1", server.get_port())
        assert [key.algorithm for key in keys] == ["ssh-ed25519", "ssh-rsa"]
        assert all(key.fingerprint.startswith("SHA256:") for key in keys)
        assert host_key(keys[0].public_key) == keys[0]
        assert set(log) == {"connected"}

    run(main())


def test_nothing_of_this_machines_ssh_set_up_is_used(
    fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The right key lies in ~/.ssh, the configuration offers it, an agent is said to be there: none is asked."""
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh/id_ed25519").write_bytes(fleet.key.export_private_key("openssh"))
    (home / ".ssh/id_ed25519").chmod(0o600)
    (home / ".ssh/config").write_text("Host *\n  User root\n  StrictHostKeyChecking no\n  ForwardAgent yes\n")
    monkeypatch.setenv("HOME", str(home))
    asked: list[bytes] = []

    async def main() -> None:
        async def agent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            asked.append(await reader.read(100))
            writer.close()

        socket_path = str(tmp_path / "agent")
        async with await asyncio.start_unix_server(agent, socket_path):
            monkeypatch.setenv("SSH_AUTH_SOCK", socket_path)
            async with fleet.serve() as server:
                other = Credential(key=asyncssh.generate_private_key("ssh-ed25519"))
                for credential in (other, Credential(password="x"), Credential()):
                    failure = await failing(fleet.transport(server, "h1", credential=credential))
                    assert failure.code == "authentication failed"

    run(main())
    assert asked == []


def test_an_encrypted_key_needs_its_passphrase() -> None:
    data = asyncssh.generate_private_key("ssh-ed25519").export_private_key("pkcs8-pem", passphrase="right")
    assert Credential.private_key(data, "right").key is not None
    for passphrase in (None, "wrong"):
        with pytest.raises(ValueError, match="private key can't be read"):
            Credential.private_key(data, passphrase)
    assert "PRIVATE" not in repr(Credential.private_key(data, "right"))
    assert "hunter2" not in repr(Credential(password="hunter2"))


def test_where_nobody_listens_is_refused_and_a_name_that_does_not_exist_is_unreachable(fleet: Fleet) -> None:
    async def main() -> None:
        key = fleet.hosts[0].public_key
        refused = await failing(SshTransport("127.0.0.1", USER, fleet.credential, [key], port=1))
        unknown = await failing(SshTransport("no-such-host.invalid", USER, fleet.credential, [key]))
        assert (refused.code, unknown.code) == ("connection refused", "unreachable")
        with pytest.raises(TransportFailure, match="connection refused"):
            await fetch_host_keys("127.0.0.1", 1)

    run(main())


@pytest.mark.parametrize("says", [b"", b"SSH-2.0-Slow\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_a_server_that_never_finishes_the_handshake_times_out(fleet: Fleet, says: bytes) -> None:
    async def main() -> None:
        async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(says)
            await reader.read(-1)
            writer.close()

        async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            started = time.monotonic()
            failure = await failing(
                SshTransport(
                    "127.0.0.1",
                    USER,
                    fleet.credential,
                    [fleet.hosts[0].public_key],
                    port=port,
                    connect_seconds=0.5,
                )
            )
            assert failure.code in ("timed out", "protocol error")
            assert time.monotonic() - started < 3

    run(main())


@pytest.mark.parametrize("how", ["hang", "drip"])
def test_a_host_that_never_ends_is_left_at_the_time_limit(fleet: Fleet, how: str) -> None:
    async def main() -> None:
        async with fleet.serve(h1=how) as server:
            started = time.monotonic()
            failure = await failing(fleet.transport(server, "h1"), timeout=0.5)
            assert time.monotonic() - started < 3
            assert failure.code == "timed out"
            assert len(failure.output) < 1000

    run(main())


@pytest.mark.parametrize("how", ["flood", "errors"])
def test_a_host_that_floods_is_left_at_the_byte_limit(fleet: Fleet, how: str) -> None:
    async def main() -> None:
        async with fleet.serve(h1=how) as server:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            failure = await failing(fleet.transport(server, "h1"), max_output=2_000_000, timeout=20.0)
            assert failure.code == "over limit"
            assert len(failure.output) <= 2_000_000
            await asyncio.sleep(0.2)
            sent = server.sent["h1"]
            await asyncio.sleep(0.2)
            assert server.sent["h1"] == sent, "it was cut off"
            assert sent < 16_000_000
            grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
            assert grown < 64 * 1024, f"{grown} KiB"

    run(main())


def test_bytes_that_are_no_output_are_bounded_too(fleet: Fleet) -> None:
    """Packets to be ignored cost as much to receive as any others."""

    class Ignoring(HostileServer):
        async def _hang(self, host: TreeHost, process: "asyncssh.SSHServerProcess[bytes]") -> None:
            connection = process.get_extra_info("connection")
            while not process.is_closing():
                connection.send_packet(2, asyncssh.packet.String(b"\0" * 30_000))  # MSG_IGNORE
                self.sent["h1"] = self.sent.get("h1", 0) + 30_000
                await asyncio.sleep(0)

    async def main() -> None:
        async with Ignoring(fleet.hosts, fleet.users, {"h1": "hang"}) as server:
            started = time.monotonic()
            failure = await failing(fleet.transport(server, "h1", wire_bytes=1_000_000), timeout=30.0)
            assert failure.code == "over limit"
            assert time.monotonic() - started < 20

    run(main())


def test_bytes_before_the_sign_in_are_bounded_too_and_are_no_dropped_connection(fleet: Fleet) -> None:
    async def main() -> None:
        async with fleet.serve() as server:
            failure = await failing(fleet.transport(server, "h1", wire_bytes=100 - 4 * 1024 * 1024))
            assert failure.code == failure.cause == "over limit"

    run(main())


def test_what_had_arrived_comes_with_the_failure(fleet: Fleet) -> None:
    async def main() -> None:
        async with fleet.serve(h1="drop") as server:
            failure = await failing(fleet.transport(server, "h1"))
            assert failure.code == "connection lost"
            assert failure.output == b"\0some"

    run(main())


def test_a_host_that_does_not_read_its_input_is_no_error(fleet: Fleet) -> None:
    async def main() -> None:
        async with fleet.serve(h1="early") as server:
            async with fleet.transport(server, "h1").session() as session:
                answer = await session.run("sh -s", os.urandom(1_000_000), max_output=1000, timeout=10)
                assert answer.stdout == b""

    run(main())


def test_what_a_host_says_is_made_printable(fleet: Fleet) -> None:
    async def main() -> None:
        class Rude(asyncssh.SSHServer):
            def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
                self._connection = conn

            def begin_auth(self, username: str) -> bool:
                self._connection.disconnect(asyncssh.DISC_BY_APPLICATION, "\x1b[2Jowned\r\n\x9b5m")
                return True

        async with await asyncssh.listen(
            "127.0.0.1", 0, server_factory=Rude, server_host_keys=[fleet.hosts[0].host_key], config=[]
        ) as server:
            failure = await failing(
                SshTransport(
                    "127.0.0.1", USER, fleet.credential, [fleet.hosts[0].public_key], port=server.get_port()
                )
            )
            assert failure.reason == "protocol error: [2Jowned 5m (error 11)"

    run(main())


def test_leaving_a_session_leaves_no_connection_and_no_task(fleet: Fleet) -> None:
    async def main() -> None:
        async with fleet.serve(h1="hang") as server:
            mine = asyncio.all_tasks()
            for _ in range(3):
                await failing(fleet.transport(server, "h1"), timeout=0.2)
            await asyncio.sleep(0.3)
            left = [task for task in asyncio.all_tasks() - mine if "ssh_hosts" not in repr(task)]
            assert not [task for task in left if "Guard" in repr(task) or "session" in repr(task)]

    run(main())


def test_a_client_that_leaves_has_its_program_killed(fleet: Fleet) -> None:
    """The demonstration leaves no process behind."""

    async def main() -> None:
        async with fleet.serve() as server:
            failure = await failing(
                fleet.transport(server, "h1"), b"sleep 300 & echo $!; wait\n", timeout=1.0
            )
            process = int(failure.output)
            assert await asyncio.to_thread(has_ended, process)

    run(main())


def test_connections_share_options_and_no_state_of_a_key() -> None:
    """Which signature a server takes is kept with the key pair: two servers at once may take different ones."""
    credential = Credential(key=asyncssh.generate_private_key("ssh-rsa"))
    first, second = credential.options("scan"), credential.options("scan")
    assert first is not second
    assert first.client_keys is not None and second.client_keys is not None
    first.client_keys[0].set_sig_algorithm(b"rsa-sha2-256")
    second.client_keys[0].set_sig_algorithm(b"rsa-sha2-512")
    assert first.client_keys[0].sig_algorithm == b"rsa-sha2-256"


def test_whom_to_trust_is_no_part_of_what_is_shared() -> None:
    assert Credential(password="x").options("scan").known_hosts == ([], [], [])


def test_the_cheapest_cipher_is_asked_for_first_and_none_is_left_out() -> None:
    ours = Credential(password="x").options("scan").encryption_algs
    asyncsshs = asyncssh.SSHClientConnectionOptions(config=[]).encryption_algs
    assert list(ours[:2]) == [b"aes256-gcm@openssh.com", b"aes128-gcm@openssh.com"]
    assert set(ours) == set(asyncsshs)


def test_an_address_needs_no_resolver(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async def none(*asked: object, **more: object) -> list[object]:
            raise OSError("asked a resolver")

        async with fleet.serve() as server:
            monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", none, raising=False)
            async with fleet.transport(server, "h1").session():
                pass

    asyncio.run(main())


def test_many_small_packets_hold_nobody_up(fleet: Fleet) -> None:
    """Each costs as much to take apart as a large one; another host is answered meanwhile."""

    class Ignoring(HostileServer):
        async def _hang(self, host: TreeHost, process: "asyncssh.SSHServerProcess[bytes]") -> None:
            connection = process.get_extra_info("connection")
            while not process.is_closing():
                for _ in range(200):
                    connection.send_packet(2, asyncssh.packet.String(b"\0" * 10))  # MSG_IGNORE
                await asyncio.sleep(0)

    async def main() -> None:
        folder = fleet.hosts[0].root.parent
        two = Fleet(folder / "more", 2, network="127.0.21")
        async with Ignoring(two.hosts, two.users, {"h1": "hang"}) as server:
            flood = asyncio.create_task(failing(two.transport(server, "h1"), timeout=3.0))
            await asyncio.sleep(0.5)
            started = time.monotonic()
            async with two.transport(server, "h2").session() as session:
                answer = await session.run("sh -s", LIST, max_output=100_000, timeout=10)
            assert split_answer(answer.stdout, NONCE, 1).replies[0].failure is None
            assert time.monotonic() - started < 10
            assert (await flood).code in ("timed out", "over limit")

    run(main())
