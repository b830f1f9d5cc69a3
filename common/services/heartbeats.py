"""Workers, relay and beat say that they are alive: each renews a row of its own every ten seconds."""

import os
import socket
import threading
from datetime import datetime, timedelta

import structlog
from django.db import DatabaseError, InterfaceError, connection

from common import clock
from common.models import Heartbeat

log = structlog.get_logger()
WORKER, RELAY, BEAT = "worker", "relay", "beat"
BEAT_SECONDS = 10.0
FORGOTTEN_AFTER = timedelta(days=1)


def process_name() -> str:
    """This process among those of all machines: `host:pid`."""
    return f"{socket.gethostname()}:{os.getpid()}"[:200]


class Heart:
    """One process's row. What it can't write is logged, and never raised: nothing stops working because of it."""

    def __init__(self, process: str) -> None:
        self.process = process
        self.name = process_name()
        self.started_at: datetime | None = None
        self._due = 0.0
        self._stopping = threading.Event()

    def beat_if_due(self) -> None:
        if clock.monotonic() >= self._due:
            self._due = clock.monotonic() + BEAT_SECONDS
            self.beat()

    def beat(self) -> None:
        now = clock.now()
        try:
            if self.started_at is None:
                Heartbeat.objects.filter(seen_at__lt=now - FORGOTTEN_AFTER).delete()
                self.started_at = now
            Heartbeat.objects.bulk_create(
                [
                    Heartbeat(
                        process=self.process,
                        name=self.name,
                        started_at=self.started_at,
                        seen_at=now,
                        resident_bytes=resident_bytes(),
                    )
                ],
                update_conflicts=True,
                unique_fields=["process", "name"],
                update_fields=["started_at", "seen_at", "resident_bytes"],
            )
        except (DatabaseError, InterfaceError):
            log.warning("the database did not take a sign of life", process=self.process, exc_info=True)

    def end(self) -> None:
        """It stops as it should: nobody is to miss it."""
        self._stopping.set()
        try:
            Heartbeat.objects.filter(process=self.process, name=self.name).delete()
        except (DatabaseError, InterfaceError):
            log.warning("the database did not take a farewell", process=self.process)

    def keep_beating(self) -> None:
        """Beat from a thread of its own, with a connection only while it writes; until the process ends."""

        def keep() -> None:
            # The first one here, too: a database that is slow to answer must not hold the process up.
            while True:
                self.beat()
                connection.close()
                if self._stopping.wait(BEAT_SECONDS):
                    return

        threading.Thread(target=keep, name="heart", daemon=True).start()


def resident_bytes() -> int:
    """Memory of this process that is really there; 0 where the system doesn't tell."""
    try:
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0
