"""The OpenAPI description: problem answers on every operation, idempotency keys on every POST."""

import inspect
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import django_filters
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from common.api import auth_schema as auth_schema  # registers how one signs in


class FieldErrorSerializer(serializers.Serializer[Any]):
    pointer = serializers.CharField()
    detail = serializers.CharField()


class ProblemSerializer(serializers.Serializer[Any]):
    """RFC 9457 problem details."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    errors = FieldErrorSerializer(many=True, required=False)  # type: ignore[assignment]
    request_id = serializers.CharField()


class FoldbackSchema(AutoSchema):
    def get_override_parameters(self) -> list[Any]:
        parameters = list(super().get_override_parameters())
        if self.method == "GET":
            parameters += _filter_parameters(getattr(self.view, "filterset_class", None))
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

    def get_description(self) -> str:
        """The handler's own docstring, or its view's; not the one of a base class."""
        handler = getattr(self.view, self.method.lower(), None)
        return inspect.cleandoc(getattr(handler, "__doc__", None) or type(self.view).__doc__ or "")

    def get_filter_backends(self) -> list[Any]:
        return []

    def _get_response_bodies(self, direction: Literal["request", "response"] = "response") -> Any:
        responses = super()._get_response_bodies(direction)
        component = self.resolve_serializer(ProblemSerializer(), direction)
        problem = {"content": {"application/problem+json": {"schema": component.ref}}}
        codes = {"400": "Invalid", "401": "Not signed in", "403": "Not permitted", "404": "Not found"}
        if self.method != "GET":
            codes |= {
                "409": "Conflict",
                "413": "Too large",
                "415": "Unsupported media type",
                "422": "Can't be done",
            }
        if self.method == "PATCH":
            codes |= {"412": "Precondition failed"}
        for code, description in codes.items():
            responses.setdefault(code, {**problem, "description": description})
        return responses


_TYPES: tuple[tuple[type, Any], ...] = (
    (django_filters.IsoDateTimeFilter, datetime),
    (django_filters.BooleanFilter, bool),
    (django_filters.UUIDFilter, UUID),
    (django_filters.NumberFilter, int),
)


def _filter_parameters(filterset: Any) -> list[OpenApiParameter]:
    """One parameter for each filter of a list: they are known from `base_filters`, without a database."""
    parameters = []
    for name, field in (filterset.base_filters if filterset else {}).items():
        kind = next((kind for filter_class, kind in _TYPES if isinstance(field, filter_class)), str)
        choices = field.extra.get("choices")
        enum = [value for value, _ in choices] if isinstance(choices, list | tuple) else None
        help_text = str(field.extra.get("help_text", ""))
        parameters.append(
            OpenApiParameter(name, kind, OpenApiParameter.QUERY, description=help_text, enum=enum)
        )
    return parameters
