"""Who probably made a change, kept with the occurrence: asked of the host when something moved, and not again."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from drift.core.attribution import candidates, moment_of
from drift.core.evaluation import Judged

if TYPE_CHECKING:
    from drift.services.observations import Look


def attributed(*, item: Judged, look: "Look", before_at: datetime | None) -> dict[str, Any]:
    """The fields of an occurrence that say who it probably was; nothing where this look did not ask.

    `attribution` is `{"candidates": [{"login", "confidence", "at", "evidence"}…], "sources": {name: "read" or
    "denied"}, "at": seconds or None}`. Times are of our clock.
    """
    traces = look.observation.traces
    if traces is None:
        return {}
    offset = traces.clock_offset or 0.0
    moment = moment_of(
        look.observation.evidence.get(item.resource, {}),
        item.live,
        after=before_at.timestamp() if before_at else None,
        before=look.started_at.timestamp() + look.seconds,
        offset=traces.clock_offset,
    )
    found = [candidate.to_json() for candidate in candidates(item.resource, moment, traces.traces)]
    for candidate in found:
        if candidate["at"] is not None:
            candidate["at"] -= offset
    return {
        "attribution": {
            "candidates": found,
            "sources": traces.sources,
            "at": None if moment.at is None else moment.at - offset,
        }
    }
