"""Scans and findings as JSON."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from common.api.fields import ChoiceField
from common.api.jobs import progress_told
from common.api.people_ref import PersonRef
from deployments.core.states import to_json
from drift.core.change_words import title_of
from drift.models import Explanation, Finding, Occurrence, Scan, ScanHost
from drift.queries.candidates import CandidateRow, attribution_of
from drift.queries.incidents import draft_of, incidents_of
from drift.queries.outcomes import outcomes_of
from drift.queries.reports import describe_change


class ScanRequest(serializers.Serializer[Any]):
    hosts = serializers.CharField(help_text="a selector, such as `role=web env=prod`")
    mode = ChoiceField(
        choices=["quick", "deep"],
        default="deep",
        help_text="quick looks at what has moved since the last look; deep reads everything anew",
    )


class ScanProgressSerializer(serializers.Serializer[Any]):
    """How far it is and how fast it goes, from rows; null while nobody can tell."""

    hosts = serializers.IntegerField()
    done = serializers.IntegerField()
    elapsed_seconds = serializers.FloatField(help_text="since a worker began; frozen at the end")
    rate = serializers.FloatField(
        allow_null=True, help_text="hosts a second: over the last minute; of all of it once it has ended"
    )
    eta = serializers.DateTimeField(allow_null=True, help_text="when it will have ended at this rate")


class ScanSerializer(serializers.ModelSerializer[Scan]):
    url = serializers.SerializerMethodField()
    html_url = serializers.SerializerMethodField()
    job = serializers.SerializerMethodField()
    state = serializers.SerializerMethodField()
    progress = serializers.SerializerMethodField()
    counts = serializers.DictField()
    policy = serializers.CharField(
        source="policy.name", default=None, allow_null=True, help_text="the scan policy that it is a look of"
    )

    class Meta:
        model = Scan
        fields = (
            "id", "reference", "url", "html_url", "created_at", "finished_at", "state", "selector", "purpose", "mode",
            "policy", "requested_by", "job", "progress", "counts",
        )  # fmt: skip

    def get_url(self, scan: Scan) -> str:
        return f"/api/v1/scans/{scan.pk}/"

    def get_html_url(self, scan: Scan) -> str:
        return f"/scans/{scan.reference}/"

    def get_job(self, scan: Scan) -> str:
        return f"/api/v1/jobs/{scan.job_id}/"

    def get_state(self, scan: Scan) -> str:
        return scan.job.state if scan.job else "queued"

    @extend_schema_field(ScanProgressSerializer)
    def get_progress(self, scan: Scan) -> Any:
        if scan.job is None:  # only in the transaction that starts it
            return None
        return ScanProgressSerializer({**(told := progress_told(scan.job)), "hosts": told["total"]}).data


class OutcomesSerializer(serializers.Serializer[Any]):
    """Each host of the scan once."""

    unchanged = serializers.IntegerField(help_text="looked at by a quick scan: nothing had moved")
    ok = serializers.IntegerField(help_text="wholly looked at")
    partial = serializers.IntegerField(  # type: ignore[assignment]  # DRF takes fields off the class
        help_text="looked at, and something of it is unknown"
    )
    overtaken = serializers.IntegerField(help_text="a later scan looked at it, too, and counts")
    unknown = serializers.IntegerField(help_text="not looked at, for a reason")
    waiting = serializers.IntegerField(help_text="not tried yet, or not at all once the scan has ended")


class ScanDetailSerializer(ScanSerializer):
    outcomes = serializers.SerializerMethodField(help_text="what came of its hosts so far")

    class Meta(ScanSerializer.Meta):
        fields = (*ScanSerializer.Meta.fields, "outcomes")  # type: ignore[assignment]

    @extend_schema_field(OutcomesSerializer)
    def get_outcomes(self, scan: Scan) -> Any:
        found = outcomes_of(scan)
        total = scan.job.items_total if scan.job else len(scan.hosts)
        return OutcomesSerializer({**found, "waiting": max(0, total - sum(found.values()))}).data


class HostScanSerializer(serializers.ModelSerializer[ScanHost]):
    host = serializers.CharField(source="host.name")
    counts = serializers.DictField()
    unmoved = serializers.BooleanField(
        help_text="a quick look: nothing had moved since the last one, and what that one said still holds"
    )

    class Meta:
        model = ScanHost
        fields = (
            "host",
            "status",
            "reason",
            "detail",
            "seconds",
            "revision",
            "unmoved",
            "counts",
            "created_at",
        )


class ExplanationSerializer(serializers.ModelSerializer[Explanation]):
    change = serializers.CharField(source="change.reference")
    title = serializers.CharField(source="change.title")
    owner = PersonRef(source="change.owner")
    reasons = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = Explanation
        fields = ("change", "title", "owner", "reasons")


class HostCountsSerializer(serializers.Serializer[Any]):
    total = serializers.IntegerField(source="hosts_total")
    open = serializers.IntegerField(source="hosts_open")
    conflict = serializers.IntegerField(source="hosts_conflict")
    waiting = serializers.IntegerField(source="hosts_waiting")
    proven = serializers.IntegerField(source="hosts_proven")


LISTED_LINES, LISTED_WIDTH = 40, 300


def shortened(change: dict[str, Any]) -> dict[str, Any]:
    """A finding's change as a list shows it: the first lines only, and how many are left out."""
    hunks, left, omitted = [], LISTED_LINES, 0
    for hunk in change.get("hunks") or ():
        kept = {}
        for side in ("removed", "added"):
            kept[side] = [line[:LISTED_WIDTH] for line in hunk[side][:left]]
            omitted += len(hunk[side]) - len(kept[side])
            left -= len(kept[side])
        if kept["removed"] or kept["added"]:
            hunks.append(kept)
    short = {**change, "hunks": hunks, "lines_left_out": omitted} if "hunks" in change else dict(change)
    if items := change.get("items"):
        short["items"] = {
            name: {side: [item[:LISTED_WIDTH] for item in changed[side][:LISTED_LINES]] for side in changed}
            for name, changed in items.items()
        }
    if texts := change.get("texts"):
        short["texts"] = {
            name: {key: shortened(text) for key, text in list(keyed.items())[:LISTED_LINES]}
            for name, keyed in texts.items()
        }
    return short


