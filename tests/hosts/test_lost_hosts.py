"""Real hosts whose network goes away while they are looked at."""

import asyncio
import time
from collections.abc import Callable

import pytest

from deployments.collector import reasons
from deployments.transport.base import TransportFailure
from deployments.transport.ssh import Credential, SshTransport
from tests.hosts.machine import Machine
from tests.hosts.machines import Yard

pytestmark = pytest.mark.slow

CONNECT_SECONDS = 3.0
WHILE_SSHD_STANDS_STILL = """
echo before
setsid sh -c 'sleep 0.5; pkill -STOP sshd; sleep 6; pkill -CONT sshd' </dev/null >/dev/null 2>&1 &
sleep 1
echo after
"""


@pytest.mark.parametrize("command", ["sleep 60", "while :; do echo still here; sleep 0.01; done"])
def test_a_host_that_is_cut_off_while_it_works_is_not_waited_for(
    debian_yard: Yard, debian_hosts: Callable[..., list[Machine]], command: str
) -> None:
    [host] = debian_hosts("web-1")
    failure, took = asyncio.run(cut_off_during(command, host, transport_to(host, debian_yard)))
    assert failure.code in (
        reasons.CONNECTION_LOST,
        reasons.UNREACHABLE,
    )  # the latter once the network says so
    assert took <= 2 * CONNECT_SECONDS


def test_a_host_that_is_too_busy_to_answer_is_waited_for(
    debian_yard: Yard, debian_hosts: Callable[..., list[Machine]]
) -> None:
    [host] = debian_hosts("web-1")

    async def ask() -> bytes:
        async with transport_to(host, debian_yard).session() as session:
            return (await session.run(WHILE_SSHD_STANDS_STILL, b"", max_output=1000, timeout=30)).stdout

    assert asyncio.run(ask()) == b"before\nafter\n"


def transport_to(host: Machine, yard: Yard) -> SshTransport:
    return SshTransport(
        address=host.address,
        user="root",
        credential=Credential.private_key(yard.private_key("root").encode()),
        host_keys=[host.public_key],
        connect_seconds=CONNECT_SECONDS,
    )


async def cut_off_during(
    command: str, host: Machine, transport: SshTransport
) -> tuple[TransportFailure, float]:
    """What came of the command, and how many seconds after the cut."""
    async with transport.session() as session:
        running = asyncio.create_task(session.run(command, b"", max_output=10_000_000, timeout=30))
        await asyncio.sleep(0.5)
        assert not running.done()
        host.cut_off()
        since = time.monotonic()
        with pytest.raises(TransportFailure) as failed:
            await running
        return failed.value, time.monotonic() - since
