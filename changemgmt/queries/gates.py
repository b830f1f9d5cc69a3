"""May a change be carried out now? Each gate of settings.GATES answers."""

from datetime import datetime

from django.conf import settings
from django.utils.module_loading import import_string

from changemgmt.core.gates import ALLOWED, AWAITING, PREVENTED, GateAnswer
from changemgmt.core.requirements import in_words
from changemgmt.models import Change
from changemgmt.queries.approvals import approvers_for, missing_approvals, why_not_in_force

APPROVED = "approved change"
TIME = "planned time"


def ask_gates(change: Change, now: datetime) -> list[GateAnswer]:
    """What every gate says of this change, in the order of the setting."""
    return [import_string(path)(change, now) for path in settings.GATES]


def approved_change(change: Change, now: datetime) -> GateAnswer:
    """Approved by all that it takes, in force now, and not over. A record of what was done lets nothing through."""
    if change.is_record:
        return GateAnswer(
            APPROVED, PREVENTED, f"{change} records what was done, and grants nothing: file a normal change."
        )
    if change.state in ("rejected", "withdrawn", "completed", "failed", "reviewed"):
        return GateAnswer(APPROVED, PREVENTED, f"{change} is {change.state}.")
    if change.state == "ready":
        return GateAnswer(APPROVED, ALLOWED, "It was approved beforehand, with its template.")
    left = missing_approvals(change, now)
    if change.state == "started":
        return GateAnswer(APPROVED, ALLOWED, f"{change} is being carried out.")
    if change.state == "approved" and not left:
        return GateAnswer(APPROVED, ALLOWED, "It is approved by all that it takes.")
    people = tuple(person.username for person in approvers_for(change))
    who = (
        f"These can: {', '.join(people)}." if people else "Nobody else has the role for it yet: ask an admin."
    )
    what = "; ".join(in_words(one) for one in left)
    told = f"it takes {what}. {who}"
    if change.state == "approved":
        told = f"{why_not_in_force(change, now)}; {told}"
    return GateAnswer(APPROVED, AWAITING, told[:1].upper() + told[1:], None, people)


def planned_time(change: Change, now: datetime) -> GateAnswer:
    """Within the time that it was approved for."""
    if change.state == "started" or change.planned_start is None:
        return GateAnswer(TIME, ALLOWED, "Nothing speaks against now.")
    if now < change.planned_start:
        return GateAnswer(
            TIME,
            AWAITING,
            f"It is planned for {change.planned_start:%Y-%m-%d %H:%M} UTC.",
            change.planned_start,
        )
    if change.planned_end is not None and now >= change.planned_end:
        return GateAnswer(
            TIME,
            PREVENTED,
            f"The time that it was approved for ended at {change.planned_end:%Y-%m-%d %H:%M} UTC: plan it anew, and "
            "have that approved.",
        )
    return GateAnswer(TIME, ALLOWED, "It is the planned time.")
