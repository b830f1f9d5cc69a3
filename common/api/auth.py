"""Who calls, and whether they may: bearer tokens, the console's session, and deny by default."""

from typing import Any

from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from common.core import roles
from common.core.actor import Actor
from common.services.people import actor_for_person, actor_for_token, find_token, note_token_use


class TokenAuthentication(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        header = request.headers.get("Authorization", "")
        scheme, _, text = header.partition(" ")
        if not header:
            return None
        if scheme.lower() != "bearer":
            raise AuthenticationFailed("Use `Authorization: Bearer fb_…`; other schemes are not taken.")
        token = find_token(text=text.strip())
        if token is None:
            raise AuthenticationFailed(
                "This token is unknown, expired or revoked. Ask its sponsor for a new one, or make one with "
                "manage.py create_token."
            )
        note_token_use(token=token)
        return token.sponsor, token

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="foldback"'


class ConsoleSessionAuthentication(SessionAuthentication):
    """The console's own requests: a session cookie, with Django's CSRF check."""


def actor_of(request: Request | HttpRequest) -> Actor:
    """The actor behind an authenticated request, of the API or of the console."""
    token = getattr(request, "auth", None)
    if token is not None:
        return actor_for_token(token)
    return actor_for_person(request.user)  # type: ignore[arg-type]


class HasDeclaredPermission(BasePermission):
    """A view says for each method what permission it takes (`permissions = {"GET": "read"}`); else: denied."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if request.user is None or not request.user.is_authenticated:
            return False
        if request.method == "OPTIONS":
            return True
        needed = getattr(view, "permissions", {}).get("GET" if request.method == "HEAD" else request.method)
        if needed is None:
            # No such method here: let the view answer 405. One that exists without a permission is denied.
            return getattr(view, (request.method or "").lower(), None) is None
        roles.require(actor_of(request), needed)
        return True


class JsonAlways(BaseContentNegotiation):
    """We speak JSON whatever the Accept header says: an error is then always readable."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        content_type = (request.content_type or "").split(";")[0].strip().lower()
        for parser in parsers:
            if content_type in (parser.media_type, "") or (
                content_type.endswith("+json") and parser.media_type == "application/json"
            ):
                return parser
        return None

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type
