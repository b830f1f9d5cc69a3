"""The OpenAPI description: problem answers on every operation, idempotency keys on every POST."""

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers


class FieldErrorSerializer(serializers.Serializer[Any]):
    pointer = serializers.CharField()
    detail = serializers.CharField()


class ProblemSerializer(serializers.Serializer[Any]):
    """RFC 9457 problem details."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    errors = FieldErrorSerializer(many=True, required=False)
    request_id = serializers.CharField()


class FoldbackSchema(AutoSchema):
    def get_override_parameters(self) -> list[Any]:
        parameters = list(super().get_override_parameters())
        if self.method == "POST":
            parameters.append(
                OpenApiParameter(
                    "Idempotency-Key",
                    str,
                    OpenApiParameter.HEADER,
                    description="The same key and body replay the first answer for 24 hours.",
                )
            )
        if self.method == "PATCH":
            parameters.append(
                OpenApiParameter(
                    "If-Match", str, OpenApiParameter.HEADER, description="The ETag you read; else 412."
                )
            )
        return parameters

    def get_filter_backends(self) -> list[Any]:
        return []

    def _get_response_bodies(self, direction: str = "response") -> Any:
        responses = super()._get_response_bodies(direction)
        component = self.resolve_serializer(ProblemSerializer(), direction)
        problem = {"content": {"application/problem+json": {"schema": component.ref}}}
        codes = {"400": "Invalid", "401": "Not signed in", "403": "Not permitted", "404": "Not found"}
        if self.method != "GET":
            codes |= {"409": "Conflict", "415": "Unsupported media type", "422": "Can't be done"}
        if self.method == "PATCH":
            codes |= {"412": "Precondition failed"}
        for code, description in codes.items():
            responses.setdefault(code, {**problem, "description": description})
        return responses
