"""`definition/`: its revisions, what lies between two of them, and what it says about a host."""

from typing import ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from common.api.views import ApiView
from common.core.errors import FieldError, Invalid, NotFound, Unprocessable
from deployments.api.serializers import (
    ComparisonSerializer,
    HostDefinitionSerializer,
    RevisionDetailSerializer,
    RevisionPageSerializer,
)
from deployments.queries.definitions import head_revision, repository, resolve_revision
from deployments.queries.revisions import compare, host_definition, revision_detail
from inventory.api.references import find_host

DEFAULT_LIMIT, MAX_LIMIT = 50, 500
HEAD = "head"


class RevisionList(ApiView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read"}
    query_parameters: ClassVar[frozenset[str]] = frozenset({"limit", "cursor"})

    @extend_schema(
        operation_id="definition_revisions_list",
        parameters=[
            OpenApiParameter(
                "limit", int, description=f"1 to {MAX_LIMIT}; {DEFAULT_LIMIT} unless it says else"
            ),
            OpenApiParameter("cursor", str, description="from the `next` of an answer"),
        ],
        responses=RevisionPageSerializer,
    )
    def get(self, request: Request) -> Response:
        """Commits on main, the latest first."""
        text = request.query_params.get("limit", str(DEFAULT_LIMIT))
        if not (text.isascii() and text.isdigit() and len(text) < 5 and 1 <= int(text) <= MAX_LIMIT):
            detail = f"limit is a number from 1 to {MAX_LIMIT}, not {text[:40]!r}"
            raise Invalid(f"?limit: {detail}.", errors=[FieldError("?limit", detail)])
        limit = int(text)
        cursor = request.query_params.get("cursor")
        start = _revision(cursor, "?cursor") if cursor is not None else head_revision()
        revisions = repository().log(limit + 1, start=start)
        following = None
        if len(revisions) > limit:
            following = replace_query_param(request.build_absolute_uri(), "cursor", revisions[limit].sha)
        page = {"results": revisions[:limit], "next": following, "previous": None}
        return Response(
            RevisionPageSerializer(page).data,
            headers={"Link": f'<{following}>; rel="next"'} if following else {},
        )


class RevisionDetail(ApiView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read"}

    @extend_schema(operation_id="definition_revisions_read", responses=RevisionDetailSerializer)
    def get(self, request: Request, sha: str) -> Response:
        """One commit on main, by its id, the beginning of it, or `head`: what it changed, and its problems."""
        try:
            revision = head_revision() if sha == HEAD else resolve_revision(sha)
        except Unprocessable as error:
            raise NotFound(error.errors[0].detail) from None
        return Response(RevisionDetailSerializer(revision_detail(revision)).data)


class Compare(ApiView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read"}
    query_parameters: ClassVar[frozenset[str]] = frozenset({"base", "head"})

    @extend_schema(
        operation_id="definition_compare",
        parameters=[
            OpenApiParameter("base", str, required=True, description="a commit on main"),
            OpenApiParameter("head", str, description="another; the head unless it says else"),
        ],
        responses=ComparisonSerializer,
    )
    def get(self, request: Request) -> Response:
        """Files that differ between two revisions, and what that means for each host."""
        text = request.query_params.get("base")
        if text is None:
            detail = "name the revision to compare from"
            raise Invalid(f"?base: {detail}.", errors=[FieldError("?base", detail)])
        base = _revision(text, "?base")
        head = _revision_or_head(request.query_params.get("head", HEAD), "?head")
        return Response(ComparisonSerializer(compare(base, head)).data)


class HostDefinition(ApiView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read"}
    query_parameters: ClassVar[frozenset[str]] = frozenset({"revision"})

    @extend_schema(
        operation_id="definition_hosts_read",
        parameters=[
            OpenApiParameter("revision", str, description="a commit on main; the head unless it says else")
        ],
        responses=HostDefinitionSerializer,
    )
    def get(self, request: Request, host: str) -> Response:
        """What one host should be, each resource with the layer, file and line that say so."""
        found = find_host(host)
        revision = _revision_or_head(request.query_params.get("revision", HEAD), "?revision")
        return Response(HostDefinitionSerializer(host_definition(found, revision)).data)


def _revision(text: str, pointer: str) -> str:
    """A revision from the query; one that isn't is Invalid there."""
    try:
        return resolve_revision(text, pointer=pointer)
    except Unprocessable as error:
        raise Invalid(error.detail, errors=error.errors) from None


def _revision_or_head(text: str, pointer: str) -> str:
    return head_revision() if text == HEAD else _revision(text, pointer)
