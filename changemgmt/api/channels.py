"""`channels/`: where a person or a team wants to hear of things, and what was sent there."""

from typing import Any, ClassVar

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from changemgmt.core.notices import TEST, TOPICS
from changemgmt.models import Channel, Notice
from changemgmt.models.notice import CHANNEL_KINDS, NOTICE_STATES
from changemgmt.queries.channels import channels_of
from changemgmt.services.channels import (
    PERMISSION,
    create_channel,
    delete_channel,
    try_channel,
    update_channel,
)
from common.api.fields import ChoiceField
from common.api.filters import TimeFilterSet, WordFilter, WordsInFilter
from common.api.people_ref import PersonRef
from common.api.views import ApiView, ListView, etag_of, find_by_reference
from inventory.api.references import find_team, named


class ChannelSerializer(serializers.ModelSerializer[Channel]):
    """Never the address of a webhook, which is a secret: `address` is its host and last characters."""

    url = serializers.SerializerMethodField()
    person = PersonRef(read_only=True, allow_null=True)
    team = serializers.CharField(source="team.name", default=None, read_only=True, allow_null=True)
    address = serializers.CharField(read_only=True)
    topics = serializers.ListField(child=serializers.CharField(), read_only=True, help_text="none: all")

    class Meta:
        model = Channel
        fields = ("id", "url", "created_at", "person", "team", "kind", "address", "topics", "is_active")

    def get_url(self, channel: Channel) -> str:
        return f"/api/v1/channels/{channel.pk}/"


class NoticeSerializer(serializers.ModelSerializer[Notice]):
    """`uncertain`: it was being handed over when sight of it was lost. It may have arrived, and is not sent again."""

    state = ChoiceField(NOTICE_STATES, read_only=True)

    class Meta:
        model = Notice
        fields = ("id", "created_at", "event_id", "topic", "title", "text", "link", "state", "attempts", "sent_at", "error")  # fmt: skip


class UpdateChannelRequest(serializers.Serializer[Any]):
    address = serializers.CharField(
        max_length=2_000, required=False, help_text="an e-mail address, or the https address of a webhook"
    )
    topics = serializers.ListField(
        child=serializers.CharField(max_length=64),
        required=False,
        max_length=50,
        help_text=f"none: all of {', '.join(TOPICS)}",
    )
    is_active = serializers.BooleanField(required=False)


class CreateChannelRequest(serializers.Serializer[Any]):
    kind = ChoiceField(CHANNEL_KINDS)
    address = serializers.CharField(max_length=2_000)
    team = serializers.CharField(
        required=False, max_length=63, help_text="a team that you lead; without one it is your own"
    )
    topics = serializers.ListField(child=serializers.CharField(max_length=64), required=False, max_length=50)


class ChannelFilterSet(TimeFilterSet):
    kind = WordFilter(CHANNEL_KINDS, "kind")
    team = django_filters.CharFilter("team__name")
    person = django_filters.CharFilter("person__username", help_text="a person's username")
    is_active = django_filters.BooleanFilter()


def _find(request_actor: Any, channel: str) -> Channel:
    return find_by_reference(channels_of(request_actor), channel)


def _answer(channel: Channel, status: int = 200) -> Response:
    headers = {"ETag": etag_of(channel)}
    if status == 201:
        headers["Location"] = f"/api/v1/channels/{channel.pk}/"
    return Response(ChannelSerializer(channel).data, status=status, headers=headers)


class ChannelList(ListView):
    permissions: ClassVar[dict[str, str]] = {"GET": PERMISSION, "POST": PERMISSION}
    serializer_class = ChannelSerializer
    filterset_class = ChannelFilterSet

    def get_queryset(self) -> QuerySet[Channel]:
        return channels_of(self.actor)

    @extend_schema(operation_id="channels_list", responses=ChannelSerializer(many=True))
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Your channels, and those of teams that you lead or are in."""
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="channels_create", request=CreateChannelRequest, responses={201: ChannelSerializer}
    )
    def post(self, request: Request) -> Response:
        """Say where you, or a team that you lead, want to hear of things. Webhooks are sealed, and never shown again."""
        data = self.parse(CreateChannelRequest)
        data["team"] = named("team", find_team, data.get("team"))
        return _answer(create_channel(actor=self.actor, **data), 201)


class ChannelDetail(ApiView):
    permissions: ClassVar[dict[str, str]] = {"GET": PERMISSION, "PATCH": PERMISSION, "DELETE": PERMISSION}

    @extend_schema(operation_id="channels_read", responses=ChannelSerializer)
    def get(self, request: Request, channel: str) -> Response:
        """One channel."""
        return _answer(_find(self.actor, channel))

    @extend_schema(operation_id="channels_update", request=UpdateChannelRequest, responses=ChannelSerializer)
    def patch(self, request: Request, channel: str) -> Response:
        """Change where it leads or what it takes, or switch it off."""
        found = _find(self.actor, channel)
        self.check_if_match(etag_of(found))
        changes = self.parse(UpdateChannelRequest)
        return _answer(update_channel(actor=self.actor, channel=found, changes=changes))

    @extend_schema(operation_id="channels_delete", request=None, responses={204: None})
    def delete(self, request: Request, channel: str) -> Response:
        """Nothing goes there any more; the list of what was sent goes with it."""
        delete_channel(actor=self.actor, channel=_find(self.actor, channel))
        return Response(status=204)


class ChannelTest(ApiView):
    permissions: ClassVar[dict[str, str]] = {"POST": PERMISSION}

    @extend_schema(operation_id="channels_test", request=None, responses={202: NoticeSerializer})
    def post(self, request: Request, channel: str) -> Response:
        """Send a test message; `notices/` says within seconds what became of it."""
        found = _find(self.actor, channel)
        return Response(NoticeSerializer(try_channel(actor=self.actor, channel=found)).data, status=202)


class NoticeFilterSet(TimeFilterSet):
    state = WordFilter(NOTICE_STATES, "state")
    state__in = WordsInFilter(NOTICE_STATES, "state")
    topic = WordFilter((*TOPICS, TEST), "topic")


class ChannelNotices(ListView):
    permissions: ClassVar[dict[str, str]] = {"GET": PERMISSION}
    serializer_class = NoticeSerializer
    filterset_class = NoticeFilterSet

    def get_queryset(self) -> QuerySet[Notice]:
        return Notice.objects.filter(channel=_find(self.actor, self.kwargs["channel"]))

    @extend_schema(operation_id="channels_notices", responses=NoticeSerializer(many=True))
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """What was sent over it, and what was not, the latest first; kept for ninety days."""
        return super().get(request, *args, **kwargs)
