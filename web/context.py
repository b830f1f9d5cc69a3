"""What every console page is given."""

from collections.abc import Callable
from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from common import clock
from web.core.navigation import RAIL, Place, section_of, theme_of
from web.queries.findings import open_count
from web.queries.incidents import Band, open_band


def console(request: HttpRequest) -> dict[str, Any]:
    places = _places()
    here = section_of(request.path, {place.key: url for place, url in places})
    band = _band(request)
    return {
        "band": band,
        "four_eyes": settings.FOUR_EYES,
        "now": clock.now(),
        "theme": theme_of(request.COOKIES.get("theme", "")),
        "rail": [
            {"place": place, "url": url, "here": place.key == here, "count": _count(place, request, band)}
            for place, url in places
        ],
    }


def _is_signed_in(request: HttpRequest) -> bool:
    user = getattr(request, "user", None)  # None on the API's own pages, for somebody who is not signed in
    return user is not None and user.is_authenticated


def _band(request: HttpRequest) -> Callable[[], Band | None]:
    """The open incident; asked for by the template only, and once a page."""
    return cache(open_band) if _is_signed_in(request) else lambda: None


def _count(place: Place, request: HttpRequest, band: Callable[[], Band | None]) -> Callable[[], int] | int:
    """How many are open; asked for by the template only, so that a fragment or an error page costs
    no query."""
    if not _is_signed_in(request):
        return 0
    if place.key == "incidents":
        return lambda: found.others + 1 if (found := band()) else 0
    return cache(open_count) if place.key == "drift" else 0


@cache
def _places() -> list[tuple[Place, str]]:
    """The rail's places that have a page."""
    result: list[tuple[Place, str]] = []
    for place in RAIL:
        try:
            result.append((place, reverse(f"web:{place.url_name}")))
        except NoReverseMatch:
            continue
    return result
