"""Who answers for a change. Always a person, and the record says how they were found."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from changemgmt.core import words
from common.core.errors import Conflict


def choose_owner(candidates: Mapping[str, UUID | None]) -> tuple[UUID, str] | None:
    """The first of `candidates` (source → person) in the order of `words.OWNER_SOURCES`, with its source."""
    for source in words.OWNER_SOURCES:
        person = candidates.get(source)
        if person is not None:
            return person, source
    return None


def check_claim(*, reference: str, kind: str, state: str, owner_source: str, owner_label: str) -> None:
    """Raise Conflict unless it records what was done, and is still with somebody who only stands in for whoever did it."""
    if kind == words.DECISION:
        raise Conflict(f"{reference} is a decision: it belongs to {owner_label}, who proposed it.")
    if state not in words.RECORD_STATES:
        raise Conflict(
            f"{reference} is {state}, no record of what was done first: {owner_label} can hand it over."
        )
    if owner_source == words.CLAIMANT:
        raise Conflict(f"{reference} was claimed by {owner_label} already.")
    if owner_source not in words.STAND_INS:
        raise Conflict(f"{reference} is {owner_label}'s own: {owner_label} said so. Ask them about it.")


def why_not_approve(
    person: UUID,
    *,
    requested_by: UUID,
    owner: UUID,
    made_by: Sequence[UUID],
    reference: str,
    asks: bool = True,
) -> str | None:
    """Four eyes: why this person can't approve, or None when they can. `asks`: it asks first, rather than records."""
    if person == requested_by:
        return f"you {'proposed' if asks else 'filed'} {reference}"
    if person == owner:
        return f"{reference} is yours"
    if person in made_by:
        return f"you made what {reference} decides on, or wrote a part of what it says"
    return None
