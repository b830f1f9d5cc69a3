"""The life of a change: a record of something done, or a proposal that other people decide on."""

from common.core.lifecycle import Lifecycle

CHANGE = Lifecycle(
    name="change",
    initial=("logged", "proposed"),
    table={
        ("proposed", "approve"): "approved",
        ("proposed", "refuse"): "rejected",
        ("proposed", "withdraw"): "withdrawn",
        ("approved", "void"): "proposed",
        ("approved", "withdraw"): "withdrawn",
        ("approved", "complete"): "completed",
        ("approved", "fail"): "failed",
    },
    meaning={
        "logged": "the record of something that was done; it grants nothing, and whose it is may still change",
        "proposed": "waiting for somebody else's approval of exactly this content",
        "approved": "somebody else approved it, and it may be carried out while the approval is in force",
        "rejected": "refused, with a reason; what it would have decided is open again",
        "withdrawn": "taken back by whoever proposed it",
        "completed": "carried out",
        "failed": "approved, but it could not be carried out; the ledger says why",
    },
)
