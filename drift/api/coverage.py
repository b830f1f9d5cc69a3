"""`coverage/`: how much of the fleet is looked at, now and over time."""

from typing import Any, ClassVar

import django_filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common import clock
from common.api.filters import TimeFilter
from common.api.views import ApiView, ListView
from drift.models import CoverageSample
from drift.queries.fleet import STALE_AFTER, coverage, last_looks


class ShareSerializer(serializers.Serializer[Any]):
    """Active hosts by what is known of them; the five add up to `hosts`."""

    hosts = serializers.IntegerField()
    looked_at = serializers.IntegerField(source="fresh", help_text="wholly, and lately enough")
    in_part = serializers.IntegerField(
        source="partial", help_text="lately enough; something was denied or unknown"
    )
    stale = serializers.IntegerField(help_text="looked at, and not lately enough")
    unreachable = serializers.IntegerField(source="not_reached", help_text="the last try failed")
    never = serializers.IntegerField(help_text="never looked at, or not since they were installed anew")


class CoverageSerializer(ShareSerializer):
    at = serializers.DateTimeField()
    stale_after_seconds = serializers.IntegerField()
    reasons = serializers.DictField(
        child=serializers.IntegerField(), help_text="why hosts are unreachable: reason → hosts"
    )


class SampleSerializer(ShareSerializer):
    at = serializers.DateTimeField(source="slot")


class CoverageNow(ApiView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read"}

    @extend_schema(operation_id="coverage_read", responses=CoverageSerializer)
    def get(self, request: Request) -> Response:
        now = clock.now()
        return Response(
            CoverageSerializer(
                {
                    **vars(coverage(now)),
                    "at": now,
                    "stale_after_seconds": STALE_AFTER.total_seconds(),
                    "reasons": last_looks(),
                }
            ).data
        )


class SampleFilterSet(django_filters.FilterSet):
    since = TimeFilter("slot", lookup_expr="gte", help_text="the first moment, inclusive")
    until = TimeFilter("slot", lookup_expr="lt", help_text="the last moment, exclusive")


class CoverageHistory(ListView):
    """A sample each ten minutes for two days, each hour for five weeks, each day for three years."""

    permissions: ClassVar[dict[str, str]] = {"GET": "read"}
    serializer_class = SampleSerializer
    filterset_class = SampleFilterSet
    sort_fields = ("at",)
    sort_columns: ClassVar[dict[str, str]] = {"at": "slot"}
    default_sort = "-at"

    def get_queryset(self) -> Any:
        return CoverageSample.objects.all()

    @extend_schema(operation_id="coverage_history", responses=SampleSerializer(many=True))
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)
