"""Windows, conflicts and feeds as JSON."""

from dataclasses import dataclass
from typing import Any

from rest_framework import serializers

from changemgmt.core import words
from changemgmt.core.conflicts import Conflict
from changemgmt.core.recurrence import RULE_LENGTH
from changemgmt.core.texts import LABEL_LENGTH, TEXT_LENGTH, TITLE_LENGTH
from changemgmt.core.windows import Span
from changemgmt.models import FeedToken, Window
from common.api.fields import ChoiceField
from common.api.people_ref import PersonRef


@dataclass(frozen=True)
class WindowView:
    """A window with what is computed of it."""

    window: Window
    next_times: list[Span]
    hosts_total: int
    conflicts: list[Conflict]


class SpanSerializer(serializers.Serializer[Any]):
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()


class ConflictSerializer(serializers.Serializer[Any]):
    """A freeze, or another change, that a plan meets on its hosts at its time."""

    kind = serializers.ChoiceField(choices=["freeze", "change"])
    reference = serializers.CharField()
    title = serializers.CharField()
    state = serializers.CharField(help_text="of the change; `active` of a freeze")
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    hosts = serializers.SerializerMethodField(help_text="the first 100 of those concerned")
    hosts_total = serializers.SerializerMethodField()

    def get_hosts(self, conflict: Conflict) -> list[str]:
        return list(conflict.hosts[:100])

    def get_hosts_total(self, conflict: Conflict) -> int:
        return len(conflict.hosts)


class WindowSerializer(serializers.ModelSerializer[Window]):
    url = serializers.SerializerMethodField()
    html_url = serializers.SerializerMethodField()
    created_by = PersonRef(read_only=True)

    class Meta:
        model = Window
        fields = (
            "id", "reference", "url", "html_url", "created_at", "kind", "state", "title", "description", "selector",
            "starts_at", "ends_at", "timezone", "rule", "excluded", "created_by",
        )  # fmt: skip

    def get_url(self, window: Window) -> str:
        return f"/api/v1/windows/{window.pk}/"

    def get_html_url(self, window: Window) -> str:
        return f"/calendar/windows/{window.reference}/"


class WindowDetailSerializer(serializers.Serializer[Any]):
    """One window, with the times that are to come."""

    def to_representation(self, view: WindowView) -> dict[str, Any]:
        own = super().to_representation(view)
        return dict(WindowSerializer(view.window).data) | own

    next_times = SpanSerializer(many=True, help_text="the next times, five at most; none when it is over")
    hosts_total = serializers.IntegerField(help_text="active hosts that the selector means now")
    conflicts = ConflictSerializer(
        many=True, help_text="of a freeze: changes planned for its hosts at its times"
    )


class CreateWindow(serializers.Serializer[Any]):
    kind = ChoiceField(choices=words.WINDOW_KINDS)
    title = serializers.CharField(max_length=TITLE_LENGTH)
    selector = serializers.CharField(max_length=20_000, help_text="asked anew each time")
    starts_at = serializers.DateTimeField(help_text="its first time")
    ends_at = serializers.DateTimeField()
    description = serializers.CharField(max_length=TEXT_LENGTH, required=False, allow_blank=True)
    timezone = serializers.CharField(
        max_length=64, required=False, help_text="on whose wall clock it recurs, such as Europe/Berlin; UTC"
    )
    rule = serializers.CharField(
        max_length=RULE_LENGTH,
        required=False,
        allow_blank=True,
        help_text="RFC 5545, without DTSTART: `FREQ=WEEKLY;BYDAY=FR`",
    )
    excluded = serializers.ListField(
        child=serializers.DateField(), required=False, help_text="days on which none begins"
    )


class UpdateWindow(serializers.Serializer[Any]):
    title = serializers.CharField(max_length=TITLE_LENGTH, required=False)
    selector = serializers.CharField(max_length=20_000, required=False)
    starts_at = serializers.DateTimeField(required=False)
    ends_at = serializers.DateTimeField(required=False)
    description = serializers.CharField(max_length=TEXT_LENGTH, required=False, allow_blank=True)
    timezone = serializers.CharField(max_length=64, required=False)
    rule = serializers.CharField(max_length=RULE_LENGTH, required=False, allow_blank=True)
    excluded = serializers.ListField(child=serializers.DateField(), required=False)


class CancelWindow(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=TEXT_LENGTH, required=False, allow_blank=True)


class WindowTimeSerializer(serializers.Serializer[Any]):
    """One time of a window."""

    window = serializers.CharField(source="window.reference")
    kind = serializers.ChoiceField(choices=words.WINDOW_KINDS, source="window.kind")
    title = serializers.CharField(source="window.title")
    selector = serializers.CharField(source="window.selector")
    starts_at = serializers.DateTimeField(source="span.starts_at")
    ends_at = serializers.DateTimeField(source="span.ends_at")


class FeedTokenSerializer(serializers.ModelSerializer[FeedToken]):
    class Meta:
        model = FeedToken
        fields = ("id", "label", "created_at", "last_used_at", "revoked_at")


class NewFeedTokenSerializer(FeedTokenSerializer):
    feed_url = serializers.CharField(help_text="shown once: whoever has it can read the calendar")

    class Meta(FeedTokenSerializer.Meta):
        fields = (*FeedTokenSerializer.Meta.fields, "feed_url")  # type: ignore[assignment]


class CreateFeedToken(serializers.Serializer[Any]):
    label = serializers.CharField(  # type: ignore[assignment]
        max_length=LABEL_LENGTH, required=False, allow_blank=True, help_text="such as `my phone`"
    )
