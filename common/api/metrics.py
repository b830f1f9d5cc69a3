"""`/metrics` for Prometheus. Each app says what it has to tell: settings.METRIC_SOURCES."""

from collections.abc import Iterator
from typing import Any, ClassVar

from django.conf import settings
from django.http import HttpResponse
from django.utils.module_loading import import_string
from drf_spectacular.utils import extend_schema
from prometheus_client.core import CollectorRegistry, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from rest_framework.request import Request

from common import clock
from common.api.views import ApiView


class Sources(Collector):
    """Everything at one moment. Nothing is kept in this process: any other one would say the same."""

    def collect(self) -> Iterator[Metric]:
        now = clock.now()
        for path in settings.METRIC_SOURCES:
            yield from import_string(path)(now)


class Metrics(ApiView):
    """A token narrowed to `metrics.read` opens this and nothing else."""

    permissions: ClassVar[dict[str, str]] = {"GET": "metrics.read"}

    def allowed_parameters(self) -> frozenset[str]:
        return frozenset(self.request.query_params)  # a scraper may send parameters of its own

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        registry = CollectorRegistry(auto_describe=False)
        registry.register(Sources())
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return HttpResponse(
            encode(registry), content_type=content_type, headers={"Cache-Control": "no-store"}
        )
