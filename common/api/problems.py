"""Errors as RFC 9457 `application/problem+json`: what happened, where in the request, and what to do."""

from typing import Any

import structlog
from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, JsonResponse
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from common.core.errors import FieldError, FoldbackError, Invalid

log = structlog.get_logger()
CONTENT_TYPE = "application/problem+json"

_TITLES = {
    400: ("invalid", "The request can't be used as it is"),
    401: ("not-signed-in", "We don't know who you are"),
    403: ("not-permitted", "You may not do this"),
    404: ("not-found", "There is no such thing here"),
    405: ("method-not-allowed", "This address does not take that method"),
    413: ("too-large", "The request is too large"),
    415: ("unsupported-media-type", "The request's content type is not taken here"),
    429: ("too-many-requests", "Too many requests"),
    503: ("unavailable", "Something Foldback needs is down"),
}


def problem(
    status: int,
    *,
    type: str = "",
    title: str = "",
    detail: str,
    errors: Any = (),
    request_id: str = "",
    **extra: Any,
) -> dict[str, Any]:
    """The body of a problem answer; `type` is a relative reference into the API's documentation."""
    default_type, default_title = _TITLES.get(status, ("internal", "Something went wrong"))
    body: dict[str, Any] = {
        "type": f"/api/v1/problems/#{type or default_type}",
        "title": title or default_title,
        "status": status,
        "detail": detail,
    }
    if errors:
        body["errors"] = [{"pointer": e.pointer, "detail": e.detail} for e in errors]
    body["request_id"] = request_id
    return body | extra


def problem_response(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler. Unknown errors return None: Django logs them and answers through `server_error`."""
    request = context.get("request")
    request_id = getattr(getattr(request, "_request", request), "request_id", "")
    headers: dict[str, str] = {}
    if isinstance(error, exceptions.ValidationError):
        error = as_invalid(error)
    if isinstance(error, FoldbackError):
        body = problem(
            error.status,
            type=error.type,
            title=error.title,
            detail=error.detail,
            errors=error.errors,
            request_id=request_id,
        )
    elif isinstance(error, exceptions.APIException):
        if getattr(error, "auth_header", None):
            headers["WWW-Authenticate"] = error.auth_header  # type: ignore[attr-defined]
        if isinstance(error, exceptions.NotAuthenticated):
            detail = "Send `Authorization: Bearer fb_…`, or sign in to the console."
        elif isinstance(error, exceptions.Throttled):
            headers["Retry-After"] = str(int(getattr(error, "wait", None) or 1))
            detail = str(error.detail)
        else:
            detail = str(error.detail)
        body = problem(error.status_code, detail=detail, request_id=request_id)
    elif isinstance(error, Http404):
        body = problem(404, detail="Nothing is at this address.", request_id=request_id)
    elif isinstance(error, PermissionDenied):
        body = problem(403, detail=str(error) or "You may not do this.", request_id=request_id)
    elif isinstance(error, OperationalError | InterfaceError):
        log.exception("database unavailable")
        headers["Retry-After"] = "5"
        body = problem(
            503,
            # A commit that errors may have committed: only an Idempotency-Key makes "again" safe.
            detail="The database did not answer, so we don't know whether this was recorded. "
            "Send it again with the same Idempotency-Key.",
            request_id=request_id,
        )
    else:
        return None
    set_rollback()
    return Response(body, status=body["status"], headers=headers, content_type=CONTENT_TYPE)


def as_invalid(error: exceptions.ValidationError) -> Invalid:
    """What a serializer found, as our own error: a pointer for each."""
    errors = list(_flatten(error.detail, ""))
    return Invalid(_summary(errors), errors=errors)


def _flatten(detail: Any, pointer: str) -> Any:
    if isinstance(detail, dict):
        for key, value in detail.items():
            yield from _flatten(value, pointer if key == "non_field_errors" else f"{pointer}/{key}")
    elif isinstance(detail, list):
        for index, value in enumerate(detail):
            nested = isinstance(value, dict | list)
            yield from _flatten(value, f"{pointer}/{index}" if nested else pointer)
    else:
        yield FieldError(pointer, str(detail))


def _summary(errors: list[FieldError]) -> str:
    if not errors:
        return "The request body is not what this address takes."
    first = errors[0]
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return f"{first.pointer or 'body'}: {first.detail}{more}"


def not_found(request: HttpRequest, exception: Exception | None = None) -> JsonResponse:
    body = problem(404, detail="Nothing is at this address.", request_id=getattr(request, "request_id", ""))
    return JsonResponse(body, status=404, content_type=CONTENT_TYPE)


def server_error(request: HttpRequest) -> JsonResponse:
    request_id = getattr(request, "request_id", "")
    body = problem(
        500,
        detail=f"This is our fault, and it is logged as {request_id}. Try again; then report it.",
        request_id=request_id,
    )
    return JsonResponse(body, status=500, content_type=CONTENT_TYPE)
