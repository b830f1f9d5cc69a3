"""How occurrences and findings end: the rules, without the rows."""

from collections.abc import Collection, Iterable

from drift.core.evaluation import Judged
from drift.core.verdict import Verdict


def occurrence_outcome(item: Judged, *, finding_state: str) -> str | None:
    """What an open occurrence becomes when its resource is no longer out of band.

    "proven": live = definition, and the definition moved there. "vanished": the host is back at base, and
    nobody decided. "waiting": a decision stands, and the host waits for the fix. None: we could not tell, or
    an ignore rule hides it (it is still there).
    """
    if item.verdict is Verdict.UNMANAGED:
        return "unmanaged"
    if item.verdict is Verdict.UNKNOWN or item.verdict in (Verdict.DRIFTED, Verdict.CONFLICT):
        return None
    decided = finding_state in ("decided", "approved", "committed")
    if item.verdict is Verdict.IN_SYNC:
        if item.judgement.base_moves or finding_state == "committed":
            return "proven"
        return "waiting" if decided else "vanished"
    return "waiting" if decided else "vanished"


# When the last occurrence has ended, the most telling way one of them ended decides.
_ORDER = (
    ("proven", "prove"),
    ("superseded", "supersede"),
    ("vanished", "vanish"),
    ("unmanaged", "unmanage"),
    ("retired", "retire"),
)


def finding_event(outcomes: Iterable[str], *, state: str) -> str | None:
    """The event for a finding whose occurrences ended as `outcomes` ("" for one that is still open)."""
    ended: Collection[str] = list(outcomes)
    if not ended or any(outcome == "" for outcome in ended):
        return None
    if "proven" in ended and "superseded" in ended and state != "committed":
        return "supersede"
    return next((event for outcome, event in _ORDER if outcome in ended), None)
