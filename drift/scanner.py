"""Looks at many hosts at once: transports and the collector's protocol on one event loop. No ORM.

Each host is bounded in time, bytes and memory, and fails alone: whatever goes wrong with it becomes an unknown
result with a reason. Only `on_result` may stop a scan by raising, since what it can't store was not looked at.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from common.clock import monotonic
from deployments.collector import reasons
from deployments.collector.protocol import Collection, Limits, Observation, Question, unknown_observation
from deployments.collector.reasons import code_of, reason
from deployments.core.states import State
from deployments.transport.base import Session, Transport, TransportFailure
from deployments.transport.host_keys import HostKey

logger = logging.getLogger(__name__)

Status = Literal["ok", "partial", "unknown"]
Wanted = Callable[[str, State], bool]

_POLL_SECONDS = 0.25
# Parsing and redacting more than this goes to a thread, or one host would hold up the others.
_INLINE_BYTES = 64 * 1024
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Target:
    """One host to look at. `wanted` decides whose content is fetched, `moved` whether it is asked who was at work
    there (see `Collection`); `context` comes back untouched."""

    host: str
    question: Question
    wanted: Wanted | None = None
    moved: Callable[[Mapping[str, State]], bool] | None = None
    context: Any = None


@dataclass(frozen=True)
class HostResult:
    """One host, looked at. "ok": everything is known; "partial": some is not; "unknown": nothing is, or no answer.

    `reason` says why it is not "ok"; the observation says it for each resource. `seconds` is how long it took, and
    `ended_at` when that was, by the scan's clock: results may wait before they are taken. `offered_key` is the
    host key that was refused, where that is why.
    """

    target: Target
    status: Status
    reason: str | None
    observation: Observation
    seconds: float
    ended_at: float
    offered_key: HostKey | None = None

    @property
    def host(self) -> str:
        return self.target.host


@dataclass(frozen=True)
class Scan:
    """What all hosts of a scan share.

    `open_transport` gives a way to a host; it may raise TransportFailure. `nonce` gives a new random one for
    each look (see `Collection`). `clock` gives our time in seconds since 1970, to measure the hosts' clocks by.
    `attempts` is how often a host is tried whose connection fails for a reason that may pass; `backoff` gives
    the seconds to wait before the second attempt (1), the third (2), …
    """

    open_transport: Callable[[Target], Transport]
    nonce: Callable[[], str]
    clock: Callable[[], float]
    hmac_key: bytes | None = field(default=None, repr=False)
    limits: Limits = field(default_factory=Limits)
    attempts: int = 1
    backoff: Callable[[int], float] = lambda attempt: 0.5 * 2**attempt


async def scan_targets(
    targets: AsyncIterable[Target] | Iterable[Target],
    scan: Scan,
    *,
    on_result: Callable[[HostResult], Awaitable[None] | None],
    concurrency: int = 64,
    cancelled: Callable[[], bool] = lambda: False,
) -> bool:
    """Look at every target, at most `concurrency` at once. True when all were; False when it was cancelled.

    `on_result` is called once per host, as each is finished and never two at a time. `cancelled` is asked four
    times a second; hosts that are being looked at then are dropped without a result, as are those still to come.
    """
    source = _source(targets)
    taking, reporting = asyncio.Lock(), asyncio.Lock()

    async def worker() -> None:
        while True:
            async with taking:
                target = await anext(source, None)
            if target is None:
                return
            result = await look_at(target, scan)
            async with reporting:
                outcome = on_result(result)
                if outcome is not None:
                    await outcome

    workers = [asyncio.create_task(worker()) for _ in range(max(1, concurrency))]
    try:
        while True:
            done, busy = await asyncio.wait(
                workers, timeout=_POLL_SECONDS, return_when=asyncio.FIRST_EXCEPTION
            )
            for task in done:
                task.result()  # raises what `on_result` or the source of targets raised
            if not busy:
                return True
            if cancelled():
                return False
    finally:
        for task in workers:
            task.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        await source.aclose()


async def look_at(target: Target, scan: Scan) -> HostResult:
    """Look at one host. Never raises for what the host does."""
    started = monotonic()
    attempt = 1
    while True:
        observation, offered = await _attempt(target, scan)
        # Only what never began is tried again: a second look at a host that misbehaves would cost as much.
        failure = code_of(observation.failure or "")
        if attempt >= scan.attempts or failure not in reasons.RETRYABLE or observation.facts:
            break
        await asyncio.sleep(scan.backoff(attempt))
        attempt += 1
    status, why = judge(observation)
    return HostResult(target, status, why, observation, monotonic() - started, scan.clock(), offered)


def judge(observation: Observation) -> tuple[Status, str | None]:
    """How much of what was asked is known, and the first reason why not all of it is."""
    missing = [why for why in (*observation.unknown().values(), *observation.listed.values()) if why]
    whys = [*([observation.failure] if observation.failure else []), *missing, *observation.problems]
    if not whys:
        return "ok", None
    asked = len(observation.states) + len(observation.listed)
    nothing = len(missing) >= asked and bool(asked or observation.failure)
    return ("unknown" if nothing else "partial"), whys[0]


async def _attempt(target: Target, scan: Scan) -> tuple[Observation, HostKey | None]:
    """What was seen, and the host key that was refused."""
    offered: HostKey | None = None
    given = {"wanted": target.wanted, "moved": target.moved}
    hooks: dict[str, Any] = {name: hook for name, hook in given.items() if hook is not None}
    try:
        collection = Collection(
            target.question, nonce=scan.nonce(), hmac_key=scan.hmac_key, limits=scan.limits, **hooks
        )
        deadline = monotonic() + scan.limits.connect_seconds + scan.limits.session_seconds
        try:
            # The transport keeps its own limits; this one holds whatever it does.
            async with asyncio.timeout(deadline - monotonic()):
                async with scan.open_transport(target).session() as session:
                    await _rounds(collection, session, scan)
        except TimeoutError:
            collection.fail(reasons.TIMED_OUT)
        except TransportFailure as failure:
            collection.fail(failure.reason)
            offered = failure.offered
        return collection.result(), offered
    except Exception as error:  # one bad host, or a fault of ours, must not end the others
        logger.exception("looking at %s failed", target.host)
        return unknown_observation(target.question, reason(reasons.INTERNAL, type(error).__name__)), None


async def _rounds(collection: Collection, session: Session, scan: Scan) -> None:
    deadline = monotonic() + scan.limits.session_seconds
    while (program := collection.send()) is not None:
        sent = scan.clock()
        try:
            answer = await session.run(
                collection.command,
                program,
                max_output=collection.max_output,
                timeout=max(0.01, deadline - monotonic()),
            )
        except TransportFailure as failure:
            await _receive(collection, failure.output, failure.reason)
            if collection.send() is not None:  # this answer was whole, but there will be no other
                collection.fail(failure.reason)
            return
        await _receive(
            collection,
            answer.stdout,
            None,
            stderr=answer.stderr,
            exit_status=answer.exit_status,
            times=(sent, scan.clock()),
        )


async def _receive(collection: Collection, output: bytes, failure: str | None, **rest: Any) -> None:
    if len(output) > _INLINE_BYTES:
        await asyncio.to_thread(collection.receive, output, failure, **rest)
    else:
        collection.receive(output, failure, **rest)


async def _source(targets: AsyncIterable[Target] | Iterable[Target]) -> AsyncGenerator[Target, None]:
    if isinstance(targets, AsyncIterable):
        async for target in targets:
            yield target
    else:
        for target in targets:
            yield target


def run(main: Coroutine[Any, Any, _Result]) -> _Result:
    """Run a coroutine to its end in a new event loop: uvloop's where it is installed."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run(main)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)
