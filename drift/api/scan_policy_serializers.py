"""Scan policies and their due times as JSON."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from common.api.fields import ChoiceField
from common.api.people_ref import PersonRef
from drift.core.schedule import LONGEST, OUTCOMES, SHORTEST
from drift.models import ScanSlot
from drift.queries.scan_policies import PolicyStanding

_EVERY: dict[str, Any] = {"min_value": SHORTEST, "max_value": LONGEST, "allow_null": True}


class CreatePolicyRequest(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=63, help_text="letters, digits, dots, dashes and underscores")
    selector = serializers.CharField(
        max_length=20_000, help_text="such as `role=web env=prod`, or `*` for all"
    )
    quick_every = serializers.IntegerField(**_EVERY, default=None, help_text="seconds; null is never")
    deep_every = serializers.IntegerField(
        **_EVERY, default=None, help_text="seconds, more than quick_every; null is never"
    )
    enabled = serializers.BooleanField(default=True)
    note = serializers.CharField(max_length=2000, allow_blank=True, default="")


class UpdatePolicyRequest(serializers.Serializer[Any]):
    selector = serializers.CharField(max_length=20_000, required=False)
    quick_every = serializers.IntegerField(**_EVERY, required=False, help_text="seconds; null is never")
    deep_every = serializers.IntegerField(
        **_EVERY, required=False, help_text="seconds, more than quick_every; null is never"
    )
    enabled = serializers.BooleanField(required=False)
    note = serializers.CharField(max_length=2000, allow_blank=True, required=False)


class RunPolicyRequest(serializers.Serializer[Any]):
    mode = ChoiceField(choices=["quick", "deep"], default="quick")


class ScanSlotSerializer(serializers.ModelSerializer[ScanSlot]):
    mode = serializers.ChoiceField(choices=["quick", "deep"], read_only=True)
    outcome = serializers.ChoiceField(choices=list(OUTCOMES), read_only=True)
    missed = serializers.IntegerField(
        read_only=True, help_text="due times before this one that nobody was there for; caught up by this one"
    )
    scan = serializers.CharField(source="scan.reference", default=None, read_only=True, allow_null=True)
    scan_state = serializers.CharField(source="scan.job.state", default=None, read_only=True, allow_null=True)

    class Meta:
        model = ScanSlot
        fields = ("starts_at", "mode", "outcome", "reason", "missed", "scan", "scan_state", "created_at")


class ModeStandingSerializer(serializers.Serializer[Any]):
    every = serializers.IntegerField(help_text="seconds")
    due_at = serializers.DateTimeField(allow_null=True, help_text="null while the policy is disabled")
    is_late = serializers.BooleanField(help_text="due for minutes, and nobody has dealt with it")
    last = ScanSlotSerializer(allow_null=True)


class ScanPolicySerializer(serializers.Serializer[PolicyStanding]):
    id = serializers.UUIDField(source="policy.id")
    url = serializers.SerializerMethodField()
    html_url = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField(source="policy.created_at")
    created_by = PersonRef(source="policy.created_by", allow_null=True)
    name = serializers.CharField(source="policy.name")
    selector = serializers.CharField(source="policy.selector")
    enabled = serializers.BooleanField(source="policy.enabled")
    quick_every = serializers.IntegerField(source="policy.quick_every", allow_null=True)
    deep_every = serializers.IntegerField(source="policy.deep_every", allow_null=True)
    note = serializers.CharField(source="policy.note")
    quick = ModeStandingSerializer(allow_null=True)
    deep = ModeStandingSerializer(allow_null=True)

    def get_url(self, standing: PolicyStanding) -> str:
        return f"/api/v1/scan-policies/{standing.policy.pk}/"

    def get_html_url(self, standing: PolicyStanding) -> str:
        return f"/scans/policies/{standing.policy.name}/"


class ScanOfPolicySerializer(serializers.Serializer[Any]):
    reference = serializers.CharField()
    mode = serializers.ChoiceField(choices=["quick", "deep"])
    purpose = serializers.CharField()
    state = serializers.CharField(source="job.state", default="queued")
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


class ScanPolicyDetailSerializer(ScanPolicySerializer):
    hosts = serializers.IntegerField(
        allow_null=True, help_text="how many active hosts the selector names now; null if it can't be read"
    )
    problem = serializers.CharField(help_text="why the selector can't be read")
    scans = serializers.SerializerMethodField(help_text="the latest five; more: `scans/?policy=`")

    @extend_schema_field(ScanOfPolicySerializer(many=True))
    def get_scans(self, standing: PolicyStanding) -> Any:
        latest = standing.policy.scans.select_related("job").defer("hosts").order_by("-number")[:5]
        return ScanOfPolicySerializer(latest, many=True).data


class PolicyCoverageSerializer(serializers.Serializer[Any]):
    hosts = serializers.IntegerField(help_text="active hosts")
    covered = serializers.IntegerField(help_text="of those, named by an enabled policy")
    uncovered = serializers.IntegerField(help_text="of those, named by none")
    without_deep = serializers.IntegerField(help_text="of those, named by no enabled policy with deep looks")
    first_uncovered = serializers.ListField(source="names", child=serializers.CharField())
    enabled_policies = serializers.IntegerField(source="enabled")
