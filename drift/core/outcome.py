"""How occurrences and findings end: the rules, without the rows."""

from collections.abc import Iterable

from drift.core.evaluation import Judged
from drift.core.lifecycles import FINDING
from drift.core.verdict import OUT_OF_BAND, Verdict

RETIRED, REIMAGED = "retired", "re-imaged"


def occurrence_outcome(item: Judged, *, finding_state: str) -> str | None:
    """What an open occurrence becomes when its resource is no longer out of band, or hidden.

    "proven": live = definition, and the definition moved there. "vanished": the host is back at base, and
    nobody decided. "waiting": a decision stands, and the host waits for the fix. "ignored": it is still there, and
    an ignore rule hides it; what somebody decided about is left to the decision. None: we could not tell.
    """
    if item.hidden and item.verdict in OUT_OF_BAND:
        return "ignored" if finding_state in ("open", "waived") else None
    if item.verdict is Verdict.UNMANAGED:
        return "unmanaged"
    if item.verdict is Verdict.UNKNOWN or item.verdict in OUT_OF_BAND:
        return None
    decided = finding_state in ("decided", "approved", "committed")
    if item.verdict is Verdict.IN_SYNC:
        if item.judgement.base_moves or finding_state == "committed":
            return "proven"
        return "waiting" if decided else "vanished"
    return "waiting" if decided else "vanished"


# When the last occurrence has ended, the most telling way in which one of them ended decides.
_ORDER = (
    ("proven", "prove"),
    ("superseded", "supersede"),
    ("ignored", "ignore"),
    ("vanished", "vanish"),
    ("unmanaged", "unmanage"),
    (RETIRED, "retire"),
    (REIMAGED, "retire"),
)


def finding_event(outcomes: Iterable[str], *, state: str) -> str | None:
    """The event for a finding whose occurrences ended as `outcomes` ("" for one that is still open).

    Only what can happen in this state: where one host was put back before the fold-back was committed, and the
    last other one was decommissioned after it, the finding is retired, since what is committed can't vanish.
    """
    ended = set(outcomes)
    if not ended or "" in ended:
        return None
    if {"proven", "superseded"} <= ended and state != "committed":
        ended.remove("proven")
    events = (event for outcome, event in _ORDER if outcome in ended)
    return next((event for event in events if (state, event) in FINDING.table), None)
