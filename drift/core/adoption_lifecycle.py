"""The life of an adoption: from looking at hosts to a commit that another person merged."""

from common.core.lifecycle import Lifecycle

ADOPTION = Lifecycle(
    name="adoption",
    initial=("looking",),
    table={
        ("looking", "plan"): "planning",
        ("looking", "fail"): "failed",
        ("looking", "discard"): "discarded",
        ("planning", "show"): "planned",
        ("planning", "fail"): "failed",
        ("planning", "discard"): "discarded",
        ("planned", "plan"): "planning",
        ("planned", "propose"): "proposed",
        ("planned", "discard"): "discarded",
        ("proposed", "return"): "planned",
        ("proposed", "merge"): "merged",
        ("proposed", "discard"): "discarded",
        ("failed", "plan"): "planning",
        ("failed", "discard"): "discarded",
    },
    meaning={
        "looking": "its hosts are being looked at",
        "planning": "a worker writes the definition, and renders it for every host",
        "planned": "the definition can be read; nothing is committed",
        "proposed": "one commit on a branch, waiting for another person to merge it",
        "merged": "its commit is on main",
        "discarded": "given up; nothing of it is on main",
        "failed": "no definition could be made, and it says why; it can be planned again with other options",
    },
)
