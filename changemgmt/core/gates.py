"""What a gate answers: may this be carried out now, and if not, what is it waiting for?"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

ALLOWED, AWAITING, PREVENTED = "allowed", "awaiting", "prevented"
VERDICTS = (ALLOWED, AWAITING, PREVENTED)
LOOK_AGAIN = timedelta(seconds=30)  # when nothing says how long it may take
AT_MOST = timedelta(hours=1)


@dataclass(frozen=True)
class GateAnswer:
    """`until` is when an awaited thing comes by itself (a window that opens); `approvers` are usernames of people
    who can help it along."""

    gate: str
    verdict: str
    reason: str
    until: datetime | None = None
    approvers: tuple[str, ...] = ()


def overall(answers: Sequence[GateAnswer]) -> str:
    """Prevented if any gate prevents it, else awaiting if any awaits something, else allowed."""
    said = {answer.verdict for answer in answers}
    return PREVENTED if PREVENTED in said else AWAITING if AWAITING in said else ALLOWED


def retry_after(answers: Sequence[GateAnswer], now: datetime) -> int:
    """Seconds after which asking again makes sense: when the last of the known times comes, an hour at most."""
    known = [answer.until - now for answer in answers if answer.verdict == AWAITING and answer.until]
    wait = max(known, default=LOOK_AGAIN)
    return max(1, int(min(wait, AT_MOST).total_seconds() + 0.999))
