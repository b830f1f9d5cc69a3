"""`calendar.ics`, for calendar programs, and the tokens that open it."""

from typing import Any, ClassVar

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework.response import Response

from changemgmt.api.window_serializers import CreateFeedToken, FeedTokenSerializer, NewFeedTokenSerializer
from changemgmt.core.ics import CONTENT_TYPE
from changemgmt.models import FeedToken
from changemgmt.queries.feed import feed
from changemgmt.services.feeds import create_feed_token, find_feed_token, revoke_feed_token
from common import clock
from common.api.auth import TokenAuthentication
from common.api.filters import TimeFilterSet
from common.api.views import ApiView, ListView, find_by_reference


def feed_address(secret: str) -> str:
    """Where a calendar program finds the calendar."""
    return f"{settings.PUBLIC_URL}/api/v1/calendar.ics?token={secret}"


class FeedTokenAuthentication(BaseAuthentication):
    """`?token=`, since calendar programs send no headers. It lets its person in here, and nowhere else."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        text = request.query_params.get("token")
        if text is None:
            return None
        token = find_feed_token(text=text)
        if token is None:
            raise AuthenticationFailed(
                "This feed is unknown or revoked. Make a new one on the page Calendar feeds."
            )
        return token.person, None

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="foldback"'


class FeedTokenScheme(OpenApiAuthenticationExtension):
    """How the OpenAPI description tells of it."""

    target_class = FeedTokenAuthentication
    name = "feed"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {
            "type": "apiKey",
            "in": "query",
            "name": "token",
            "description": "The secret of a calendar feed; it opens `calendar.ics` only.",
        }


class CalendarFeed(ApiView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read"}
    authentication_classes = (FeedTokenAuthentication, TokenAuthentication)
    query_parameters = frozenset({"token"})

    @extend_schema(
        operation_id="calendar_feed",
        responses={(200, "text/calendar"): OpenApiTypes.STR},
    )
    def get(self, request: Request) -> HttpResponse:
        """Freezes, maintenance and planned changes as a calendar (RFC 5545): two months back, a year ahead."""
        answer = HttpResponse(feed(clock.now()), content_type=CONTENT_TYPE)
        answer.headers["Content-Disposition"] = 'attachment; filename="foldback.ics"'
        answer.headers["Cache-Control"] = "private, max-age=300"
        return answer


class FeedTokenList(ListView):
    permissions: ClassVar[dict[str, str]] = {"GET": "token.own", "POST": "token.own"}
    serializer_class = FeedTokenSerializer
    filterset_class = TimeFilterSet
    keeps_answer = False

    def get_queryset(self) -> QuerySet[FeedToken]:
        assert self.actor.person_id is not None  # no token.own without one
        return FeedToken.objects.filter(person_id=self.actor.person_id)

    @extend_schema(operation_id="feed_tokens_list", responses=FeedTokenSerializer(many=True))
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """One's own feeds, revoked ones too."""
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="feed_tokens_create", request=CreateFeedToken, responses={201: NewFeedTokenSerializer}
    )
    def post(self, request: Request) -> Response:
        """A secret address for a calendar program. It is in this answer, and never again."""
        token, secret = create_feed_token(actor=self.actor, **self.parse(CreateFeedToken))
        token.feed_url = feed_address(secret)  # type: ignore[attr-defined]
        return Response(NewFeedTokenSerializer(token).data, status=201)


class FeedTokenRevoke(ApiView):
    permissions: ClassVar[dict[str, str]] = {"POST": "token.own"}

    @extend_schema(operation_id="feed_tokens_revoke", request=None, responses=FeedTokenSerializer)
    def post(self, request: Request, feed: str) -> Response:
        """From now on it opens nothing. One's own; an admin may revoke anybody's."""
        token = find_by_reference(FeedToken.objects.all(), feed)
        revoke_feed_token(actor=self.actor, token=token)
        return Response(FeedTokenSerializer(token).data)
