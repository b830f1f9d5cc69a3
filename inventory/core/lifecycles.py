"""The life of a host, as far as the inventory knows it."""

from common.core.lifecycle import Lifecycle

HOST = Lifecycle(
    name="host",
    initial=("active",),
    table={
        ("active", "decommission"): "decommissioned",
        ("decommissioned", "recommission"): "active",
    },
    meaning={
        "active": "it is managed: selectors find it, scans look at it",
        "decommissioned": "it is gone; its record and history stay, and its name is not given again",
    },
)
