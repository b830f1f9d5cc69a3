"""`changes/{change}/states/`: what the named resources were before and after, as scans saw them."""

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from changemgmt.models import Change
from changemgmt.queries.live_states import MOST_HOSTS, MOST_RESOURCES, states_of
from common.api.views import ApiView, find_by_reference
from common.core.errors import FieldError, Invalid


class SeenSerializer(serializers.Serializer[Any]):
    state = serializers.DictField(help_text='`{"value": "present", "data": {…}}`, `{"value": "absent"}`, …')
    at = serializers.DateTimeField(help_text="of a look that showed it")


class LiveStatesSerializer(serializers.Serializer[Any]):
    host = serializers.CharField()
    resource = serializers.CharField()
    before = SeenSerializer(allow_null=True, help_text="the last look before it; null where none tells")
    after = SeenSerializer(allow_null=True, help_text="the first look after it; null where none tells")
    differs = serializers.BooleanField(allow_null=True, help_text="null where a look is missing")


class ChangeStatesSerializer(serializers.Serializer[Any]):
    hosts = serializers.IntegerField(help_text=f"of how many of its hosts this is; at most {MOST_HOSTS}")
    hosts_total = serializers.IntegerField()
    resources = serializers.IntegerField(help_text=f"of how many of its resources; at most {MOST_RESOURCES}")
    resources_total = serializers.IntegerField()
    results = LiveStatesSerializer(many=True)


class ChangeStatesView(ApiView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read"}
    query_parameters: ClassVar[frozenset[str]] = frozenset({"host"})

    @extend_schema(
        operation_id="changes_states",
        parameters=[OpenApiParameter("host", str, description="one of its hosts, instead of the first ones")],
        responses=ChangeStatesSerializer,
    )
    def get(self, request: Request, change: str) -> Response:
        """What each named resource was before and after the change, as far as looks at its hosts tell."""
        found = find_by_reference(Change.objects.all(), change)
        host = request.query_params.get("host")
        if host is not None and host not in found.hosts:
            problem = f"{found} does not name this host"
            raise Invalid(f"?host: {problem}.", errors=[FieldError("?host", problem)])
        states = states_of(found, hosts=[host] if host else ())
        told = {
            "hosts": states.hosts,
            "hosts_total": len(found.hosts),
            "resources": states.resources,
            "resources_total": len(found.resources),
            "results": states.rows,
        }
        return Response(ChangeStatesSerializer(told).data)
