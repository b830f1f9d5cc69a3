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


def console(request: HttpRequest) -> dict[str, Any]:
    places = _places()
    here = section_of(request.path, {place.key: url for place, url in places})
    return {
        "four_eyes": settings.FOUR_EYES,
        "now": clock.now(),
        "theme": theme_of(request.COOKIES.get("theme", "")),
        "rail": [
            {"place": place, "url": url, "here": place.key == here, "count": _count(place, request)}
            for place, url in places
        ],
    }


def _count(place: Place, request: HttpRequest) -> Callable[[], int] | int:
    """Asked for by the template only, so that a fragment or an error page costs no query."""
    user = getattr(request, "user", None)  # None on the API's own pages, for somebody who is not signed in
    if place.key != "drift" or user is None or not user.is_authenticated:
        return 0
    return cache(open_count)


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
