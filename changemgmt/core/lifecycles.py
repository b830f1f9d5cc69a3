"""The lives of changes, incidents and windows."""

from common.core.lifecycle import Lifecycle

CHANGE = Lifecycle(
    name="change",
    initial=("logged", "drafted", "proposed", "ready"),
    table={
        # Done already: recorded first, approved and reviewed afterwards.
        ("drafted", "confirm"): "logged",
        ("drafted", "withdraw"): "withdrawn",
        ("logged", "approve"): "accepted",
        ("logged", "refuse"): "disputed",
        ("disputed", "approve"): "accepted",
        ("disputed", "refuse"): "disputed",
        ("accepted", "void"): "logged",
        ("accepted", "review"): "reviewed",
        # Asked first.
        ("proposed", "approve"): "approved",
        ("proposed", "refuse"): "rejected",
        ("proposed", "withdraw"): "withdrawn",
        ("rejected", "propose"): "proposed",
        ("approved", "void"): "proposed",
        ("approved", "withdraw"): "withdrawn",
        ("approved", "start"): "started",
        ("approved", "complete"): "completed",
        ("approved", "fail"): "failed",
        ("ready", "withdraw"): "withdrawn",
        ("ready", "start"): "started",
        ("started", "complete"): "completed",
        ("started", "fail"): "failed",
        ("completed", "review"): "reviewed",
        ("failed", "review"): "reviewed",
    },
    meaning={
        "logged": "the record of something that was done; it grants nothing, and whose it is may still change",
        "drafted": "written down by Foldback for what nobody logged in an incident, until a person confirms it",
        "proposed": "waiting for somebody else's approval of exactly this content",
        "ready": "approved beforehand with the template it was made from; it may be carried out",
        "approved": "somebody else approved it, and it may be carried out while the approval is in force",
        "rejected": "refused, with a reason; what it would have decided is open again",
        "withdrawn": "taken back by whoever proposed it",
        "started": "being carried out",
        "completed": "carried out",
        "failed": "approved, but it could not be carried out; the ledger says why",
        "accepted": "done first, and approved by somebody else afterwards",
        "disputed": "done first, and refused afterwards, with a reason: something has to be put right",
        "reviewed": "looked back on: what was learnt is written down",
    },
)
CHANGE_STATES = tuple(CHANGE.meaning)

INCIDENT = Lifecycle(
    name="incident",
    initial=("open",),
    table={
        ("open", "close"): "closed",
        ("closed", "reopen"): "open",
        ("closed", "review"): "reviewed",
    },
    meaning={
        "open": "harm to the service goes on; what is done by hand inside its scope is collected",
        "closed": "the harm has ended; what nobody logged is drafted as changes of the commander",
        "reviewed": "looked back on: what was learnt is written down",
    },
)

WINDOW = Lifecycle(
    name="window",
    initial=("active",),
    table={("active", "cancel"): "cancelled"},
    meaning={"active": "it holds at its times", "cancelled": "called off; what it held before is history"},
)
