"""Who may open a page: every view says for each method what permission it takes, and all else is refused.

`page` is for people who are signed in, `public` for the few pages before that. The URL configuration takes no
view without one of the two.
"""

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import add_never_cache_headers

from common.api.auth import actor_of
from common.core import roles
from common.core.actor import Actor
from common.core.errors import FoldbackError, NotFound
from common.models import Person
from web.core.refusals import heading, plain

if TYPE_CHECKING:
    from django_htmx.middleware import HtmxDetails

View = Callable[..., HttpResponse]
PUBLIC = "public"


class PageRequest(HttpRequest):
    """What a page's view is given: `user` is somebody, and `actor` is them."""

    actor: Actor
    user: Person
    htmx: "HtmxDetails"

    @property
    def may_approve(self) -> bool:
        return roles.allows(self.actor, "change.approve")


def page(**permissions: str) -> Callable[[View], View]:
    """`@page(GET="read", POST="scan.run")`: who is not signed in signs in first, who may not is told why."""
    unknown = set(permissions.values()) - roles.ALL_PERMISSIONS
    if unknown:
        raise ValueError(f"no such permission: {sorted(unknown)}")

    def guard(view: View) -> View:
        @wraps(view)
        def guarded(request: Any, *args: Any, **kwargs: Any) -> HttpResponse:
            method = "GET" if request.method == "HEAD" else request.method
            if method not in permissions:
                return HttpResponseNotAllowed(sorted(permissions))
            if not request.user.is_authenticated:
                return _signed_out(request)
            request.actor = actor_of(request)
            try:
                roles.require(request.actor, permissions[method])
                response = view(request, *args, **kwargs)
            except FoldbackError as error:
                response = refused(request, error)
            add_never_cache_headers(response)  # "Back" after signing out shows nothing, and counts are fresh
            return response

        guarded.permissions = permissions  # type: ignore[attr-defined]
        return guarded

    return guard


def public(*methods: str) -> Callable[[View], View]:
    """`@public("GET", "POST")`: for anybody. There are few of these, and a test knows them by name."""

    def guard(view: View) -> View:
        @wraps(view)
        def guarded(request: Any, *args: Any, **kwargs: Any) -> HttpResponse:
            if ("GET" if request.method == "HEAD" else request.method) not in methods:
                return HttpResponseNotAllowed(sorted(methods))
            response = view(request, *args, **kwargs)
            add_never_cache_headers(response)
            return response

        guarded.permissions = dict.fromkeys(methods, PUBLIC)  # type: ignore[attr-defined]
        return guarded

    return guard


def refused(request: Any, error: FoldbackError) -> HttpResponse:
    """What went wrong as a page, or as a fragment where htmx asked for one."""
    context = {
        "heading": heading(error.status, error.title),
        "detail": plain(error.detail),
        "errors": [(one.pointer.lstrip("/?"), one.detail) for one in error.errors[:20]],
        "typed": typed_texts(request),
    }
    if request.htmx:
        return render(request, "components/refused.html", context, status=error.status)
    if isinstance(error, NotFound):
        return render(request, "errors/404.html", {"detail": plain(error.detail)}, status=404)
    return render(request, "errors/refused.html", context, status=error.status)


def _signed_out(request: Any) -> HttpResponse:
    """To the sign-in page and back; what somebody typed meanwhile is shown to them, so that it is not lost."""
    here = request.get_full_path() if request.method in ("GET", "HEAD") else request.path
    if request.htmx:
        here = request.htmx.current_url_abs_path or "/"
        response = HttpResponse(status=204)
        response.headers["HX-Redirect"] = sign_in_url(here)
        return response
    if request.method not in ("GET", "HEAD") and typed_texts(request):
        context = {"sign_in_url": sign_in_url("/"), "typed": typed_texts(request)}
        return render(request, "errors/signed_out.html", context, status=403)
    return HttpResponseRedirect(sign_in_url(here if request.method in ("GET", "HEAD") else "/"))


def sign_in_url(back: str) -> str:
    address = reverse("web:sign-in")
    return address if back == "/" else f"{address}?{urlencode({'next': back})}"


_NOT_TYPED = ("csrfmiddlewaretoken", "password", "digest", "external_id", "next", "placement", "finding")


def typed_texts(request: HttpRequest) -> list[tuple[str, str]]:
    """What a person typed into the form that was sent: (field, text), without secrets and what we put there."""
    return [
        (name.replace("_", " "), text)
        for name, text in request.POST.items()
        if isinstance(text, str) and text.strip() and name not in _NOT_TYPED
    ]
