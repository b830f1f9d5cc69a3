"""Jump hosts against OpenSSH's own servers: strict at each hop, one connection for all behind it, told by name."""

import asyncio
import contextlib
import dataclasses
import secrets
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import pytest

from deployments.collector.protocol import Question
from deployments.transport.base import TransportFailure
from deployments.transport.choose import Ways
from deployments.transport.host_keys import fetch_host_keys
from drift.core.retries import NEVER, Retries
from drift.scanner import HostResult, Scan, Target, run, scan_targets
from inventory.core.connection import HostConnection, OpenCredential
from tests.sshd import Sshd, running_sshd

pytestmark = pytest.mark.needs("sshd")

QUESTION = Question.of(["file:/etc/passwd"])
SPACE = UUID("1a0a7a3e-0000-4000-8000-000000000000")


@pytest.fixture
def jump(tmp_path: Path) -> Iterator[Sshd]:
    with running_sshd(tmp_path / "jump", "AllowTcpForwarding local", "LogLevel DEBUG1") as server:
        yield server


@pytest.fixture
def inner(tmp_path: Path) -> Iterator[Sshd]:
    with running_sshd(tmp_path / "inner", "LogLevel DEBUG1") as server:
        yield server


def connection(name: str, server: Sshd, **fields: Any) -> HostConnection:
    return HostConnection(
        host_id=uuid5(SPACE, name),
        name=name,
        transport="ssh",
        address="127.0.0.1",
        port=fields.pop("port", server.port),
        user=fields.pop("user", server.user),
        root="",
        credential_id=fields.pop("credential_id", uuid5(SPACE, f"{server.port}")),
        trusted_keys=fields.pop("trusted_keys", server.host_keys),
        **fields,
    )


def opened(*servers: Sshd) -> dict[UUID, OpenCredential]:
    """Each server's own key, and no other, logs in there."""
    found = {}
    for server in servers:
        assert server.credential.key is not None
        secret = server.credential.key.export_private_key("openssh")
        pk = uuid5(SPACE, f"{server.port}")
        found[pk] = OpenCredential(pk, "key", "private-key", server.user, secret)
    return found


def looks(
    hosts: list[HostConnection],
    credentials: dict[UUID, OpenCredential],
    retries: Retries = NEVER,
) -> dict[str, HostResult]:
    results: dict[str, HostResult] = {}
    by_name = {host.name: host for host in hosts}

    async def main() -> None:
        ways = Ways(credentials)
        scan = Scan(
            lambda target: ways.to(by_name[target.host]),
            lambda: f"n{secrets.token_hex(16)}",
            lambda: 0.0,
            retries=retries,
        )
        try:
            await scan_targets(
                [Target(name, QUESTION) for name in by_name],
                scan,
                on_result=lambda result: results.update({result.host: result}),
                concurrency=20,
            )
        finally:
            await ways.close()
            await asyncio.sleep(0.05)

    run(main())
    return results


def sign_ins(server: Sshd) -> int:
    return server.log.read_text(errors="replace").count("Accepted publickey")


def test_hosts_behind_a_jump_host_are_seen_over_one_connection_to_it(jump: Sshd, inner: Sshd) -> None:
    bastion = connection("bastion", jump)
    hosts = [connection(f"web-{n}", inner, jump=bastion) for n in range(8)]
    results = looks(hosts, opened(jump, inner), Retries())
    assert {result.reason for result in results.values()} == {None}
    assert (sign_ins(jump), sign_ins(inner)) == (1, 8)
    text = jump.log.read_text(errors="replace")
    assert "auth-agent" not in text
    assert "direct-tcpip" in text


def test_three_in_a_row_are_gone_through(jump: Sshd, inner: Sshd, tmp_path: Path) -> None:
    with running_sshd(tmp_path / "second") as second, running_sshd(tmp_path / "third") as third:
        a = connection("a", jump)
        b = connection("b", second, jump=a)
        c = connection("c", third, jump=b)
        web = connection("web", inner, jump=c)
        assert looks([web], opened(jump, second, third, inner))["web"].reason is None


def test_the_keys_of_both_hops_are_strict(jump: Sshd, inner: Sshd) -> None:
    bastion = connection("bastion", jump)
    another = connection("web", inner, jump=bastion, trusted_keys=jump.host_keys)
    result = looks([another], opened(jump, inner))["web"]
    assert (result.reason or "").startswith("host key changed: it shows ")
    assert result.offered_key is not None
    assert not inner.asked_to_sign_in

    behind = connection("web", inner, jump=dataclasses.replace(bastion, trusted_keys=inner.host_keys))
    result = looks([behind], opened(jump, inner))["web"]
    assert (result.reason or "").startswith("jump host failed: bastion: host key changed: it shows ")
    assert result.offered_key is None, "it is the jump host's, and no finding of this host"
    unknown = dataclasses.replace(bastion, trusted_keys=())
    result = looks([connection("web", inner, jump=unknown)], opened(jump, inner))["web"]
    assert result.reason == "jump host failed: bastion: host key not enrolled: enrol the host first"
    assert not inner.asked_to_sign_in


