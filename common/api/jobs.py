"""`jobs/`: progress of long work, its batches, and stopping it."""

from typing import Any, ClassVar

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common.api.filters import TimeFilterSet, WordFilter
from common.api.views import ApiView, ListView, find_by_reference
from common.core.jobs import JOB
from common.models import Job, JobBatch
from common.services.jobs import cancel_job


class JobSerializer(serializers.ModelSerializer[Job]):
    url = serializers.SerializerMethodField()

    class Meta:
        model = Job
        fields = (
            "id", "reference", "url", "kind", "state", "subject_id", "subject_label", "items_total", "items_done",
            "requested_by", "created_at", "started_at", "finished_at", "cancel_requested_at",
        )  # fmt: skip

    def get_url(self, job: Job) -> str:
        return f"/api/v1/jobs/{job.pk}/"


class JobBatchSerializer(serializers.ModelSerializer[JobBatch]):
    class Meta:
        model = JobBatch
        fields = ("id", "position", "state", "attempts", "error", "items")


class JobDetailSerializer(JobSerializer):
    batches = serializers.SerializerMethodField()

    class Meta(JobSerializer.Meta):
        fields = (*JobSerializer.Meta.fields, "batches")  # type: ignore[assignment]

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
