"""The lives of a job and of its batches."""

from dataclasses import dataclass
from datetime import timedelta

from common.core.lifecycle import Lifecycle

JOB = Lifecycle(
    name="job",
    initial=("queued",),
    table={
        ("queued", "start"): "running",
        ("queued", "cancel"): "cancelled",
        ("running", "finish"): "done",
        ("running", "fail"): "failed",
        ("running", "cancel"): "cancelled",
    },
    meaning={
        "queued": "waiting for a worker",
        "running": "at least one batch has been taken",
        "done": "every batch is done",
        "failed": "every batch has ended, and at least one was set aside after five attempts",
        "cancelled": "somebody stopped it; what had been done stays",
    },
)

BATCH = Lifecycle(
    name="batch",
    initial=("pending",),
    table={
        ("pending", "claim"): "running",
        ("running", "claim"): "running",  # its lease ran out: another worker takes over
        ("running", "finish"): "done",
        ("running", "retry"): "pending",
        ("running", "set aside"): "failed",
        ("pending", "set aside"): "failed",
        ("pending", "cancel"): "cancelled",
        ("running", "cancel"): "cancelled",
    },
    meaning={
        "pending": "waiting for a worker",
        "running": "held by one worker under a lease",
        "done": "its work is recorded",
        "failed": "set aside after five attempts; its error is shown",
        "cancelled": "its job was stopped",
    },
)

MAX_ATTEMPTS = 5


def pause_after(attempts: int) -> timedelta:
    """How long a batch rests after its n-th failure: 15 s, 1 min, 4 min, 16 min; together some twenty minutes,
    so that a remote or a database that is away for a while does not use up all attempts."""
    return timedelta(seconds=15 * 4 ** (attempts - 1))


@dataclass(frozen=True)
class Lane:
    """What some batches share: at most `places` of whatever they use are in use at once."""

    name: str
    places: int


def places_for(limit: int, wanted: int) -> int:
    """How many places of a lane one batch holds, where alone it would use `wanted`: the limit in equal parts, as large as
    a batch can use, so that none has to do with a rest of one or two."""
    at_once = -(-limit // wanted)
    return limit // at_once


# Who may stop a job: what starts scans also stops them; anything else carries out what somebody approved.
CANCEL_PERMISSION = {"scan": "scan.run", "adopt": "decision.propose", "plan-adoption": "decision.propose"}


def permission_to_cancel(kind: str) -> str:
    return CANCEL_PERMISSION.get(kind, "change.approve")
