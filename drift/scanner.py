"""Looks at many hosts at once: transports and the collector's protocol on one event loop. No ORM.

Each host is bounded in time, bytes and memory, and fails alone: whatever goes wrong with it becomes an unknown
result with a reason. Only `on_result` may stop a scan by raising, since what it can't store was not looked at.
"""

import asyncio
import logging
from collections.abc import AsyncIterable, Awaitable, Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from common.clock import monotonic
from deployments.collector import reasons
from deployments.collector.protocol import Collection, Limits, Observation, Question, unknown_observation
from deployments.collector.question import Recalled
from deployments.collector.quick import ContentsLook, Quick, QuickLook
from deployments.collector.reasons import reason
from deployments.core.states import State
from deployments.transport.base import Session, Transport, TransportFailure
from deployments.transport.host_keys import HostKey
from drift.core.retries import NEVER, Retries
from drift.turns import Turns

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
    there (see `Collection`); `context` comes back untouched.

    With `quick` it is asked first whether anything has moved; only what has is looked at then, beside what `recalled`
    says of the rest. A `deep` look does not believe the times of files: where nothing has moved, all of them are read once
    more, and where anything is another, everything is looked at. `prepare` gives the target once it is needed whole: of
    most hosts it never is.
    """

    host: str
    question: Question
    wanted: Wanted | None = None
    moved: Callable[[Mapping[str, State]], bool] | None = None
    context: Any = None
    recalled: Recalled | None = None
    quick: Quick | None = None
    deep: bool = False
    prepare: "Callable[[], Awaitable[Target]] | None" = None


@dataclass(frozen=True)
class HostResult:
    """One host, looked at. "ok": everything is known; "partial": some is not; "unknown": nothing is, or no answer.

    `reason` says why it is not "ok"; the observation says it for each resource. `unmoved`: nothing has moved since what is
    remembered of it, which still holds; the observation is empty then. `seconds` is how long it took, and
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
    unmoved: bool = False

    @property
    def host(self) -> str:
        return self.target.host


@dataclass(frozen=True)
class Scan:
    """What all hosts of a scan share.

    `open_transport` gives a way to a host; it may raise TransportFailure. `nonce` gives a new random one for
    each look (see `Collection`). `clock` gives our time in seconds since 1970, to measure the hosts' clocks by.
    `retries` says when a host is tried again whose connection fails for a reason that may pass, with `chance` a random
    number from 0 to 1; it holds no place meanwhile. `salt`: see `Sections.of`.
    """

    open_transport: Callable[[Target], Transport]
    nonce: Callable[[], str]
    clock: Callable[[], float]
    hmac_key: bytes | None = field(default=None, repr=False)
    salt: bytes = b""
    limits: Limits = field(default_factory=Limits)
    retries: Retries = NEVER
    chance: Callable[[], float] = lambda: 0.5


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
    turns = Turns(targets)
    reporting = asyncio.Lock()

    async def worker() -> None:
        while (turn := await turns.next()) is not None:
            started = monotonic()
            seen = await _attempt(turn.item, scan)
            pause = scan.retries.pause(
                seen.again, attempt=turn.attempt, elapsed=monotonic() - turn.since, chance=scan.chance()
            )
            if pause is not None:
                turns.again(turn, pause)
                continue
            async with reporting:
                outcome = on_result(_result(turn.item, seen, monotonic() - started, scan.clock()))
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
        await turns.close()


async def look_at(target: Target, scan: Scan) -> HostResult:
    """Look at one host, once. Never raises for what the host does."""
    started = monotonic()
    return _result(target, await _attempt(target, scan), monotonic() - started, scan.clock())


def _result(target: Target, seen: "_Seen", seconds: float, ended_at: float) -> HostResult:
    status, why = judge(seen.observation)
    return HostResult(
        target, status, why, seen.observation, seconds, ended_at, seen.offered, unmoved=seen.unmoved
    )


def judge(observation: Observation) -> tuple[Status, str | None]:
    """How much of what was asked is known, and the first reason why not all of it is."""
    missing = [why for why in (*observation.unknown().values(), *observation.listed.values()) if why]
    whys = [*([observation.failure] if observation.failure else []), *missing, *observation.problems]
    if not whys:
        return "ok", None
    asked = len(observation.states) + len(observation.listed)
    nothing = len(missing) >= asked and bool(asked or observation.failure)
    return ("unknown" if nothing else "partial"), whys[0]


