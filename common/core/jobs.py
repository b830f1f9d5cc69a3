"""The lives of a job and of its batches."""

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

# Who may stop a job: what starts scans also stops them; anything else carries out what somebody approved.
CANCEL_PERMISSION = {"scan": "scan.run"}


def permission_to_cancel(kind: str) -> str:
    return CANCEL_PERMISSION.get(kind, "change.approve")
