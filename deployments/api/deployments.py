"""`deployments/`: other pushers report what they deployed where."""

from typing import Any, ClassVar

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from common.api.filters import TimeFilter, TimeFilterSet
from common.api.views import ApiView, ListView, find_by_reference
from common.core import roles
from common.models import Job
from deployments.api.serializers import DeploymentSerializer, ReportDeploymentRequest
from deployments.models import Deployment
from deployments.queries.definitions import check_declared, definition_at, resolve_revision
from deployments.services.deployments import find_reported, report_deployment


class DeploymentFilterSet(TimeFilterSet):
    revision = django_filters.CharFilter()
    host = django_filters.CharFilter(method="on_host", help_text="a host's name")
    external_id = django_filters.CharFilter()
    deployed_at__gte = TimeFilter("deployed_at", lookup_expr="gte")
    deployed_at__lt = TimeFilter("deployed_at", lookup_expr="lt")

    def on_host(self, queryset: QuerySet[Deployment], name: str, value: str) -> QuerySet[Deployment]:
        return queryset.filter(hosts__contains=[value])


class DeploymentList(ListView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read", "POST": "deployment.report"}
    serializer_class = DeploymentSerializer
    filterset_class = DeploymentFilterSet
    sort_fields = ("created_at", "deployed_at")

    def get_queryset(self) -> QuerySet[Deployment]:
        return Deployment.objects.select_related("person")

    def serialize(self, page: Any) -> Any:
        jobs = dict(
            Job.objects.filter(subject_id__in=[row.pk for row in page], kind="move-base").values_list(
                "subject_id", "pk"
            )
        )
        return DeploymentSerializer(page, many=True, context={"request": self.request, "jobs": jobs}).data

    @extend_schema(operation_id="deployments_list", responses=DeploymentSerializer(many=True))
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Reports, the latest first."""
        return super().get(request, *args, **kwargs)

    def prepare(self, request: Request, **kwargs: Any) -> Any:
        """Reads Git: the revision must be on main, be usable, and declare what is said to be deployed."""
        data = self.parse(ReportDeploymentRequest)
        roles.require(self.actor, "deployment.report")
        if find_reported(actor=self.actor, external_id=data.get("external_id", "")):
            return data
        data["revision"] = resolve_revision(data["revision"])
        definition = definition_at(data["revision"])
        if data.get("resources"):
            check_declared(definition, data["resources"], data["hosts"])
        return data

    @extend_schema(
        operation_id="deployments_report",
        request=ReportDeploymentRequest,
        responses={201: DeploymentSerializer, 200: DeploymentSerializer},
    )
    def post(self, request: Request) -> Response:
        """Report that a revision (or these resources of it) went to these hosts: what is agreed there follows.

        200 instead of 201 when this client has used the `external_id` before: the answer is that first report.
        """
        deployment, created = report_deployment(actor=self.actor, **self.prepared)
        return Response(
            DeploymentSerializer(deployment).data,
            status=201 if created else 200,
            headers={"Location": f"/api/v1/deployments/{deployment.pk}/"},
        )


class DeploymentDetail(ApiView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read"}

    @extend_schema(operation_id="deployments_read", responses=DeploymentSerializer)
    def get(self, request: Request, deployment: str) -> Response:
        found = find_by_reference(Deployment.objects.select_related("person"), deployment)
        return Response(DeploymentSerializer(found).data)
