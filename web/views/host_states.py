"""What a host looked like at any time."""

from datetime import datetime
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render

from common import clock
from common.api.views import find_by_reference
from deployments.core.states import Present, State, Unknown
from drift.queries.states import first_look, history_of, observed_at
from inventory.models import Host
from web.access import PageRequest, page

MOST_SHOWN = 500


@page(GET="read")
def host_state(request: PageRequest, name: str) -> HttpResponse:
    found, now = find_by_reference(Host.objects.all(), name, name_field="name"), clock.now()
    asked, words = request.GET.get("as_of", ""), request.GET.get("q", "").strip()
    as_of = _time(asked, now)
    at = observed_at(found, as_of or now)
    names = sorted(name for name in at.states if words.lower() in name.lower()) if at else []
    context = {
        "host": found,
        "at": at,
        "as_of": as_of or now,
        "asked": as_of is not None,
        "misread": bool(asked) and as_of is None,
        "words": words,
        "count": len(names),
        "rows": [(name, _told(at.states[name])) for name in names[:MOST_SHOWN]] if at else [],
        "history": history_of(found),
        "first": first_look(found),
        "now": now,
    }
    return render(request, "hosts/state.html", context)


def _time(text: str, now: datetime) -> datetime | None:
    """A time that was written with or without its zone; None for none that has been yet."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    time = time if time.tzinfo else time.replace(tzinfo=now.tzinfo)
    return time if time <= now else None


def _told(state: State) -> list[tuple[str, Any]]:
    """Attributes in order; of what is not there, that."""
    match state:
        case Present(data):
            return [(name, data[name]) for name in sorted(data)]
        case Unknown(reason):
            return [("unknown", reason)]
    return [("absent", "")]
