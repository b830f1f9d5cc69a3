"""The scanner over real SSH: each host fails alone, everything is bounded, and unknown is never clean."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from deployments.collector.protocol import Limits, Observation, Question
from deployments.collector.reasons import code_of
from deployments.core.states import ABSENT, Present, State, Unknown
from deployments.transport.base import Answer, Transport, TransportFailure
from deployments.transport.local import LocalTransport
from drift.core.retries import Retries
from drift.scanner import HostResult, Scan, Target, judge, run, scan_targets
from tests.fake_host import FakeHost, Node
from tests.ssh_hosts import Fleet, HostileServer

QUESTION = Question.of(["file:/etc/motd", "file:/etc/none"], ["/etc"])
NONCE = "n0123456789abcdef"


class Instant:
    """A way to a host in memory; `failures` come first, one per connection."""

    def __init__(self, host: FakeHost, *failures: BaseException) -> None:
        self.host, self.failures, self.opened = host, list(failures), 0

    def session(self) -> "Instant":
        return self

    async def __aenter__(self) -> "Instant":
        self.opened += 1
        if self.failures:
            raise self.failures.pop(0)
        return self

    async def __aexit__(self, *caught: object) -> None:
        pass

    async def run(self, command: str, stdin: bytes, *, max_output: int, timeout: float) -> Answer:
        await asyncio.sleep(0)
        return Answer(self.host.answer(stdin))


def scan_of(open_transport: Callable[[Target], Any], **options: Any) -> Scan:
    return Scan(open_transport, lambda: NONCE, time.time, **({"hmac_key": b"k" * 32} | options))


def motd() -> FakeHost:
    return FakeHost({b"/etc": Node("d"), b"/etc/motd": Node(content=b"hi")})


def scanned(targets: list[Target], scan: Scan, **options: Any) -> dict[str, HostResult]:
    results: dict[str, HostResult] = {}

    async def main() -> None:
        await scan_targets(
            targets, scan, on_result=lambda result: results.update({result.host: result}), **options
        )

    run(main())
    return results


# --- many hosts over SSH ---------------------------------------------------------------------------------------


def test_bad_hosts_fail_alone_in_bounded_time_and_are_never_clean(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path, 12)
    bad = {
        "h1": "hang",
        "h2": "drip",
        "h3": "flood",
        "h4": "errors",
        "h5": "garbage",
        "h6": "refuse",
        "h7": "drop",
        "h8": "early",
        "h9": "lie",
    }
    limits = Limits(connect_seconds=5, session_seconds=6, output_bytes=1_000_000)
    results: dict[str, HostResult] = {}

    async def main() -> None:
        async with fleet.serve(**bad) as server:
            scan = scan_of(lambda target: fleet.transport(server, target.host), limits=limits)
            targets = [Target(host.name, QUESTION) for host in fleet.hosts]
            started = time.monotonic()
            await scan_targets(targets, scan, on_result=lambda result: results.update({result.host: result}))
            assert time.monotonic() - started < 30

    run(main())
    # What the system says of a connection that was dropped depends on who was faster.
    said = {name: (result.status, result.reason) for name, result in results.items()}
    status, why = said.pop("h7")
    assert status == "unknown" and why is not None and code_of(why) == "connection lost"
    assert said == {
        "h1": ("unknown", "timed out"),
        "h2": ("unknown", "timed out"),
        "h3": ("unknown", "over limit: too much output"),
        "h4": ("unknown", "over limit: too much output"),
        "h5": ("unknown", "garbled"),
        "h6": ("unknown", "command refused: [1mNot today. [0m"),
        "h8": ("unknown", "truncated: no answer"),
        "h9": ("unknown", "garbled: markers out of order"),
        "h10": ("ok", None),
        "h11": ("ok", None),
        "h12": ("ok", None),
    }
    for name in bad:
        observation = results[name].observation
        assert all(isinstance(state, Unknown) for state in observation.states.values())
        assert isinstance(observation.state_of("file:/etc/other"), Unknown)
        assert results[name].seconds < 15
    for name in ("h10", "h11", "h12"):
        observation = results[name].observation
        assert isinstance(observation.states["file:/etc/motd"], Present)
        assert observation.states["file:/etc/none"] == ABSENT
        assert observation.clock_offset is not None and abs(observation.clock_offset) < 5


def test_hosts_that_cannot_be_reached_or_trusted_are_unknown_with_the_reason(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path, 4)

    async def main() -> dict[str, HostResult]:
        results: dict[str, HostResult] = {}
        async with fleet.serve() as server:

            def open_transport(target: Target) -> Transport:
                match target.host:
                    case "h1":
                        return fleet.transport(server, "h1", port=1)
                    case "h2":
                        return fleet.transport(server, "h2", host_keys=(fleet.hosts[0].public_key,))
                    case "h3":
                        return fleet.transport(server, "h3", user="mallory")
                raise TransportFailure("authentication failed", "no credential")

            targets = [Target(host.name, QUESTION) for host in fleet.hosts]
            await scan_targets(
                targets,
                scan_of(open_transport),
                on_result=lambda result: results.update({result.host: result}),
            )
        return results

    results = run(main())
    codes = {name: (result.reason or "").split(":")[0] for name, result in results.items()}
    assert codes == {
        "h1": "connection refused",
        "h2": "host key changed",
        "h3": "authentication failed",
        "h4": "authentication failed",
    }
    assert {result.status for result in results.values()} == {"unknown"}


def test_cancelling_stops_within_five_seconds_even_with_hosts_that_hang(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path, 6)
    results: list[HostResult] = []

    async def main(server_of: Callable[[], HostileServer]) -> tuple[bool, float]:
        async with server_of() as server:
            scan = scan_of(lambda target: fleet.transport(server, target.host))
            targets = [Target(host.name, QUESTION) for host in fleet.hosts]
            stop_at = time.monotonic() + 1
            finished = await scan_targets(
                targets,
                scan,
                on_result=results.append,
                concurrency=3,
                cancelled=lambda: time.monotonic() > stop_at,
            )
            return finished, time.monotonic() - stop_at

    finished, seconds = run(main(lambda: fleet.serve(h1="hang", h2="drip", h3="hang")))
    assert finished is False
    assert seconds < 5
    assert results == []


def test_a_directory_is_scanned_as_a_host_is(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/motd").write_text("hi")
    result = scanned([Target("image", QUESTION)], scan_of(lambda target: LocalTransport(tmp_path)))["image"]
    assert result.status == "ok"
    assert isinstance(result.observation.states["file:/etc/motd"], Present)


# --- without a network -----------------------------------------------------------------------------------------


def test_every_target_gets_one_result_and_no_more_than_allowed_are_looked_at_at_once() -> None:
    busy, most = 0, 0

    class Counting(Instant):
        async def __aenter__(self) -> "Instant":
            nonlocal busy, most
            busy += 1
            most = max(most, busy)
            await asyncio.sleep(0.001)
            return self

        async def __aexit__(self, *caught: object) -> None:
            nonlocal busy
            busy -= 1

    seen: list[str] = []

    async def some() -> AsyncIterator[Target]:
        for number in range(200):
            yield Target(f"h{number}", QUESTION)

    async def main() -> bool:
        return await scan_targets(
            some(),
            scan_of(lambda target: Counting(motd())),
            on_result=lambda result: seen.append(result.host),
            concurrency=7,
        )

    assert run(main()) is True
    assert sorted(seen) == sorted(f"h{number}" for number in range(200))
    assert most <= 7


def test_results_are_given_one_at_a_time() -> None:
    inside = 0

    async def store(result: HostResult) -> None:
        nonlocal inside
        inside += 1
        assert inside == 1
        await asyncio.sleep(0.002)
        inside -= 1

    async def main() -> None:
        targets = [Target(f"h{number}", QUESTION) for number in range(30)]
        await scan_targets(targets, scan_of(lambda target: Instant(motd())), on_result=store)

    run(main())


def test_a_result_that_cannot_be_stored_stops_the_scan() -> None:
    calls = 0

    def store(result: HostResult) -> None:
        nonlocal calls
        calls += 1
        raise RuntimeError("the lease is lost")

    async def main() -> None:
        targets = [Target(f"h{number}", QUESTION) for number in range(100)]
        await scan_targets(targets, scan_of(lambda target: Instant(motd())), on_result=store, concurrency=4)

    with pytest.raises(RuntimeError, match="lease"):
        run(main())
    assert calls <= 4


def test_a_fault_of_ours_is_one_unknown_host_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    def faulty(resource: str, state: State) -> bool:
        raise KeyError("oops")

    targets = [Target("bad", QUESTION, faulty), Target("good", QUESTION)]
    results = scanned(targets, scan_of(lambda target: Instant(motd())))
    assert (results["bad"].status, results["bad"].reason) == ("unknown", "internal error: KeyError")
    assert results["good"].status == "ok"
    assert "bad" in caplog.text


def quickly(**attempts: int) -> Retries:
    return Retries({code.replace("_", " "): number for code, number in attempts.items()}, first=0.02)


def test_what_may_pass_is_tried_again_and_what_may_not_is_not() -> None:
    def tried(*codes: str) -> tuple[HostResult, int]:
        way = Instant(motd(), *(TransportFailure(code) for code in codes))
        retries = quickly(connection_refused=3, connection_lost=3)
        results = scanned([Target("h", QUESTION)], scan_of(lambda target: way, retries=retries))
        return results["h"], way.opened

    result, opened = tried("connection refused", "connection lost")
    assert (result.status, opened) == ("ok", 3)
    result, opened = tried(*["connection refused"] * 5)
    assert (result.reason, opened) == ("connection refused", 3)
    for code in ("host key changed", "authentication failed", "timed out", "over limit", "protocol error"):
        result, opened = tried(code)
        assert (result.reason, opened) == (code, 1)


def test_what_stood_in_the_way_of_a_jump_host_says_whether_it_may_pass() -> None:
    way = Instant(motd(), TransportFailure("jump host failed", cause="connection lost"))
    retries = quickly(connection_lost=2)
    assert scanned([Target("h", QUESTION)], scan_of(lambda target: way, retries=retries))["h"].status == "ok"


def test_a_look_that_began_is_not_tried_again() -> None:
    class Dropping(Instant):
        async def run(self, command: str, stdin: bytes, *, max_output: int, timeout: float) -> Answer:
            raise TransportFailure("connection lost", output=b"\0some")

    way = Dropping(motd())
    result = scanned(
        [Target("h", QUESTION)], scan_of(lambda target: way, retries=quickly(connection_lost=3))
    )["h"]
    assert (result.status, result.reason, way.opened) == ("unknown", "connection lost", 1)


def test_who_waits_for_another_attempt_holds_up_nobody() -> None:
    """One place; the first host is refused at first, and the others are looked at while it waits."""
    ways = {
        "h0": Instant(motd(), TransportFailure("connection refused")),
        **{f"h{n}": Instant(motd()) for n in range(1, 4)},
    }
    results = scanned(
        [Target(name, QUESTION) for name in ways],
        scan_of(lambda target: ways[target.host], retries=Retries({"connection refused": 2}, first=0.2)),
        concurrency=1,
    )
    assert list(results) == ["h1", "h2", "h3", "h0"]
    assert {result.status for result in results.values()} == {"ok"}


@pytest.mark.parametrize(
    ("states", "rest", "expected"),
    [
        ({"file:/a": ABSENT}, {}, ("ok", None)),
        ({}, {}, ("ok", None)),
        ({"file:/a": ABSENT, "file:/b": Unknown("denied")}, {}, ("partial", "denied")),
        ({"file:/a": Unknown("denied")}, {}, ("unknown", "denied")),
        ({"file:/a": ABSENT}, {"failure": "timed out"}, ("partial", "timed out")),
        ({"file:/a": Unknown("timed out")}, {"failure": "timed out"}, ("unknown", "timed out")),
        ({}, {"failure": "timed out"}, ("unknown", "timed out")),
        ({"file:/a": ABSENT}, {"listed": {"/d": "denied"}}, ("partial", "denied")),
        ({}, {"listed": {"/d": "denied"}}, ("unknown", "denied")),
        (
            {"file:/a": ABSENT},
            {"problems": ("name is not UTF-8: /d/x",)},
            ("partial", "name is not UTF-8: /d/x"),
        ),
    ],
)
def test_a_host_is_only_ok_when_everything_is_known(
    states: dict[str, State], rest: dict[str, Any], expected: tuple[str, str | None]
) -> None:
    assert judge(Observation(states, **rest)) == expected
