"""The definition and deployments as JSON."""

from typing import Any

from rest_framework import serializers

from common.api.fields import ChoiceField
from common.api.people_ref import PersonRef
from common.models import Job
from deployments.core.states import to_json
from deployments.models import Deployment
from deployments.services.deployments import EXTERNAL_ID_LENGTH


class SignatureSerializer(serializers.Serializer[Any]):
    name = serializers.SerializerMethodField()
    email = serializers.SerializerMethodField()

    def get_name(self, signature: tuple[str, str]) -> str:
        return signature[0]

    def get_email(self, signature: tuple[str, str]) -> str:
        return signature[1]


class TrailerSerializer(serializers.Serializer[Any]):
    key = serializers.SerializerMethodField()
    value = serializers.SerializerMethodField()

    def get_key(self, trailer: tuple[str, str]) -> str:
        return trailer[0]

    def get_value(self, trailer: tuple[str, str]) -> str:
        return trailer[1]


class RevisionSerializer(serializers.Serializer[Any]):
    sha = serializers.CharField()
    url = serializers.SerializerMethodField()
    html_url = serializers.SerializerMethodField()
    subject = serializers.CharField()
    author = SignatureSerializer()
    committer = SignatureSerializer()
    committed_at = serializers.DateTimeField()
    trailers = TrailerSerializer(many=True)

    def get_url(self, revision: Any) -> str:
        return f"/api/v1/definition/revisions/{revision.sha}/"

    def get_html_url(self, revision: Any) -> str:
        return f"/definition/revisions/{revision.sha}/"


class RevisionPageSerializer(serializers.Serializer[Any]):
    results = RevisionSerializer(many=True)
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True, help_text="always null: one walks back in time only")


class FileChangeSerializer(serializers.Serializer[Any]):
    path = serializers.CharField()
    kind = ChoiceField(choices=["added", "deleted", "modified"])
    patch = serializers.CharField(help_text="empty for binary files")


class ProblemLineSerializer(serializers.Serializer[Any]):
    path = serializers.CharField()
    line = serializers.IntegerField(allow_null=True)
    message = serializers.CharField()
    remedy = serializers.CharField()


class RevisionDetailSerializer(RevisionSerializer):
    message = serializers.CharField()
    parents = serializers.ListField(child=serializers.CharField())
    files = FileChangeSerializer(many=True, help_text="what it changed against its first parent")
    problems = ProblemLineSerializer(many=True, help_text="empty when it can be used")
    layers = serializers.ListField(child=serializers.CharField())


class ResourceEffectSerializer(serializers.Serializer[Any]):
    resource = serializers.CharField()
    before = serializers.SerializerMethodField()
    after = serializers.SerializerMethodField()
    reason = serializers.CharField(help_text="why the state afterwards can't be said, where it can't")

    def get_before(self, item: Any) -> dict[str, Any]:
        return to_json(item.before)

    def get_after(self, item: Any) -> dict[str, Any]:
        return to_json(item.after)


class ComparisonSerializer(serializers.Serializer[Any]):
    base = serializers.CharField()
    head = serializers.CharField()
    files = FileChangeSerializer(many=True)
    hosts_considered = serializers.IntegerField(help_text="all active hosts")
    hosts = serializers.DictField(
        child=ResourceEffectSerializer(many=True), help_text="by host: what should be something else"
    )


class OriginSerializer(serializers.Serializer[Any]):
    layer = serializers.CharField()
    path = serializers.CharField()
    line = serializers.IntegerField()


class DesiredResourceSerializer(serializers.Serializer[Any]):
    resource = serializers.CharField(source="desired.resource")
    state = serializers.SerializerMethodField()
    attributes = serializers.SerializerMethodField(help_text="those that count when it is compared")
    layer = serializers.CharField(source="desired.origin.layer")
    path = serializers.CharField(source="desired.origin.path")
    line = serializers.IntegerField(source="desired.origin.line")
    origins = serializers.DictField(
        source="desired.origins", child=OriginSerializer(), help_text="where each attribute is said"
    )
    how = serializers.CharField(
        source="desired.how", allow_null=True, help_text="content, source, template, secret, or null"
    )
    source_path = serializers.CharField(source="desired.source_path", allow_null=True)
    content = serializers.CharField(allow_null=True, help_text="text, where it is one and no secret")
    why_no_content = serializers.CharField()

    def get_state(self, item: Any) -> dict[str, Any]:
        return to_json(item.desired.state)

    def get_attributes(self, item: Any) -> list[str]:
        return sorted(item.desired.attributes)


class HostDefinitionSerializer(serializers.Serializer[Any]):
    host = serializers.CharField()
    revision = serializers.CharField()
    layers = serializers.ListField(child=serializers.CharField(), help_text="later wins")
    exhaustive = serializers.ListField(child=serializers.CharField())
    resources = DesiredResourceSerializer(many=True)


class DeploymentSerializer(serializers.ModelSerializer[Deployment]):
    url = serializers.SerializerMethodField()
    html_url = serializers.SerializerMethodField()
    hosts = serializers.ListField(child=serializers.CharField())
    resources = serializers.ListField(child=serializers.CharField(), help_text="empty: all")
    person = PersonRef(read_only=True, help_text="who answers for the report")
    job = serializers.SerializerMethodField(help_text="the job that moves base; null until it is made")

    class Meta:
        model = Deployment
        fields = (
            "id", "reference", "url", "html_url", "created_at", "revision", "hosts", "resources", "deployed_at",
            "reported_by", "person", "external_id", "job",
        )  # fmt: skip

    def get_url(self, deployment: Deployment) -> str:
        return f"/api/v1/deployments/{deployment.pk}/"

    def get_html_url(self, deployment: Deployment) -> str:
        return f"/definition/revisions/{deployment.revision}/"

    def get_job(self, deployment: Deployment) -> str | None:
        jobs = self.context.get("jobs")
        pk = jobs.get(deployment.pk) if jobs is not None else job_of(deployment)
        return f"/api/v1/jobs/{pk}/" if pk else None


def job_of(deployment: Deployment) -> Any:
    return Job.objects.filter(subject_id=deployment.pk).values_list("pk", flat=True).first()


class ReportDeploymentRequest(serializers.Serializer[Any]):
    revision = serializers.CharField(max_length=40, help_text="a commit of the definition, or its beginning")
    hosts = serializers.ListField(
        child=serializers.CharField(max_length=255), allow_empty=False, max_length=20_000, help_text="names"
    )
    resources = serializers.ListField(
        child=serializers.CharField(max_length=4200),
        required=False,
        max_length=5_000,
        help_text="such as `file:/etc/motd`; all that the revision says, unless it is given",
    )
    deployed_at = serializers.DateTimeField(required=False, help_text="now, unless it says else")
    external_id = serializers.CharField(
        max_length=EXTERNAL_ID_LENGTH,
        required=False,
        help_text="yours: a second POST with it returns the first report",
    )
