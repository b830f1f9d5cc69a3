"""What a browser remembers for its person."""

from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme

from web.access import public
from web.core.navigation import THEMES

_A_YEAR = 365 * 24 * 3600


@public("POST")
def choose_theme(request: HttpRequest) -> HttpResponse:
    """Light, dark or the system's; kept in a cookie so that the page arrives in it."""
    theme = request.POST.get("theme", "")
    if theme not in THEMES:
        return HttpResponseBadRequest(
            f"No such theme. Choose one of: {', '.join(THEMES)}.", content_type="text/plain"
        )
    target = request.POST.get("next", "/")
    if not url_has_allowed_host_and_scheme(target, allowed_hosts={request.get_host()}):
        target = "/"
    response = HttpResponseRedirect(target)
    response.set_cookie("theme", theme, max_age=_A_YEAR, samesite="Lax", secure=request.is_secure())
    return response
