"""What every console page is given."""

from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from common import clock
from web.core.navigation import RAIL, Place, section_of, theme_of


def console(request: HttpRequest) -> dict[str, Any]:
    places = _places()
    here = section_of(request.path, {place.key: url for place, url in places})
    return {
        "four_eyes": settings.FOUR_EYES,
        "now": clock.now(),
        "theme": theme_of(request.COOKIES.get("theme", "")),
        "rail": [{"place": place, "url": url, "here": place.key == here} for place, url in places],
    }


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
