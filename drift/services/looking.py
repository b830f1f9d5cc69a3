"""Hosts looked at over the network, for whoever records what they show: a scan, an adoption.

The network runs on an event loop in a thread of its own and knows no database; results come over a queue to the
thread that asked, which writes them. Over the same queue the network asks for what only the database knows.
"""

import asyncio
import queue
import secrets
import threading
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from uuid import UUID

from django.conf import settings
from django.db import InterfaceError, OperationalError

from common import clock
from common.services.jobs import Claim, LeaseKeeper, LostLease
from deployments.collector import reasons
from deployments.collector.question import Limits
from deployments.transport.base import Transport, TransportFailure
from deployments.transport.choose import Ways
from drift.core.retries import Retries
from drift.scanner import HostResult, Target, run, scan_targets
from drift.scanner import Scan as NetworkScan
from drift.services.contents import hmac_key, salt_of_memories
from inventory.models import Host
from inventory.queries.connections import connections_for
from inventory.services.credentials import open_credentials

WAITING_RESULTS = 20
IDLE_SECONDS = 0.5
Prepare = Callable[[Target], Target]


@dataclass(frozen=True)
class _Request:
    """A target that is needed whole, and where to give it."""

    target: Target
    loop: asyncio.AbstractEventLoop
    answer: "asyncio.Future[Target]"

    def give(self, answer: Target | Exception) -> None:
        def settle() -> None:
            if self.answer.done():  # nobody waits any more
                return
            if isinstance(answer, Exception):
                self.answer.set_exception(answer)
            else:
                self.answer.set_result(answer)

        with suppress(RuntimeError):  # the loop is closed
            self.loop.call_soon_threadsafe(settle)


Results = queue.Queue["HostResult | _Request | Exception | None"]


def looks(
    *,
    hosts: Mapping[UUID, Host],
    targets: Iterable[Target],
    claim: Claim,
    keeper: LeaseKeeper,
    limits: Limits | None = None,
    prepare: Prepare | None = None,
) -> Generator[HostResult | None, None, None]:
    """What each target shows, as it comes in, and None where nothing came for a moment; `context` of a target is its
    host's id. Close it to stop looking.

    `prepare` is called in the caller's thread for each target that is needed whole. Raises LostLease at the end when the
    batch was taken away meanwhile, and whatever broke the looking itself.
    """
    stopping = threading.Event()
    results = _begin(
        hosts,
        targets,
        limits or scan_limits(),
        cancelled=lambda: stopping.is_set() or keeper.lost,
        at_once=min(settings.SCAN_CONCURRENCY, claim.places or settings.SCAN_CONCURRENCY),
        asks=prepare is not None,
    )
    try:
        while True:
            try:
                result = results.get(timeout=IDLE_SECONDS)
            except queue.Empty:
                yield None
                continue
            if result is None:
                break
            if isinstance(result, Exception):
                raise result
            if isinstance(result, _Request):
                assert prepare is not None
                _answer(result, prepare)
            else:
                yield result
    finally:
        stopping.set()
    if keeper.lost:
        raise LostLease(f"batch {claim.batch_id} was taken over or cancelled")


def _answer(request: _Request, prepare: Prepare) -> None:
    """What goes wrong with one target is the problem of its host; without a database there is nothing to look for."""
    try:
        answer: Target | Exception = prepare(request.target)
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        answer = error
    request.give(answer)


def scan_limits() -> Limits:
    return Limits(connect_seconds=settings.SCAN_CONNECT_SECONDS, session_seconds=settings.SCAN_HOST_SECONDS)


def _begin(
    hosts: Mapping[UUID, Host],
    targets: Iterable[Target],
    limits: Limits,
    *,
    cancelled: Callable[[], bool],
    at_once: int,
    asks: bool,
) -> Results:
    """Start looking, in a thread; what comes back is each result, an exception if looking broke, at last None.

    Looking waits while many results wait to be recorded: a host may show as much as its limits allow. Those that only
    say that nothing has moved wait for nobody.
    """
    results: Results = queue.Queue()
    ways, way = _ways(hosts, limits)
    scan = NetworkScan(
        open_transport=way,
        nonce=lambda: f"n{secrets.token_hex(16)}",
        clock=lambda: clock.now().timestamp(),
        hmac_key=hmac_key(),
        salt=salt_of_memories(),
        limits=limits,
        retries=Retries(),
        chance=secrets.SystemRandom().random,
    )

    async def hand_over(result: HostResult) -> None:
        while not result.unmoved and results.qsize() >= WAITING_RESULTS and not cancelled():
            await asyncio.sleep(0.05)
        results.put(result)

    async def ask(target: Target) -> Target:
        loop = asyncio.get_running_loop()
        request = _Request(target, loop, loop.create_future())
        results.put(request)
        return await request.answer

    if asks:
        targets = (replace(target, prepare=partial(ask, target)) for target in targets)

    async def look_at_all() -> None:
        try:
            await scan_targets(
                targets,
                scan,
                on_result=hand_over,
                concurrency=at_once,
                cancelled=cancelled,
            )
        finally:
            await ways.close()

    def look() -> None:
        try:
            run(look_at_all())
        except Exception as error:  # handed to the thread that can give the batch back
            results.put(error)
        finally:
            results.put(None)

    threading.Thread(target=look, name="look", daemon=True).start()
    return results


def _ways(hosts: Mapping[UUID, Host], limits: Limits) -> tuple[Ways, Callable[[Target], Transport]]:
    """How to reach each target. All that needs the database is read here, before the network begins."""
    connections = connections_for(hosts)
    hops = [hop for connection in connections.values() for hop in connection.hops()]
    credentials = open_credentials({hop.credential_id for hop in hops if hop.credential_id})
    ways = Ways(credentials, local_roots=settings.LOCAL_ROOTS, connect_seconds=limits.connect_seconds)

    def way(target: Target) -> Transport:
        if hosts[target.context].state != Host.ACTIVE:
            raise TransportFailure(reasons.DECOMMISSIONED)
        return ways.to(connections[target.context])

    return ways, way
