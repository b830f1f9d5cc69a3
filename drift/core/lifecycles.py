"""The life of a finding. Claimed-by is an attribute, not a state; so is what explains it."""

from common.core.lifecycle import Lifecycle

FINDING = Lifecycle(
    name="finding",
    initial=("open",),
    table={
        ("open", "decide"): "decided",
        ("decided", "approve"): "approved",
        ("decided", "reject"): "open",
        ("approved", "void"): "decided",
        ("approved", "reject"): "open",
        ("approved", "commit"): "committed",
        ("approved", "waive"): "waived",
        ("committed", "prove"): "proven",
        ("waived", "expire"): "open",
        # Folded back another way: somebody committed it to the definition without us.
        **{(state, "prove"): "proven" for state in ("open", "decided", "approved", "waived")},
        ("open", "vanish"): "vanished",
        ("waived", "vanish"): "vanished",
        ("open", "ignore"): "ignored",
        ("waived", "ignore"): "ignored",
        **{
            (state, "unmanage"): "unmanaged"
            for state in ("open", "decided", "approved", "committed", "waived")
        },
        **{(state, "retire"): "retired" for state in ("open", "decided", "approved", "committed", "waived")},
        **{
            (state, "supersede"): "superseded"
            for state in ("open", "decided", "approved", "committed", "waived")
        },
        **{
            (state, "reopen"): "open"
            for state in ("committed", "proven", "vanished", "ignored", "unmanaged", "retired", "superseded")
        },
    },
    meaning={
        "open": "nobody has decided yet",
        "decided": "somebody proposed what to do; another person has to approve",
        "approved": "approved, and being carried out",
        "committed": "the definition has it; not yet proven on every occurrence",
        "proven": "live = definition on every occurrence, seen by a scan",
        "waived": "accepted until a date; it opens again by itself",
        "vanished": "gone from the hosts without a decision",
        "ignored": "a rule of the definition hides it; it opens again when the rule goes",
        "unmanaged": "the definition no longer says anything about the resource",
        "retired": "its last host was decommissioned, or installed anew",
        "superseded": "edited further: a newer finding stands in its place",
    },
)

ACTIVE = ("open", "decided", "approved", "committed", "waived")
ENDED = ("proven", "vanished", "ignored", "unmanaged", "retired", "superseded")
UNDECIDED = ("open", "decided", "approved")
