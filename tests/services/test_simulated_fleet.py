"""The simulated fleet over SSH: hosts are told apart by address, misbehave as they are told, and recover."""

import time
from collections.abc import Iterator

import pytest

from benchmarks.fleet import FleetOptions, FleetProcess, SimulatedFleet, serving
from deployments.collector.protocol import Limits, Question
from deployments.core.states import Present
from deployments.transport.ssh import Credential, SshTransport
from drift.scanner import HostResult, Scan, Target, run, scan_targets

HOSTS = 24
QUESTION = Question.of(["file:/etc/hostname", "file:/etc/app/conf/00.d/0001.conf"])
LIMITS = Limits(connect_seconds=1.0, session_seconds=1.0, output_bytes=300_000)


@pytest.fixture(scope="module")
def fleet() -> Iterator[SimulatedFleet]:
    with serving(FleetOptions(hosts=HOSTS, resources=60, refusable=2)) as fleet:
        yield fleet


def scanned(fleet: SimulatedFleet | FleetProcess, *hosts: int) -> dict[int, HostResult]:
    known = fleet.inventory()
    credential = Credential.private_key(fleet.client_key_text.encode())

    def way(target: Target) -> SshTransport:
        host = known[target.context]
        return SshTransport(
            host["address"],
            host["user"],
            credential,
            [fleet.host_key_line],
            port=host["port"],
            connect_seconds=1.0,
        )

    results: dict[int, HostResult] = {}
    targets = [Target(known[host]["name"], QUESTION, context=host) for host in hosts]
    run(
        scan_targets(
            targets,
            Scan(way, lambda: "n0123456789abcdef", time.time, hmac_key=b"k" * 32, limits=LIMITS),
            on_result=lambda result: results.update({result.target.context: result}),
        )
    )
    return results


def test_every_host_of_the_fleet_answers_for_itself(fleet: SimulatedFleet) -> None:
    results = scanned(fleet, *range(HOSTS))
    assert {result.status for result in results.values()} == {"ok"}
    assert [results[host].observation.facts["hostname"] for host in range(HOSTS)] == [
        fleet.name(host) for host in range(HOSTS)
    ]
    states = {repr(result.observation.states["file:/etc/hostname"]) for result in results.values()}
    assert len(states) == HOSTS


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("drop", "connection lost"),
        ("reset", "connection lost"),
        ("silent", "timed out"),
        ("noise", ("protocol error", "connection lost")),
        ("lengths", "protocol error: Max packet size exceeded"),
        ("hang", "timed out"),
        ("drip", "timed out"),
        ("flood", "over limit"),
        ("errors", "over limit"),
        ("binary", "garbled"),
        ("exit", "command refused"),
        ("cut", "connection lost"),
        ("short", "truncated"),
        ("lie", "garbled"),
    ],
)
def test_a_host_that_misbehaves_is_unknown_and_its_neighbour_is_not(
    fleet: SimulatedFleet, kind: str, reason: str | tuple[str, ...]
) -> None:
    fleet.misbehave([3], kind, times=1)
    results = scanned(fleet, 3, 4)
    assert results[4].status == "ok"
    assert results[3].status != "ok", results[3]
    assert (results[3].reason or "").startswith(reason)
    assert scanned(fleet, 3)[3].status == "ok"


def test_a_host_that_refuses_does_so_until_it_is_let_in_again(fleet: SimulatedFleet) -> None:
    fleet.refuse(HOSTS - 1)
    assert scanned(fleet, HOSTS - 1)[HOSTS - 1].reason == "connection refused"
    fleet.admit(HOSTS - 1)
    assert scanned(fleet, HOSTS - 1)[HOSTS - 1].status == "ok"


def test_bad_weather_fails_the_share_that_it_is_told_to(fleet: SimulatedFleet) -> None:
    fleet.set_weather(fail_rate=0.5, seed=7)
    failed = [host for host, result in scanned(fleet, *range(HOSTS - 2)).items() if result.status != "ok"]
    fleet.set_weather()
    assert 3 <= len(failed) <= HOSTS - 5
    assert all(result.status == "ok" for result in scanned(fleet, *failed).values())


def test_a_fleet_in_a_process_of_its_own_does_what_it_is_told() -> None:
    with FleetProcess(FleetOptions(hosts=3, resources=60)) as fleet:
        fleet.edit(1, "/etc/hostname", b"by hand\n")
        results = scanned(fleet, 0, 1)
        state = results[1].observation.states["file:/etc/hostname"]
        assert isinstance(state, Present) and state != results[0].observation.states["file:/etc/hostname"]
        assert fleet.counts()["logins"] >= 4
        with pytest.raises(ValueError, match="there is no host 7"):
            fleet.edit(7, "/etc/hostname", b"")
