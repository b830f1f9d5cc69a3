"""Changes and approvals as JSON."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from changemgmt.api.window_serializers import ConflictSerializer
from changemgmt.core import words
from changemgmt.core.texts import TEXT_LENGTH, TITLE_LENGTH
from changemgmt.models import Approval, Change
from changemgmt.queries.approvals import WAITING, approvals_of, approvers_for, missing_approvals
from changemgmt.queries.windows import conflicts_of
from changemgmt.services.filing import EXTERNAL_ID_LENGTH
from common import clock
from common.api.fields import ChoiceField
from common.api.people_ref import PersonRef
from common.api.serializers import RecordSerializer


class NamesField(serializers.ListField):
    """A list of texts; what they may be is the services' to say."""

    child = serializers.CharField(max_length=4200)


class LinksField(serializers.JSONField):
    """`{"ticket": "https://…", "findings": ["DRF-88"]}`; checked where it is kept."""


class ApprovalSerializer(RecordSerializer[Approval]):
    change = serializers.CharField(source="change.reference", read_only=True)
    approver = PersonRef(read_only=True)

    class Meta:
        model = Approval
        fields = (
            "id", "change", "verdict", "approver", "reason", "digest", "four_eyes", "created_at", "expires_at",
            "voided_at", "void_reason",
        )  # fmt: skip


class RequirementSerializer(serializers.Serializer[Any]):
    policy = serializers.CharField(
        help_text="empty when no policy asks for more than one approval of anybody"
    )
    count = serializers.IntegerField()
    role = serializers.CharField()
    team = serializers.CharField()


LISTED_NAMES = 100
_WAITING = (*WAITING, "approved")
_AHEAD = ("proposed", "approved", "rejected", "ready")


class ChangeSerializer(RecordSerializer[Change]):
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
    incident = serializers.SerializerMethodField(help_text="the reference of the incident that it belongs to")
    template = serializers.SerializerMethodField(help_text="the name of the template that it was made from")
    overdue = serializers.SerializerMethodField(help_text="done first, and not approved by anybody in time")

    class Meta:
        model = Change
        fields = (
            "id", "reference", "url", "html_url", "created_at", "updated_at", "happened_at", "kind", "state", "title",
            "description", "reason", "owner", "owner_source", "requested_by", "recorded_via", "hosts", "hosts_total",
            "resources", "resources_total", "selector", "environments", "external_id", "digest", "links", "incident",
            "template", "risk", "planned_start", "planned_end", "started_at", "ended_at", "due_at", "overdue",
        )  # fmt: skip

    def get_incident(self, change: Change) -> str | None:
        return change.incident.reference if change.incident else None

    def get_template(self, change: Change) -> str | None:
        return change.template.name if change.template else None

    def get_overdue(self, change: Change) -> bool:
        return change.is_overdue(clock.now())

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
    requirements = RequirementSerializer(many=True, help_text="the approvals that it takes, by the policies")
    missing = serializers.SerializerMethodField(help_text="those of them that are still to be given")
    approvals = serializers.SerializerMethodField()
    approvers = serializers.SerializerMethodField(help_text="whose approval it waits for, while it does")
    conflicts = serializers.SerializerMethodField(
        help_text="freezes and other changes on its hosts at its planned time, while that is ahead"
    )
    reviewed_by = PersonRef(read_only=True, allow_null=True)

    class Meta(ChangeSerializer.Meta):
        fields = (  # type: ignore[assignment]
            *ChangeSerializer.Meta.fields, "plan", "backout", "risk_reasons", "outcome", "requirements", "missing",
            "approvals", "approvers", "conflicts", "review", "reviewed_by", "reviewed_at",
        )  # fmt: skip

    @extend_schema_field(RequirementSerializer(many=True))
    def get_missing(self, change: Change) -> list[dict[str, Any]]:
        if change.state not in _WAITING:
            return []
        left = missing_approvals(change, clock.now(), _approvals(change))
        return [_REQUIREMENT.to_representation(one) for one in left]

    @extend_schema_field(ConflictSerializer(many=True))
    def get_conflicts(self, change: Change) -> list[dict[str, Any]]:
        if change.planned_start is None or change.state not in _AHEAD:
            return []
        found = conflicts_of(change.hosts, change.planned_start, change.planned_end, exclude=change)
        return ConflictSerializer(found, many=True).data  # type: ignore[return-value]

    @extend_schema_field(ApprovalSerializer(many=True))
    def get_approvals(self, change: Change) -> list[dict[str, Any]]:
        approvals = _approvals(change)
        return ApprovalSerializer(approvals, many=True).data if approvals else []  # type: ignore[return-value]

    @extend_schema_field(PersonRef(many=True))
    def get_approvers(self, change: Change) -> list[dict[str, Any]]:
        people = approvers_for(change, _approvals(change)) if change.state in WAITING else []
        return [_PERSON.to_representation(person) for person in people]


