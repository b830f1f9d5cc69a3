"""Which processes of the service are alive, as they say themselves."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Max, Q, Sum

from common.models import Heartbeat

PROCESSES = ("worker", "relay", "beat")
ALIVE_FOR = timedelta(seconds=30)  # three beats of the heart
MISSED = {
    "worker": ("no worker takes work", "scans, fold-backs and deliveries of events wait until one runs"),
    "relay": ("no relay runs", "workers hear of no work, which waits until one does"),
    "beat": ("no beat runs", "scheduled scans, waivers and fetches are late until one does"),
}
"""What is so, and what it means, where no such process is alive."""


@dataclass(frozen=True)
class Alive:
    """Processes of one sort: how many are alive, when the last of them was heard of, and their memory together."""

    process: str
    count: int
    seen_at: datetime | None
    resident_bytes: int

    @property
    def missed(self) -> str:
        """What it means that there is none; empty while there is one."""
        return "" if self.count else ": ".join(MISSED[self.process])


def alive(now: datetime) -> list[Alive]:
    """For worker, relay and beat, in this order; one query over a handful of rows."""
    fresh = Q(seen_at__gte=now - ALIVE_FOR)
    rows = Heartbeat.objects.values("process").annotate(
        count=Count("pk", filter=fresh),
        seen=Max("seen_at"),
        resident=Sum("resident_bytes", filter=fresh),
    )
    found = {row["process"]: row for row in rows}
    return [
        Alive(name, row["count"], row["seen"], row["resident"] or 0)
        if (row := found.get(name))
        else Alive(name, 0, None, 0)
        for name in PROCESSES
    ]


def missed(now: datetime) -> dict[str, str]:
    """What nobody does: process → what that means."""
    return {one.process: one.missed for one in alive(now) if one.missed}
