"""`hooks/`: what other tools send. Each takes a token, and its sponsor answers for what comes of it until it is claimed."""

from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from changemgmt.core.hooks import CHANGE, INCIDENT, Signal
from changemgmt.core.hooks_alertmanager import read_alertmanager
from changemgmt.core.hooks_generic import MAPPED, read_generic
from changemgmt.core.hooks_pagerduty import read_pagerduty
from changemgmt.services.hooks import take_signal
from common.api.views import ApiView

SELECTOR = OpenApiParameter("selector", str, description="the scope of what has none: `role=web env=prod`")
AS = OpenApiParameter("as", str, enum=[CHANGE, INCIDENT], default=CHANGE)
POINTERS = [
    OpenApiParameter(name, str, description=f"where the {name} is: a JSON Pointer, or the text itself")
    for name in MAPPED
    if name != "selector"
]


class PagerDutyBody(serializers.Serializer[Any]):
    """A webhook has `event`, a change event `payload`."""

    event = serializers.DictField(required=False, help_text="`id`, `event_type`, `occurred_at`, `data`")
    payload = serializers.DictField(
        required=False, help_text="`summary`, `timestamp`, `source`, `custom_details`"
    )
    links = serializers.ListField(child=serializers.DictField(), required=False)


class AlertmanagerBody(serializers.Serializer[Any]):
    groupKey = serializers.CharField()
    status = serializers.CharField(required=False, help_text="`firing` or `resolved`")
    commonLabels = serializers.DictField(required=False)
    commonAnnotations = serializers.DictField(required=False)
    externalURL = serializers.CharField(required=False)
    alerts = serializers.ListField(
        child=serializers.DictField(),
        help_text="`status`, `labels`, `annotations`, `startsAt`, `generatorURL`",
    )


class TakenSerializer(serializers.Serializer[Any]):
    incident = serializers.CharField(allow_null=True, help_text="the incident that it opened or belongs to")
    change = serializers.CharField(allow_null=True, help_text="the change that was logged")
    created = serializers.BooleanField()
    said = serializers.CharField()


ANSWERS = {201: TakenSerializer, 200: TakenSerializer}


class _Hook(ApiView):
    query_parameters = frozenset({"selector"})

    def take(self, signal: Signal) -> Response:
        selector = self.request.query_params.get("selector", "")
        taken = take_signal(actor=self.actor, signal=signal, selector=selector if selector[:1] != "/" else "")
        body = {
            "incident": taken.incident.reference if taken.incident else None,
            "change": taken.change.reference if taken.change else None,
            "created": taken.is_new,
            "said": taken.said,
        }
        return Response(body, status=201 if taken.is_new else 200)


class PagerDutyHook(_Hook):
    permissions: ClassVar[dict[str, str]] = {"POST": "incident.open"}

    @extend_schema(
        operation_id="hooks_pagerduty",
        request=PagerDutyBody,
        responses=ANSWERS,
        parameters=[SELECTOR],
    )
    def post(self, request: Request) -> Response:
        """A webhook of PagerDuty (version 3), or a change event in the format of its Events API (version 2).

        `incident.triggered` opens an incident; what follows is on its timeline. It is closed by a person.
        """
        return self.take(read_pagerduty(request.data))


class AlertmanagerHook(_Hook):
    permissions: ClassVar[dict[str, str]] = {"POST": "incident.open"}

    @extend_schema(
        operation_id="hooks_alertmanager",
        request=AlertmanagerBody,
        responses=ANSWERS,
        parameters=[SELECTOR],
    )
    def post(self, request: Request) -> Response:
        """A webhook of Alertmanager (version 4). A group of alerts is one incident over the hosts that their labels name;
        alerts that begin after it was closed open another. It is closed by a person."""
        return self.take(read_alertmanager(request.data))


class GenericHook(_Hook):
    permissions: ClassVar[dict[str, str]] = {"POST": "change.log"}
    query_parameters = frozenset({"as", *MAPPED})

    @extend_schema(
        operation_id="hooks_generic",
        request=OpenApiTypes.OBJECT,
        responses=ANSWERS,
        parameters=[AS, SELECTOR, *POINTERS],
    )
    def post(self, request: Request) -> Response:
        """Any JSON: a change, or with `?as=incident` an incident. The address says where in the body what is:
        `?title=/head_commit/message&external_id=/head_commit/id`."""
        query = request.query_params
        mapping = {name: query[name] for name in MAPPED if query.get(name)}
        return self.take(read_generic(request.data, what=query.get("as", CHANGE), mapping=mapping))
