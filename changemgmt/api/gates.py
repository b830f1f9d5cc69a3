"""`gates/`: may this be carried out now?"""

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from changemgmt.api.changes import find_change
from changemgmt.core.gates import AWAITING, VERDICTS, overall, retry_after
from changemgmt.queries.gates import ask_gates
from common import clock
from common.api.views import ApiView


class GateAnswerSerializer(serializers.Serializer[Any]):
    gate = serializers.CharField()
    verdict = serializers.ChoiceField(choices=VERDICTS)
    reason = serializers.CharField()
    until = serializers.DateTimeField(allow_null=True, help_text="when what it waits for comes by itself")
    approvers = serializers.ListField(
        child=serializers.CharField(), help_text="usernames of who can help it along"
    )


class GateSerializer(serializers.Serializer[Any]):
    change = serializers.CharField()
    verdict = serializers.ChoiceField(choices=VERDICTS)
    answers = GateAnswerSerializer(many=True)


class GateOfChange(ApiView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read"}

    @extend_schema(
        operation_id="gates_read",
        responses=GateSerializer,
        parameters=[
            OpenApiParameter(
                "Retry-After",
                int,
                OpenApiParameter.HEADER,
                response=[200],
                description="seconds; while it is awaiting",
            )
        ],
    )
    def get(self, request: Request, change: str) -> Response:
        """`allowed`, `awaiting` (something that may come: `Retry-After` says when to ask again) or `prevented`, and
        what each gate says."""
        found, now = find_change(change), clock.now()
        answers = ask_gates(found, now)
        verdict = overall(answers)
        told = {"change": found.reference, "verdict": verdict, "answers": answers}
        headers = {"Retry-After": str(retry_after(answers, now))} if verdict == AWAITING else {}
        return Response(GateSerializer(told).data, headers=headers)
