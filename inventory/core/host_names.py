"""What hosts were called when: names may be given up and given again, and old records keep them as text."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True)
class NameSpan:
    """A host bore `name` from `since` (None: nobody else before it) until `until` (None: it still does)."""

    host_id: UUID
    name: str
    since: datetime | None = None
    until: datetime | None = None

    def covers(self, at: datetime) -> bool:
        return (self.since is None or self.since <= at) and (self.until is None or at < self.until)


def name_spans(
    current: Iterable[tuple[UUID, str]], former: Iterable[tuple[UUID, str, datetime]]
) -> list[NameSpan]:
    """Spans of (host, name) borne now and (host, name, until) borne before.

    A name counts from when the last other host gave it up. It counts for the time before a rename as well if nobody
    else had it then: a person may well have named the host by its new name a little too early.
    """
    former = list(former)
    borne: list[tuple[UUID, str, datetime | None]] = [*((h, n, None) for h, n in current), *former]
    spans = []
    for host_id, name, until in borne:
        earlier = [
            end
            for other, its_name, end in former
            if its_name == name and other != host_id and (until is None or end <= until)
        ]
        spans.append(NameSpan(host_id, name, max(earlier, default=None), until))
    return spans


def names_at(spans: Iterable[NameSpan], at: datetime) -> set[str]:
    """What the hosts of these spans were called at a time."""
    return {span.name for span in spans if span.covers(at)}
