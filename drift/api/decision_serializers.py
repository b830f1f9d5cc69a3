"""Decisions and placements as JSON."""

from typing import Any

from rest_framework import serializers

from changemgmt.api.serializers import ApprovalSerializer
from changemgmt.core.texts import TEXT_LENGTH
from common.api.people_ref import PersonRef
from deployments.core.redaction import redact_definition
from drift.models import Decision
from drift.services.decisions import MAX_FINDINGS


class RedactedPatch(serializers.CharField):
    """A patch without the secrets that somebody committed around what it changes; it can bring none itself."""

    def to_representation(self, value: str) -> str:
        return redact_definition(value).text


class EffectSerializer(serializers.Serializer[Any]):
    """What the next push would do with the fold-back in the definition, and what hosts show now."""

    hosts_considered = serializers.IntegerField()
    hosts = serializers.DictField(
        child=serializers.ListField(child=serializers.CharField()),
        help_text="host names by outcome: changed, already_right, in_conflict, no_longer_managed, unknown",
    )
    resources = serializers.ListField(
        child=serializers.DictField(), help_text="the first of them, with the desired state before and after"
    )
    resources_total = serializers.IntegerField()
    missed = serializers.ListField(
        child=serializers.CharField(), help_text="occurrences that would not be as they are live"
    )
    joined = serializers.ListField(
        required=False,
        child=serializers.CharField(),
        help_text="occurrences whose change is joined with what the definition says by now; they wait for the next push",
    )


class PlacementSerializer(serializers.Serializer[Any]):
    key = serializers.CharField(source="placement.key")
    layer = serializers.CharField(source="placement.layer")
    kind_of_edit = serializers.CharField(source="placement.kind_of_edit")
    safe = serializers.BooleanField(source="placement.safe")
    why_not = serializers.CharField(source="placement.why_not")
    last_resort = serializers.BooleanField(source="placement.last_resort")
    takes_back = serializers.BooleanField(
        source="placement.takes_back",
        help_text="the definition moved too, both meet, and this decides for what is live: it has to be named",
    )
    explanation = serializers.CharField(source="placement.explanation")
    files = serializers.SerializerMethodField()
    patch = RedactedPatch(source="placement.patch")
    effect = serializers.SerializerMethodField(help_text="null where there are no edits")

    def get_files(self, preview: Any) -> list[str]:
        return sorted(preview.placement.edits)

    def get_effect(self, preview: Any) -> dict[str, Any] | None:
        return preview.effect or None


class PlacementsSerializer(serializers.Serializer[Any]):
    finding = serializers.CharField()
    revision = serializers.CharField()
    placements = PlacementSerializer(many=True)


class ProposalSerializer(serializers.Serializer[Any]):
    """What would be proposed: the answer of a dry run."""

    kind = serializers.CharField()
    findings = serializers.ListField(child=serializers.CharField())
    until = serializers.DateTimeField(allow_null=True)
    layer = serializers.CharField()
    explanation = serializers.CharField()
    base_revision = serializers.CharField()
    files = serializers.ListField(child=serializers.CharField())
    patch = RedactedPatch()
    effect = EffectSerializer(allow_null=True)
    digest = serializers.CharField(allow_null=True)


class DecidedChangeSerializer(serializers.Serializer[Any]):
    """The change that carries a decision: approve it at `changes/{id}/approvals/` with this digest."""

    id = serializers.UUIDField()
    reference = serializers.CharField()
    url = serializers.SerializerMethodField()
    state = serializers.CharField()
    title = serializers.CharField()
    digest = serializers.CharField()
    owner = PersonRef()
    requested_by = PersonRef()
    approvals = serializers.SerializerMethodField()

    def get_url(self, change: Any) -> str:
        return f"/api/v1/changes/{change.pk}/"

    def get_approvals(self, change: Any) -> list[dict[str, Any]]:
        approvals = change.approvals.select_related("approver", "change").order_by("created_at")
        return ApprovalSerializer(approvals, many=True).data  # type: ignore[return-value]


class DecisionSerializer(serializers.ModelSerializer[Decision]):
    url = serializers.SerializerMethodField()
    html_url = serializers.SerializerMethodField()
    state = serializers.CharField(source="change.state", read_only=True)
    change = serializers.CharField(source="change.reference", read_only=True)
    findings = serializers.SerializerMethodField()
    job = serializers.SerializerMethodField(help_text="from the approval of a fold-back on")

    class Meta:
        model = Decision
        fields = (
            "id", "reference", "url", "html_url", "created_at", "kind", "state", "change", "findings", "reason",
            "until", "layer", "base_revision", "commit", "job",
        )  # fmt: skip

    def get_url(self, decision: Decision) -> str:
        return f"/api/v1/decisions/{decision.pk}/"

    def get_html_url(self, decision: Decision) -> str:
        return f"/decisions/{decision.reference}/"

    def get_findings(self, decision: Decision) -> list[str]:
        return [finding.reference for finding in sorted(decision.findings.all(), key=lambda f: f.number)]

    def get_job(self, decision: Decision) -> str | None:
        return f"/api/v1/jobs/{decision.job_id}/" if decision.job_id else None


class DecisionDetailSerializer(DecisionSerializer):
    change = DecidedChangeSerializer(read_only=True)  # type: ignore[assignment]
    files = serializers.SerializerMethodField()
    patch = RedactedPatch(read_only=True)
    effect = serializers.SerializerMethodField()
    head = serializers.SerializerMethodField(
        help_text="the definition's head now; null when it can't be read"
    )
    head_moved = serializers.SerializerMethodField(
        help_text="whether the definition has moved since this was prepared; a clean rebase keeps the approval"
    )

    class Meta(DecisionSerializer.Meta):
        fields = (  # type: ignore[assignment]
            *DecisionSerializer.Meta.fields, "explanation", "files", "patch", "effect", "head", "head_moved",
        )  # fmt: skip

    def get_files(self, decision: Decision) -> list[str]:
        return sorted(decision.edits)

    def get_effect(self, decision: Decision) -> dict[str, Any] | None:
        return decision.effect or None

    def get_head(self, decision: Decision) -> str | None:
        return self.context.get("head")

    def get_head_moved(self, decision: Decision) -> bool:
        head = self.context.get("head")
        return bool(
            head and decision.base_revision and not decision.commit and head != decision.base_revision
        )


class ProposeDecisionRequest(serializers.Serializer[Any]):
    kind = serializers.CharField(max_length=32, help_text="fold-back or waive")
    findings = serializers.ListField(
        child=serializers.CharField(max_length=64),
        allow_empty=False,
        max_length=MAX_FINDINGS,
        help_text="DRF-…",
    )
    reason = serializers.CharField(max_length=TEXT_LENGTH)
    layer = serializers.CharField(
        max_length=300,
        required=False,
        help_text="where to fold back; where it is declared, unless it is given",
    )
    placement = serializers.CharField(
        max_length=16, required=False, help_text="the `key` of one of a finding's placements"
    )
    edits = serializers.DictField(
        child=serializers.CharField(allow_null=True, allow_blank=True, trim_whitespace=False),
        required=False,
        allow_empty=False,
        help_text="instead of a layer: path → whole text of the file, null deletes it",
    )
    until = serializers.DateTimeField(required=False, help_text="for a waiver")


class DecisionReasonRequest(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=TEXT_LENGTH, required=False, allow_blank=True)


class EndWaiverRequest(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=TEXT_LENGTH)
