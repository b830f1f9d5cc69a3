"""Where a change begins, and what it has to say then."""

from datetime import UTC, datetime, timedelta

from changemgmt.core import words
from common.core.errors import FieldError, Invalid

VALID_FOR = timedelta(days=7)  # an approval, unless it says else
FARTHEST = timedelta(days=5 * 366)


def begins_as(kind: str, *, from_template: bool, happened: bool) -> tuple[str, bool]:
    """(state, whether somebody has to approve it afterwards) of a new change; `happened`: its time was given."""
    if kind == words.STANDARD and from_template:
        return ("logged" if happened else "ready"), False
    if kind == words.NORMAL and not happened:
        return "proposed", False
    return "logged", True


def kind_of(kind: str, *, from_template: bool) -> str:
    """The kind that was said, or what goes without saying; raises Invalid."""
    kind = kind or (words.STANDARD if from_template else words.EMERGENCY)
    if kind not in words.RECORD_KINDS:
        raise invalid("/kind", f"{kind!r} is not a kind of record. Kinds: {', '.join(words.RECORD_KINDS)}")
    if from_template and kind != words.STANDARD:
        raise invalid("/template", f"what is made from a template is a standard change, not {kind}")
    return kind


def check_planned(
    start: datetime | None, end: datetime | None, now: datetime, *, is_ahead: bool
) -> tuple[datetime | None, datetime | None]:
    """Both in UTC; raises Invalid. `is_ahead`: it has not been done, so its end can't be over."""
    if end is not None and start is None:
        raise invalid("/planned_start", "a planned end needs a planned start")
    checked = []
    for name, at in (("planned_start", start), ("planned_end", end)):
        if at is not None and at.tzinfo is None:
            raise invalid(f"/{name}", "say the offset from UTC, as in 2026-03-01T03:12:00Z")
        if at is not None and not (datetime(1990, 1, 1, tzinfo=UTC) <= at <= now + FARTHEST):
            raise invalid(f"/{name}", "this is before 1990, or more than five years ahead")
        checked.append(at.astimezone(UTC) if at is not None else None)
    start, end = checked
    if start is not None and end is not None and end <= start:
        raise invalid("/planned_end", "it has to end after it starts")
    if is_ahead and end is not None and end <= now:
        raise invalid("/planned_end", "this is over already; leave the planned times out, or plan it anew")
    return start, end


def approval_ends(now: datetime, valid_for: timedelta, *, planned_end: datetime | None) -> datetime:
    """Until when an approval given now is in force: for `valid_for`, and for what is planned later until its end."""
    return max(now + valid_for, planned_end) if planned_end is not None else now + valid_for


def check_risk(said: str) -> str:
    if said and said not in words.RISKS:
        raise invalid("/risk", f"{said!r} is none. Risks: {', '.join(words.RISKS)}")
    return said


def check_plan(plan: str, backout: str) -> None:
    """What is asked first has a plan and a way back; raises Invalid with a pointer to each that is missing."""
    errors = []
    if not plan:
        errors.append(FieldError("/plan", "say what will be done, step by step"))
    if not backout:
        errors.append(FieldError("/backout", "say how it is taken back when it goes wrong"))
    if errors:
        raise Invalid(
            "A normal change is approved before it is done, by somebody who reads how it is done and how it is "
            "taken back. To record something that was done already, say when: happened_at.",
            errors=errors,
        )


def invalid(pointer: str, detail: str) -> Invalid:
    return Invalid(f"{pointer}: {detail}.", errors=[FieldError(pointer, detail)])
