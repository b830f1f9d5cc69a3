"""Changes and approvals as JSON."""

from typing import Any

from rest_framework import serializers

from changemgmt.core import words
from changemgmt.core.texts import TEXT_LENGTH, TITLE_LENGTH
from changemgmt.models import Approval, Change
from changemgmt.queries.approvals import approvers_for
from changemgmt.services.changes import EXTERNAL_ID_LENGTH
from common.api.fields import ChoiceField
from common.api.people_ref import PersonRef


class NamesField(serializers.ListField):
    """A list of texts; what they may be is the services' to say."""

    child = serializers.CharField(max_length=4200)


class LinksField(serializers.JSONField):
    """`{"ticket": "https://…", "findings": ["DRF-88"]}`; checked where it is kept."""


class ApprovalSerializer(serializers.ModelSerializer[Approval]):
    change = serializers.CharField(source="change.reference", read_only=True)
    approver = PersonRef(read_only=True)

    class Meta:
        model = Approval
        fields = (
            "id", "change", "verdict", "approver", "reason", "digest", "four_eyes", "created_at", "expires_at",
            "voided_at", "void_reason",
        )  # fmt: skip


LISTED_NAMES = 100


class ChangeSerializer(serializers.ModelSerializer[Change]):
    """As lists show it: of many hosts and resources the first, and how many there are."""

    url = serializers.SerializerMethodField()
    html_url = serializers.SerializerMethodField()
    owner = PersonRef(read_only=True)
    requested_by = PersonRef(read_only=True)
    hosts = serializers.SerializerMethodField(help_text=f"a list shows the first {LISTED_NAMES}")
    hosts_total = serializers.SerializerMethodField()
    resources = serializers.SerializerMethodField(help_text=f"a list shows the first {LISTED_NAMES}")
    resources_total = serializers.SerializerMethodField()
    links = serializers.DictField()

    class Meta:
        model = Change
        fields = (
            "id", "reference", "url", "html_url", "created_at", "updated_at", "happened_at", "kind", "state", "title",
            "description", "reason", "owner", "owner_source", "requested_by", "recorded_via", "hosts", "hosts_total",
            "resources", "resources_total", "selector", "external_id", "digest", "links",
        )  # fmt: skip

    def get_hosts(self, change: Change) -> list[str]:
        return change.hosts[:LISTED_NAMES]

    def get_hosts_total(self, change: Change) -> int:
        return len(change.hosts)

    def get_resources(self, change: Change) -> list[str]:
        return change.resources[:LISTED_NAMES]

    def get_resources_total(self, change: Change) -> int:
        return len(change.resources)

    def get_url(self, change: Change) -> str:
        return f"/api/v1/changes/{change.pk}/"

    def get_html_url(self, change: Change) -> str:
        return f"/changes/{change.reference}/"


class ChangeDetailSerializer(ChangeSerializer):
    """One change, whole."""

    hosts = serializers.ListField(child=serializers.CharField())  # type: ignore[assignment]
    resources = serializers.ListField(child=serializers.CharField())  # type: ignore[assignment]
    approvals = serializers.SerializerMethodField()
    approvers = serializers.SerializerMethodField(help_text="who may approve it, while it is proposed")

    class Meta(ChangeSerializer.Meta):
        fields = (*ChangeSerializer.Meta.fields, "approvals", "approvers")  # type: ignore[assignment]

    def get_approvals(self, change: Change) -> list[dict[str, Any]]:
        approvals = change.approvals.select_related("approver", "change").order_by("created_at")
        return ApprovalSerializer(approvals, many=True).data  # type: ignore[return-value]

    def get_approvers(self, change: Change) -> list[dict[str, Any]]:
        people = approvers_for(change) if change.state == "proposed" else []
        return PersonRef(people, many=True).data  # type: ignore[return-value]


class LogChange(serializers.Serializer[Any]):
    title = serializers.CharField(max_length=TITLE_LENGTH, help_text="what was done, in one line")
    description = serializers.CharField(max_length=TEXT_LENGTH, required=False, allow_blank=True)
    kind = ChoiceField(choices=words.RECORD_KINDS, required=False, help_text="emergency unless it says else")
    owner = serializers.CharField(
        max_length=64, required=False, help_text="username or id of who answers for it"
    )
    hosts = NamesField(required=False, help_text="host names, known to inventory or not")
    selector = serializers.CharField(
        required=False, allow_blank=True, help_text="hosts by selector, resolved now"
    )
    resources = NamesField(required=False, help_text="such as `file:/etc/nginx/nginx.conf`")
    happened_at = serializers.DateTimeField(required=False, help_text="now, unless it says else")
    external_id = serializers.CharField(
        max_length=EXTERNAL_ID_LENGTH,
        required=False,
        help_text="yours: a second POST with it returns the first record",
    )
    links = LinksField(required=False)


class UpdateChange(serializers.Serializer[Any]):
    title = serializers.CharField(max_length=TITLE_LENGTH, required=False)
    description = serializers.CharField(max_length=TEXT_LENGTH, required=False, allow_blank=True)
    hosts = NamesField(required=False)
    resources = NamesField(required=False)
    happened_at = serializers.DateTimeField(required=False)


class GiveVerdict(serializers.Serializer[Any]):
    verdict = ChoiceField(choices=["approve", "refuse"])
    digest = serializers.CharField(
        max_length=64, required=False, help_text="the change's `digest` as you read it; needed to approve"
    )
    comment = serializers.CharField(max_length=TEXT_LENGTH, required=False, allow_blank=True)
    reason = serializers.CharField(max_length=TEXT_LENGTH, required=False, help_text="needed to refuse")


class Withdraw(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=TEXT_LENGTH, required=False, allow_blank=True)
