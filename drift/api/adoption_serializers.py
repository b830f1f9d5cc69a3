"""Adoptions as JSON."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from changemgmt.core.texts import TEXT_LENGTH
from common.api.fields import ChoiceField
from drift.api.decision_serializers import DecidedChangeSerializer
from drift.core.adoption_lifecycle import ADOPTION
from drift.core.adoption_options import ADOPTABLE
from drift.models import Adoption, AdoptionHost
from drift.queries.adoptions import layers_in_order, left_out_by_reason, unseen_hosts


class AdoptionOptions(serializers.Serializer[Any]):
    sections = serializers.ListField(
        child=ChoiceField(choices=list(ADOPTABLE)),
        required=False,
        help_text="which sections to adopt; `files` are directories and symbolic links too. Default: all",
    )
    versions = serializers.BooleanField(
        required=False, help_text="say the versions of packages; default true"
    )
    shipped = serializers.BooleanField(
        required=False, help_text="adopt files that are as their package ships them, too; default false"
    )
    exhaustive = serializers.JSONField(
        required=False,
        help_text="directories in which every entry has to be declared: `auto` (conf.d and the like), `none`, or a list",
    )
    others = serializers.BooleanField(
        required=False, help_text="use layers that also speak to hosts which were not chosen; default false"
    )


class AdoptRequest(AdoptionOptions):
    hosts = serializers.CharField(help_text="a selector, such as `role=web env=prod`")
    roots = serializers.ListField(
        child=serializers.CharField(max_length=4096),
        required=False,
        help_text="directories to look through; default /etc, /usr/local/bin and /usr/local/sbin",
    )


class CommitAdoptionRequest(serializers.Serializer[Any]):
    reason = serializers.CharField(required=False, allow_blank=True, max_length=TEXT_LENGTH)
    digest = serializers.CharField(required=False, max_length=64, help_text="of the plan as you read it")
    without_unseen = serializers.BooleanField(
        default=False, help_text="go on without the hosts that could not be looked at"
    )


class MergeAdoptionRequest(serializers.Serializer[Any]):
    digest = serializers.CharField(max_length=64, help_text="of the plan as you read it")
    comment = serializers.CharField(required=False, allow_blank=True, max_length=TEXT_LENGTH)


class AdoptionHostsCount(serializers.Serializer[Any]):
    chosen = serializers.IntegerField()
    looked_at = serializers.IntegerField()
    seen = serializers.IntegerField()
    render_to_live = serializers.IntegerField(allow_null=True, help_text="null until it is planned")
    unseen = serializers.ListField(
        child=serializers.CharField(), help_text="names of those that could not be"
    )


class AdoptionSerializer(serializers.ModelSerializer[Adoption]):
    url = serializers.SerializerMethodField()
    html_url = serializers.SerializerMethodField()
    job = serializers.SerializerMethodField()
    hosts = serializers.SerializerMethodField()
    state = serializers.CharField(help_text=", ".join(ADOPTION.meaning), read_only=True)
    options = AdoptionOptions(read_only=True)
    roots = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = Adoption
        fields: tuple[str, ...] = (
            "id", "reference", "url", "html_url", "created_at", "state", "selector", "roots", "options",
            "requested_by", "job", "problem", "hosts", "digest", "merged",
        )  # fmt: skip

    def get_url(self, adoption: Adoption) -> str:
        return f"/api/v1/definition/adopt/{adoption.pk}/"

    def get_html_url(self, adoption: Adoption) -> str:
        return f"/definition/adopt/{adoption.reference}/"

    def get_job(self, adoption: Adoption) -> str | None:
        return f"/api/v1/jobs/{adoption.job_id}/" if adoption.job_id else None

    @extend_schema_field(AdoptionHostsCount)
    def get_hosts(self, adoption: Adoption) -> dict[str, Any]:
        looks = list(AdoptionHost.objects.filter(adoption=adoption).values_list("status", flat=True))
        counts: dict[str, Any] = {
            "chosen": len(adoption.hosts),
            "looked_at": len(looks),
            "seen": sum(status != "unknown" for status in looks),
            "render_to_live": adoption.summary.get("hosts", {}).get("render"),
            "unseen": unseen_hosts(adoption) if adoption.state != "looking" else [],
        }
        return counts


class LeftOutReason(serializers.Serializer[Any]):
    reason = serializers.CharField()
    resources = serializers.IntegerField()
    only_content = serializers.BooleanField(help_text="the resource is declared, without what is in it")


class AdoptionPlanSerializer(serializers.Serializer[Any]):
    """What would be committed."""

    base_revision = serializers.CharField()
    layers = serializers.DictField(
        child=serializers.DictField(child=serializers.IntegerField()),
        help_text="declarations by layer and section",
    )
    files = serializers.ListField(child=serializers.CharField(), help_text="see files/ for what is in them")
    templates = serializers.ListField(child=serializers.CharField())
    exhaustive = serializers.ListField(child=serializers.CharField())
    notes = serializers.ListField(child=serializers.DictField(child=serializers.CharField()))
    already_declared = serializers.IntegerField(
        help_text="what was seen and is declared already, over all hosts"
    )
    also_reaches = serializers.ListField(
        child=serializers.CharField(), help_text="hosts that were not chosen and are spoken to"
    )
    left_out = LeftOutReason(many=True, help_text="by reason; see left-out/ for each")


class AdoptionDetailSerializer(AdoptionSerializer):
    plan = serializers.SerializerMethodField(help_text="null until there is one")
    change = DecidedChangeSerializer(allow_null=True, help_text="approving it merges the adoption")
    branch = serializers.CharField()
    commit = serializers.CharField(help_text="on the branch; empty until it is there")

    class Meta(AdoptionSerializer.Meta):
        fields = (*AdoptionSerializer.Meta.fields, "branch", "commit", "reason", "plan", "change")

    @extend_schema_field(AdoptionPlanSerializer(allow_null=True))
    def get_plan(self, adoption: Adoption) -> dict[str, Any] | None:
        if not adoption.base_revision:
            return None
        summary = adoption.summary
        body = {
            "base_revision": adoption.base_revision,
            "layers": {layer: dict(counts) for layer, counts in layers_in_order(adoption)},
            "files": sorted(summary["files"]),
            "templates": summary["templates"],
            "exhaustive": summary["exhaustive"],
            "notes": summary["notes"],
            "already_declared": summary["already"],
            "also_reaches": summary["unlisted"],
            "left_out": left_out_by_reason(adoption),
        }
        return AdoptionPlanSerializer(body).data


class AdoptionHostSerializer(serializers.ModelSerializer[AdoptionHost]):
    host = serializers.CharField(source="host.name")
    renders_to_live = serializers.SerializerMethodField(help_text="null until it is planned")
    wrong = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = AdoptionHost
        fields = (
            "id",
            "host",
            "status",
            "reason",
            "detail",
            "seconds",
            "declared",
            "renders_to_live",
            "wrong",
        )

    def get_renders_to_live(self, look: AdoptionHost) -> bool | None:
        if look.status == "unknown" or not look.adoption.base_revision:
            return None
        return not look.wrong


class AdoptionFileSerializer(serializers.Serializer[Any]):
    path = serializers.CharField()
    action = ChoiceField(choices=["added", "changed"])
    content = serializers.CharField()


class LeftOutSerializer(serializers.Serializer[Any]):
    resource = serializers.CharField()
    reason = serializers.CharField()
    hosts = serializers.ListField(child=serializers.CharField())
    only_content = serializers.BooleanField()
