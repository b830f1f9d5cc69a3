"""Several people who decide on one record at once, each of whom has read it as it is."""

from collections.abc import Callable
from copy import copy
from typing import Any

from common.core.errors import Conflict
from common.models import LedgerEntry
from tests.factories import in_threads


def at_once(record: Any, *deeds: Callable[[Any], Any]) -> list[Any]:
    """Each deed has read the record as it is now."""
    return in_threads(*(lambda deed=deed, read=copy(record): deed(read) for deed in deeds))


def won_and_told(outcomes: list[Any], told: type[Exception] = Conflict) -> tuple[Any, str]:
    """What the one who won got, and what the other was told."""
    won = [one for one in outcomes if not isinstance(one, Exception)]
    lost = [one for one in outcomes if isinstance(one, Exception)]
    assert (len(won), [type(one) for one in lost]) == (1, [told]), outcomes
    return won[0], lost[0].detail  # type: ignore[attr-defined]


def happened(record: Any) -> list[str]:
    return list(
        LedgerEntry.objects.filter(subject_id=record.pk)
        .order_by("created_at")
        .values_list("action", flat=True)
    )