def _approvals(change: Change) -> list[Approval]:
    """Its verdicts, read once for all that is told of them."""
    known: list[Approval] | None = getattr(change, "known_approvals", None)
    if known is None:
        known = approvals_of(change)
        change.known_approvals = known  # type: ignore[attr-defined]
    return known


# Their fields take longer to make than to be used.
_PERSON, _REQUIREMENT = PersonRef(), RequirementSerializer()


class LogChange(serializers.Serializer[Any]):
    title = serializers.CharField(
        max_length=TITLE_LENGTH,
        required=False,
        help_text="what was done, in one line; may be left out when a template says it",
    )
    description = serializers.CharField(max_length=TEXT_LENGTH, required=False, allow_blank=True)
    reason = serializers.CharField(max_length=TEXT_LENGTH, required=False, allow_blank=True)
    kind = ChoiceField(
        choices=words.RECORD_KINDS,
        required=False,
        help_text="emergency unless it says else: recorded first, approved afterwards. A normal change without "
        "`happened_at` waits for approval before it is done",
    )
    template = serializers.CharField(
        max_length=64,
        required=False,
        help_text="name or id: makes it a standard change, which is ready at once",
    )
    incident = serializers.CharField(
        max_length=64,
        required=False,
        help_text="`INC-7`; found by itself when just one open incident has all hosts",
    )
    owner = serializers.CharField(
        max_length=64, required=False, help_text="username or id of who answers for it"
    )
    hosts = NamesField(required=False, help_text="host names, known to inventory or not")
    selector = serializers.CharField(
        required=False, allow_blank=True, help_text="hosts by selector, resolved now"
    )
    resources = NamesField(required=False, help_text="such as `file:/etc/nginx/nginx.conf`")
    happened_at = serializers.DateTimeField(
        required=False, help_text="when it was done; now, unless it says else. With it, any kind is a record"
    )
    planned_start = serializers.DateTimeField(required=False)
    planned_end = serializers.DateTimeField(required=False)
    plan = serializers.CharField(
        max_length=TEXT_LENGTH, required=False, allow_blank=True, help_text="a normal change needs one"
    )
    backout = serializers.CharField(
        max_length=TEXT_LENGTH, required=False, allow_blank=True, help_text="a normal change needs one"
    )
    risk = ChoiceField(
        choices=words.RISKS,
        required=False,
        help_text="at least this; it is never below what follows from the rest",
    )
    external_id = serializers.CharField(
        max_length=EXTERNAL_ID_LENGTH,
        required=False,
        help_text="yours: a second POST with it returns the first record",
    )
    links = LinksField(required=False)


class UpdateChange(serializers.Serializer[Any]):
    title = serializers.CharField(max_length=TITLE_LENGTH, required=False)
    description = serializers.CharField(max_length=TEXT_LENGTH, required=False, allow_blank=True)
    reason = serializers.CharField(max_length=TEXT_LENGTH, required=False, allow_blank=True)
    hosts = NamesField(required=False)
    selector = serializers.CharField(
        required=False,
        allow_blank=True,
        help_text="resolved now; with `hosts` it takes the place of what was named",
    )
    resources = NamesField(required=False)
    happened_at = serializers.DateTimeField(required=False)
    planned_start = serializers.DateTimeField(required=False, allow_null=True)
    planned_end = serializers.DateTimeField(required=False, allow_null=True)
    plan = serializers.CharField(max_length=TEXT_LENGTH, required=False, allow_blank=True)
    backout = serializers.CharField(max_length=TEXT_LENGTH, required=False, allow_blank=True)
    risk = ChoiceField(choices=words.RISKS, required=False)
    incident = serializers.CharField(max_length=64, required=False, allow_null=True)
    links = LinksField(required=False)


class GiveVerdict(serializers.Serializer[Any]):
    verdict = ChoiceField(choices=["approve", "refuse"])
    digest = serializers.CharField(
        max_length=64, required=False, help_text="the change's `digest` as you read it; needed to approve"
    )
    comment = serializers.CharField(max_length=TEXT_LENGTH, required=False, allow_blank=True)
    reason = serializers.CharField(max_length=TEXT_LENGTH, required=False, help_text="needed to refuse")


class Withdraw(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=TEXT_LENGTH, required=False, allow_blank=True)


class Outcome(serializers.Serializer[Any]):
    outcome = serializers.CharField(
        max_length=TEXT_LENGTH,
        required=False,
        allow_blank=True,
        help_text="what came of it; needed when it failed",
    )


class Review(serializers.Serializer[Any]):
    text = serializers.CharField(max_length=TEXT_LENGTH, help_text="what was learnt")


class Transfer(serializers.Serializer[Any]):
    to = serializers.CharField(max_length=64, help_text="username or id of who answers for it from now on")
    reason = serializers.CharField(max_length=TEXT_LENGTH, required=False, allow_blank=True)