class FindingSerializer(serializers.ModelSerializer[Finding]):
    url = serializers.SerializerMethodField()
    html_url = serializers.SerializerMethodField()
    title = serializers.SerializerMethodField(help_text="the resource as people call it: `Package nginx`")
    summary = serializers.SerializerMethodField()
    hosts = HostCountsSerializer(source="*")
    claimed_by = PersonRef(allow_null=True)
    supersedes = serializers.SerializerMethodField()
    is_explained = serializers.BooleanField()
    change = serializers.SerializerMethodField(
        help_text="what was changed; of long changes a list shows the first lines, and `lines_left_out`"
    )

    class Meta:
        model = Finding
        fields = (
            "id", "reference", "url", "html_url", "created_at", "resource", "title", "state", "summary", "change", "hosts",
            "is_explained", "claimed_by", "claimed_at", "supersedes", "first_seen_at", "last_seen_at", "reopened",
            "waived_until", "ended_at",
        )  # fmt: skip

    def get_url(self, finding: Finding) -> str:
        return f"/api/v1/findings/{finding.pk}/"

    def get_html_url(self, finding: Finding) -> str:
        return f"/findings/{finding.reference}/"

    def get_title(self, finding: Finding) -> str:
        return str(title_of(finding.resource))

    def get_change(self, finding: Finding) -> dict[str, Any]:
        return shortened(finding.change)

    def get_summary(self, finding: Finding) -> str:
        return describe_change(finding.change, finding.resource)

    def get_supersedes(self, finding: Finding) -> str | None:
        return finding.supersedes.reference if finding.supersedes else None