def test_each_hop_has_its_own_credential(jump: Sshd, inner: Sshd) -> None:
    bastion = connection("bastion", jump)
    swapped = connection("web", inner, jump=bastion, credential_id=bastion.credential_id)
    result = looks([swapped], opened(jump, inner))["web"]
    assert (result.reason or "").startswith("authentication failed")
    none = connection("web", inner, jump=dataclasses.replace(bastion, credential_id=None))
    result = looks([none], opened(jump, inner))["web"]
    assert (result.reason or "").startswith("jump host failed: bastion: authentication failed")


def test_a_jump_host_that_fails_is_asked_once_and_the_others_are_not_held_up(jump: Sshd, inner: Sshd) -> None:
    nobody = dataclasses.replace(connection("bastion", jump), user="nobody-at-all")
    hosts = [
        *(connection(f"web-{n}", inner, jump=nobody) for n in range(10)),
        *(connection(f"db-{n}", inner) for n in range(3)),
    ]
    results = looks(hosts, opened(jump, inner), Retries())
    assert {results[f"db-{n}"].reason for n in range(3)} == {None}
    told = {(results[f"web-{n}"].reason or "").partition(": ")[2].partition(":")[0] for n in range(10)}
    assert told == {"bastion"}
    assert jump.log.read_text(errors="replace").count("Invalid user") == 1


def test_where_nobody_listens_behind_it_is_the_host_s_own_failure(jump: Sshd, inner: Sshd) -> None:
    bastion = connection("bastion", jump)
    result = looks([connection("web", inner, jump=bastion, port=1)], opened(jump, inner))["web"]
    assert (result.reason or "").startswith("connection refused: from bastion: ")


def test_a_jump_host_that_lets_nobody_through_is_told(tmp_path: Path, inner: Sshd) -> None:
    with running_sshd(tmp_path / "closed", "AllowTcpForwarding no") as closed:
        bastion = connection("bastion", closed)
        result = looks([connection("web", inner, jump=bastion)], opened(closed, inner))["web"]
    assert (result.reason or "").startswith("jump host failed: bastion does not forward")


def test_a_jump_host_that_is_away_for_a_moment_is_tried_again(tmp_path: Path, inner: Sshd) -> None:
    """It drops whoever comes beyond the second at once; the whole batch waits for the one connection to it."""
    with running_sshd(tmp_path / "busy", "MaxStartups 1:100:1") as busy:
        blocker = run_blocker(busy.port)
        try:
            bastion = connection("bastion", busy)
            hosts = [connection(f"web-{n}", inner, jump=bastion) for n in range(3)]
            once = looks(hosts, opened(busy, inner))
            # Dropped at the door, and perhaps reset: what the system says of that comes after another colon.
            told = {":".join((result.reason or "").split(":")[:3]) for result in once.values()}
            assert told == {"jump host failed: bastion: connection lost"}
        finally:
            blocker.close()
        again = looks(hosts, opened(busy, inner), Retries())
        assert {result.reason for result in again.values()} == {None}


def run_blocker(port: int) -> socket.socket:
    """Somebody who has connected and says nothing: in the one place there is, once whoever waited for the server to start
    has left it."""
    while True:
        blocker = socket.create_connection(("127.0.0.1", port))
        with contextlib.suppress(ConnectionError):
            if blocker.recv(100).startswith(b"SSH-"):
                return blocker
        blocker.close()
        time.sleep(0.05)


def test_a_jump_host_that_is_lost_takes_those_behind_it_along_and_is_named(
    tmp_path: Path, jump: Sshd
) -> None:
    async def main(inner: Sshd) -> None:
        ways = Ways(opened(jump, inner))
        web = connection("web", inner, jump=connection("bastion", jump))
        way = ways.jump_of(web)
        assert way is not None
        with pytest.raises(TransportFailure) as caught:
            async with ways.to(web).session() as session:
                asyncio.get_running_loop().call_later(0.3, lambda: way._pipe._way.abort())  # type: ignore[union-attr]
                await session.run("sh -s", b"", max_output=1000, timeout=20)
        assert caught.value.reason == "jump host failed: bastion: connection lost"
        assert caught.value.cause == "connection lost"
        async with ways.to(web).session():  # the next host behind it has it opened again
            pass
        await ways.close()

    with running_sshd(tmp_path / "slow", "ForceCommand sleep 60") as slow:
        run(main(slow))


def test_host_keys_are_fetched_over_it(jump: Sshd, inner: Sshd) -> None:
    async def main() -> None:
        ways = Ways(opened(jump))
        web = connection("web", inner, jump=connection("bastion", jump))
        try:
            keys = await fetch_host_keys("127.0.0.1", inner.port, via=ways.jump_of(web))
            assert {key.public_key for key in keys} == set(inner.host_keys)
            with pytest.raises(TransportFailure, match="connection refused: from bastion"):
                await fetch_host_keys("127.0.0.1", 1, via=ways.jump_of(web))
        finally:
            await ways.close()

    run(main())
    assert not inner.asked_to_sign_in


def test_a_jump_host_that_can_not_be_one_is_told(jump: Sshd, inner: Sshd) -> None:
    retired = connection("bastion", jump, problem="it has been decommissioned")
    result = looks([connection("web", inner, jump=retired)], opened(jump, inner))["web"]
    assert result.reason == "jump host failed: bastion: it has been decommissioned"
    assert sign_ins(jump) == 0
