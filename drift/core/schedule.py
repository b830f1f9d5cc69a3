"""When the hosts of a policy are looked at again: due times, told from a clock and a policy's id alone.

A *slot* is one due time of a policy and mode. Slots lie on a grid of the mode's period, moved by an offset that
depends on the policy's id: the same for every process that asks, and different for policies that are otherwise alike,
so that they don't all begin on the same second. Nothing is remembered but which slots were dealt with.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID

QUICK, DEEP = "quick", "deep"
MODES = (DEEP, QUICK)

STARTED, SKIPPED, REPLACED, FAILED = "started", "skipped", "replaced", "failed"
OUTCOMES = {
    STARTED: "a scan was started",
    SKIPPED: "the scan before it was still running, so no second one was started",
    REPLACED: "a deep look was due at the same time, and does what the quick one would have done",
    FAILED: "no scan could be started; the reason says why",
}

SHORTEST, LONGEST = 10, 366 * 86_400  # seconds between two looks
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class Plan:
    """What the schedule needs to know of a policy. Periods are in seconds, None for never.

    `since`: when it was made, enabled or given other periods; slots until then are not owed.
    """

    key: UUID
    quick_every: int | None
    deep_every: int | None
    since: datetime

    def every(self, mode: str) -> int | None:
        return self.deep_every if mode == DEEP else self.quick_every


@dataclass(frozen=True)
class Slot:
    """A slot that is due; `missed` is how many before it were dealt with by nobody. They are not made up for."""

    mode: str
    starts_at: datetime
    missed: int = 0


@dataclass(frozen=True)
class Step:
    """What is to be done about a slot: STARTED (start it), SKIPPED or REPLACED."""

    slot: Slot
    outcome: str


def offset(plan: Plan, mode: str) -> int:
    """Seconds by which the grid is moved, from 0 to below the period; raises ValueError for a mode without one.

    Deep slots lie on quick ones where both fit, so that one look does for both.
    """
    every = plan.every(mode)
    if every is None:
        raise ValueError(f"no {mode} looks in this plan")
    chance = sha256(plan.key.bytes).digest()
    quick, deep = int.from_bytes(chance[:8]), int.from_bytes(chance[8:16])
    if mode == QUICK:
        return quick % every
    if plan.quick_every is None or plan.quick_every > every:
        return deep % every
    return quick % plan.quick_every + deep % (every // plan.quick_every) * plan.quick_every


def last_slot(plan: Plan, mode: str, now: datetime) -> datetime:
    """The latest slot at `now` or before it, owed or not."""
    every, moved = plan.every(mode) or 0, offset(plan, mode)
    seconds = (now - EPOCH) // SECOND
    return EPOCH + ((seconds - moved) // every * every + moved) * SECOND


def next_slot(plan: Plan, mode: str, now: datetime) -> datetime:
    """The first slot after `now`."""
    return last_slot(plan, mode, now) + (plan.every(mode) or 0) * SECOND


def due_slot(plan: Plan, mode: str, handled: datetime | None, now: datetime) -> Slot | None:
    """The slot of this mode that is to be dealt with now: the latest one, unless it was, or is not owed.

    `handled` is the latest slot that was dealt with, maybe by somebody whose clock is ahead of `now`.
    """
    every = plan.every(mode)
    if every is None:
        return None
    starts_at = last_slot(plan, mode, now)
    before = plan.since if handled is None else max(handled, plan.since)
    if starts_at <= before:
        return None
    slots = -(-(starts_at - before) // timedelta(seconds=every))  # those after `before`, up to this one
    return Slot(mode, starts_at, missed=slots - 1)


def due_slots(plan: Plan, handled: Mapping[str, datetime | None], now: datetime) -> list[Slot]:
    """One slot a mode at most, deep first."""
    found = (due_slot(plan, mode, handled.get(mode), now) for mode in MODES)
    return [slot for slot in found if slot is not None]


def steps(slots: Collection[Slot], running: Collection[str]) -> list[Step]:
    """What to do about slots that are due together, given the modes in which a scan of the policy still runs."""
    found: list[Step] = []
    for slot in sorted(slots, key=lambda slot: MODES.index(slot.mode)):
        deep_starts = any(step.outcome == STARTED for step in found)
        outcome = REPLACED if deep_starts else SKIPPED if slot.mode in running else STARTED
        found.append(Step(slot, outcome))
    return found


def period_problems(quick_every: int | None, deep_every: int | None) -> list[tuple[str, str]]:
    """Why hosts can't be looked at that often: (field, what is wrong); empty when they can."""
    problems = []
    for field, every in (("quick_every", quick_every), ("deep_every", deep_every)):
        if every is not None and not SHORTEST <= every <= LONGEST:
            problems.append((field, f"between {SHORTEST} s and 366 days ({LONGEST} s), or nothing for never"))
    if quick_every is None and deep_every is None:
        problems.append(("quick_every", "say how often to look: quickly, deeply or both"))
    elif not problems and quick_every is not None and deep_every is not None and deep_every <= quick_every:
        problems.append(("deep_every", "longer than between quick looks: a deep look does for a quick one"))
    return problems
