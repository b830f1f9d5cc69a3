"""`jobs/`: progress of long work, its batches, and stopping it."""

from typing import Any, ClassVar

from django.conf import settings
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common import clock
from common.api.filters import TimeFilterSet, WordFilter
from common.api.views import ApiView, ListView, find_by_reference
from common.core.jobs import JOB
from common.models import Job, JobBatch
from common.queries.progress import eta_of, hands_of, progress_of
from common.services.jobs import cancel_job


class ProgressSerializer(serializers.Serializer[Any]):
    """How fast it goes, from the job's row; null while nobody can tell."""

    done = serializers.IntegerField()
    total = serializers.IntegerField()
    elapsed_seconds = serializers.FloatField(
        help_text="since a worker took the first batch; frozen at the end"
    )
    rate = serializers.FloatField(
        allow_null=True, help_text="items a second: over the last minute; of all of it once it has ended"
    )
    eta = serializers.DateTimeField(allow_null=True, help_text="when it will have ended at this rate")


def progress_told(job: Job) -> dict[str, Any]:
    """What ProgressSerializer says of a job, now."""
    now = clock.now()
    progress = progress_of(job, now)
    rate = None if progress.rate is None else round(progress.rate, 3)
    return {
        "done": progress.done,
        "total": progress.total,
        "elapsed_seconds": round(progress.elapsed, 1),
        "rate": rate,
        "eta": eta_of(progress, now),
    }


class HandsSerializer(serializers.Serializer[Any]):
    batches = serializers.IntegerField()
    done = serializers.IntegerField()
    running = serializers.IntegerField(help_text="held by a worker whose lease has not run out")
    waiting = serializers.IntegerField()
    resting = serializers.IntegerField(help_text="failed, and tried again after a pause")
    failed = serializers.IntegerField(help_text="set aside after five attempts")
    workers = serializers.IntegerField(help_text="worker processes that hold a batch now")


class JobSerializer(serializers.ModelSerializer[Job]):
    url = serializers.SerializerMethodField()
    progress = serializers.SerializerMethodField()

    class Meta:
        model = Job
        fields = (
            "id", "reference", "url", "kind", "state", "subject_id", "subject_label", "items_total", "items_done",
            "progress", "requested_by", "created_at", "started_at", "finished_at", "cancel_requested_at",
        )  # fmt: skip

    def get_url(self, job: Job) -> str:
        return f"/api/v1/jobs/{job.pk}/"

    @extend_schema_field(ProgressSerializer)
    def get_progress(self, job: Job) -> Any:
        return ProgressSerializer(progress_told(job)).data


class JobBatchSerializer(serializers.ModelSerializer[JobBatch]):
    class Meta:
        model = JobBatch
        fields = ("id", "position", "state", "attempts", "error", "items")


class JobDetailSerializer(JobSerializer):
    batches = serializers.SerializerMethodField()
    hands = serializers.SerializerMethodField(
        help_text="the batches by what becomes of them, and who is at them"
    )

    class Meta(JobSerializer.Meta):
        fields = (*JobSerializer.Meta.fields, "hands", "batches")  # type: ignore[assignment]

    @extend_schema_field(HandsSerializer)
    def get_hands(self, job: Job) -> Any:
        return HandsSerializer(hands_of(job, clock.now())).data

    def get_batches(self, job: Job) -> list[dict[str, Any]]:
        return JobBatchSerializer(job.batches.order_by("position"), many=True).data  # type: ignore[return-value]


class JobFilterSet(TimeFilterSet):
    kind = WordFilter(settings.JOB_HANDLERS)
    state = WordFilter(JOB.meaning)


class JobList(ListView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read"}
    serializer_class = JobSerializer
    filterset_class = JobFilterSet

    def get_queryset(self) -> Any:
        return Job.objects.all()

    @extend_schema(operation_id="jobs_list", responses=JobSerializer(many=True))
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


class JobDetail(ApiView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read"}

    @extend_schema(operation_id="jobs_read", responses=JobDetailSerializer)
    def get(self, request: Request, job: str) -> Response:
        return Response(JobDetailSerializer(find_by_reference(Job.objects.all(), job)).data)


class JobCancel(ApiView):
    permissions: ClassVar[dict[str, str]] = {"POST": "scan.run"}

    @extend_schema(operation_id="jobs_cancel", request=None, responses=JobSerializer)
    def post(self, request: Request, job: str) -> Response:
        found = find_by_reference(Job.objects.all(), job)
        cancel_job(actor=self.actor, job=found)
        return Response(JobSerializer(found).data)
