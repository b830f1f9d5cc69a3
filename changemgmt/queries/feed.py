"""What a calendar feed shows: the times of windows, and changes that are planned."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q

from changemgmt.core import words
from changemgmt.core.ics import Event, calendar
from changemgmt.models import Change
from changemgmt.queries.windows import PLANNED, UNSAID, Occurrence, windows_between

BACK, AHEAD = timedelta(days=62), timedelta(days=366)
MOST_CHANGES = 2_000
_SHOWN = (*PLANNED, "completed", "failed", "reviewed")


def feed(now: datetime) -> str:
    """The calendar as RFC 5545 text; the same for everybody, since everybody may read all of it."""
    since, until = now - BACK, now + AHEAD
    events = [_of_window(one) for one in windows_between(since, until)]
    return calendar(name="Foldback", events=[*events, *_of_changes(since, until)], now=now)


def _of_window(one: Occurrence) -> Event:
    window, span = one.window, one.span
    return Event(
        uid=f"{window.pk}-{span.starts_at:%Y%m%dT%H%M%SZ}@foldback",
        starts_at=span.starts_at,
        ends_at=span.ends_at,
        summary=f"{'Freeze' if window.kind == words.FREEZE else 'Maintenance'}: {window.title}",
        description="\n".join(part for part in (f"Hosts: {window.selector}", window.description) if part),
        url=f"{settings.PUBLIC_URL}/calendar/windows/{window.reference}/",
        category=window.kind,
        version=window.version,
    )


def _of_changes(since: datetime, until: datetime) -> Iterator[Event]:
    unsaid = Q(planned_end=None, planned_start__gt=since - UNSAID)
    found = Change.objects.filter(
        Q(planned_end__gt=since) | unsaid, state__in=_SHOWN, planned_start__lt=until
    ).select_related("owner")
    for change in found.order_by("-planned_start", "-number")[:MOST_CHANGES]:
        assert change.planned_start is not None
        hosts = ", ".join(change.hosts[:20]) + (" …" if len(change.hosts) > 20 else "")
        about = (f"Owner: {change.owner.name}", f"State: {change.state}", f"Hosts: {hosts}" if hosts else "")
        yield Event(
            uid=f"{change.pk}@foldback",
            starts_at=change.planned_start,
            ends_at=change.planned_end or change.planned_start + UNSAID,
            summary=f"{change.reference} {change.title}",
            description="\n".join(part for part in about if part),
            url=f"{settings.PUBLIC_URL}/changes/{change.reference}/",
            category="change",
            tentative=change.state == "proposed",
            version=change.version,
        )
