"""Hosts looked at over the network, for whoever records what they show: a scan, an adoption.

The network runs on an event loop in a thread of its own and knows no database; results come over a queue to the
thread that asked, which writes them.
"""

import asyncio
import queue
import secrets
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from uuid import UUID

from django.conf import settings

from common import clock
from common.services.jobs import Claim, LeaseKeeper, LostLease
from deployments.collector import reasons
from deployments.collector.question import Limits
from deployments.transport.base import Transport, TransportFailure
from deployments.transport.choose import transport_for
from drift.scanner import HostResult, Target, run, scan_targets
from drift.scanner import Scan as NetworkScan
from drift.services.contents import hmac_key
from inventory.models import Host
from inventory.queries.connections import connections_for
from inventory.services.credentials import open_credentials

WAITING_RESULTS = 20
Results = queue.Queue["HostResult | Exception | None"]


def looks(
    *,
    hosts: Mapping[UUID, Host],
    targets: Sequence[Target],
    claim: Claim,
    keeper: LeaseKeeper,
    limits: Limits | None = None,
) -> Generator[HostResult, None, None]:
    """What each target shows, as it comes in; `context` of a target is its host's id. Close it to stop looking.

    Raises LostLease at the end when the batch was taken away meanwhile, and whatever broke the looking itself.
    """
    stopping = threading.Event()
    results = _begin(
        hosts, targets, limits or scan_limits(), cancelled=lambda: stopping.is_set() or keeper.lost
    )
    try:
        while (result := results.get()) is not None:
            if isinstance(result, Exception):
                raise result
            yield result
    finally:
        stopping.set()
    if keeper.lost:
        raise LostLease(f"batch {claim.batch_id} was taken over or cancelled")


def scan_limits() -> Limits:
    return Limits(session_seconds=settings.SCAN_HOST_SECONDS)


def _begin(
    hosts: Mapping[UUID, Host],
    targets: Sequence[Target],
    limits: Limits,
    *,
    cancelled: Callable[[], bool],
) -> Results:
    """Start looking, in a thread; what comes back is each result, an exception if looking broke, at last None.

    Looking waits while many results wait to be recorded: a host may show as much as its limits allow.
    """
    results: Results = queue.Queue()
    scan = NetworkScan(
        open_transport=_ways(hosts),
        nonce=lambda: f"n{secrets.token_hex(16)}",
        clock=lambda: clock.now().timestamp(),
        hmac_key=hmac_key(),
        limits=limits,
        attempts=2,
    )

    async def hand_over(result: HostResult) -> None:
        while results.qsize() >= WAITING_RESULTS and not cancelled():
            await asyncio.sleep(0.05)
        results.put(result)

    def look() -> None:
        try:
            run(
                scan_targets(
                    targets,
                    scan,
                    on_result=hand_over,
                    concurrency=settings.SCAN_CONCURRENCY,
                    cancelled=cancelled,
                )
            )
        except Exception as error:  # handed to the thread that can give the batch back
            results.put(error)
        finally:
            results.put(None)

    threading.Thread(target=look, name="look", daemon=True).start()
    return results


def _ways(hosts: Mapping[UUID, Host]) -> Callable[[Target], Transport]:
    """How to reach each target. All that needs the database is read here, before the network begins."""
    connections = connections_for(hosts)
    credentials = open_credentials({c.credential_id for c in connections.values() if c.credential_id})

    def way(target: Target) -> Transport:
        if hosts[target.context].state != Host.ACTIVE:
            raise TransportFailure(reasons.DECOMMISSIONED)
        connection = connections[target.context]
        credential = credentials.get(connection.credential_id) if connection.credential_id else None
        return transport_for(connection, credential, local_roots=settings.LOCAL_ROOTS)

    return way