async def _attempt(target: Target, scan: Scan) -> "_Seen":
    limits = scan.limits
    collection: Collection | None = None
    quick = QuickLook(target.quick, nonce=scan.nonce()) if target.quick is not None else None
    began = False
    try:
        try:
            # The transport keeps its own limits; this one holds whatever it does.
            most = limits.session_seconds * (2 if quick is not None and target.deep else 1)
            async with asyncio.timeout(limits.connect_seconds + most):
                async with scan.open_transport(target).session() as session:
                    deadline = monotonic() + limits.session_seconds
                    if quick is not None:
                        await _ask_quickly(quick, session, deadline)
                        began = True
                        if quick.failure is None and not quick.moved and not target.deep:
                            return _Seen(Observation({}), unmoved=True)
                    if quick is None or quick.failure is None:
                        target = await target.prepare() if target.prepare is not None else target
                        if quick is not None and target.deep:
                            if not quick.moved and await _same_contents(target, scan, session, deadline):
                                return _Seen(Observation({}), unmoved=True)
                            # Where all was read in vain, reading it once more takes as long.
                            quick, deadline = None, monotonic() + limits.session_seconds
                        collection = _collection(target, scan, quick.moved if quick is not None else None)
                        await _rounds(collection, session, scan, deadline)
        except TimeoutError:
            return _Seen(_failed(collection, target, reasons.TIMED_OUT))
        except TransportFailure as failure:
            # Only what never began is tried again: another look at a host that misbehaves would cost as much.
            again = "" if began or failure.output else failure.cause
            return _Seen(_failed(collection, target, failure.reason), failure.offered, again=again)
        if collection is None:
            assert quick is not None and quick.failure is not None
            return _Seen(unknown_observation(target.question, quick.failure))
        return _Seen(collection.result())
    except Exception as error:  # one bad host, or a fault of ours, must not end the others
        logger.exception("looking at %s failed", target.host)
        return _Seen(unknown_observation(target.question, reason(reasons.INTERNAL, type(error).__name__)))


@dataclass(frozen=True)
class _Seen:
    """What came of one attempt; `offered` is the host key that was refused. `again` is the code of what kept it from
    beginning, empty where it began."""

    observation: Observation
    offered: HostKey | None = None
    unmoved: bool = False
    again: str = ""


def _collection(target: Target, scan: Scan, moved: frozenset[str] | None) -> Collection:
    given = {"wanted": target.wanted, "moved": target.moved}
    hooks: dict[str, Any] = {name: hook for name, hook in given.items() if hook is not None}
    return Collection(
        target.question,
        nonce=scan.nonce(),
        hmac_key=scan.hmac_key,
        limits=scan.limits,
        recalled=target.recalled,
        moved_sections=moved,
        salt=scan.salt,
        **hooks,
    )


def _failed(collection: Collection | None, target: Target, why: str) -> Observation:
    if collection is None:
        return unknown_observation(target.question, why)
    collection.fail(why)
    return collection.result()


async def _ask_quickly(quick: QuickLook, session: Session, deadline: float) -> None:
    answer = await session.run(
        quick.command,
        quick.send(),
        max_output=quick.max_output,
        timeout=max(0.01, deadline - monotonic()),
    )
    quick.receive(answer.stdout, stderr=answer.stderr, exit_status=answer.exit_status)


async def _same_contents(target: Target, scan: Scan, session: Session, deadline: float) -> bool:
    """Whether everything that was read at the earlier look is so now, read again."""
    look = ContentsLook.of(target.recalled, scan.limits, salt=scan.salt, nonce=scan.nonce())
    if look is None:
        return False
    answer = await session.run(
        look.command, look.send(), max_output=look.max_output, timeout=max(0.01, deadline - monotonic())
    )
    look.receive(answer.stdout, stderr=answer.stderr, exit_status=answer.exit_status)
    return look.same


async def _rounds(collection: Collection, session: Session, scan: Scan, deadline: float) -> None:
    """Ask until nothing is left to ask. Raises TransportFailure where nothing was answered at all."""
    began = False
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
            if not began and not failure.output:
                raise
            await _receive(collection, failure.output, failure.reason)
            if collection.send() is not None:  # this answer was whole, but there will be no other
                collection.fail(failure.reason)
            return
        began = True
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


def run(main: Coroutine[Any, Any, _Result]) -> _Result:
    """Run a coroutine to its end in a new event loop: uvloop's where it is installed."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run(main)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)