class CandidateSerializer(serializers.Serializer[Any]):
    login = serializers.CharField(help_text="the account on the hosts")
    person = PersonRef(allow_null=True)
    confidence = serializers.ChoiceField(choices=["high", "medium", "low"])
    hosts = serializers.IntegerField(help_text="on how many hosts it is a candidate")
    at = serializers.DateTimeField(allow_null=True)
    evidence = serializers.SerializerMethodField()

    def get_evidence(self, row: CandidateRow) -> list[dict[str, str]]:
        return [{"host": host, "text": text} for host, text in row.evidence]


class AttributionSerializer(serializers.Serializer[Any]):
    """Who it probably was. `is_unknown`: nothing speaks clearly for anybody, and candidates, if there are any, only
    were there at that time. `sources_denied` says what could not be read."""

    is_unknown = serializers.BooleanField()
    candidates = CandidateSerializer(many=True)
    hosts_asked = serializers.IntegerField(source="asked")
    sources_read = serializers.ListField(source="read", child=serializers.CharField())
    sources_denied = serializers.ListField(source="denied", child=serializers.CharField())


class FindingDetailSerializer(FindingSerializer):
    change = serializers.DictField()  # type: ignore[assignment]
    explanations = ExplanationSerializer(many=True)
    pending_hosts = serializers.ListField(
        child=serializers.CharField(), help_text="hosts that still wait for the fix"
    )

    incidents = serializers.SerializerMethodField(help_text="inside whose scope and time it came about")
    draft = serializers.SerializerMethodField(
        help_text="the change that Foldback drafted for it, until somebody stands by it"
    )
    attribution = serializers.SerializerMethodField()

    def get_incidents(self, finding: Finding) -> list[str]:
        return [incident.reference for incident in incidents_of(finding)]

    def get_draft(self, finding: Finding) -> str | None:
        change = draft_of(finding)
        return change.reference if change else None

    @extend_schema_field(AttributionSerializer)
    def get_attribution(self, finding: Finding) -> Any:
        return AttributionSerializer(attribution_of(finding)).data

    class Meta(FindingSerializer.Meta):
        fields = (  # type: ignore[assignment]
            *FindingSerializer.Meta.fields, "explanations", "draft", "incidents", "attribution", "pending_hosts",
        )  # fmt: skip


_WATCHED = "nobody declared it: base and head are what was there at the first look"
_REDACTIONS = "secrets taken out of its live state: compared, not shown, never folded back"


class OccurrenceSerializer(serializers.ModelSerializer[Occurrence]):
    host = serializers.CharField(source="host.name")
    base = serializers.DictField()
    head = serializers.DictField()
    live = serializers.DictField()
    attributes = serializers.ListField(
        child=serializers.CharField(), help_text="the attributes in which base, head and live are compared"
    )
    evidence = serializers.DictField()
    watched = serializers.BooleanField(help_text=_WATCHED)
    redactions = serializers.IntegerField(help_text=_REDACTIONS)

    class Meta:
        model = Occurrence
        fields = (
            "id", "host", "verdict", "base", "head", "live", "attributes", "watched", "redactions", "evidence",
            "first_seen_at", "last_seen_at", "before_at", "ended_at", "ended_as",
        )  # fmt: skip


class SideSerializer(serializers.Serializer[Any]):
    state = serializers.SerializerMethodField()
    text = serializers.CharField(allow_null=True)
    why_no_text = serializers.CharField()
    redactions = serializers.IntegerField()

    def get_state(self, side: Any) -> dict[str, Any]:
        return to_json(side.state)


class VariantSerializer(serializers.Serializer[Any]):
    hosts = serializers.ListField(child=serializers.CharField())
    base = SideSerializer()
    head = SideSerializer()
    live = SideSerializer()
    watched = serializers.BooleanField(help_text=_WATCHED)
    redactions = serializers.IntegerField(help_text=_REDACTIONS)
    attributes = serializers.DictField()
    values = serializers.DictField()


class DiffSerializer(serializers.Serializer[Any]):
    variants = VariantSerializer(many=True)
