"""`definition/adopt/`: a definition written from live hosts: begun, previewed, committed to a branch, merged by another."""

from typing import Any, ClassVar

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from common.api.filters import TimeFilterSet, WordFilter
from common.api.views import ApiView, ListView, find_by_reference
from common.core.errors import NotFound
from drift.api.adoption_serializers import (
    AdoptionDetailSerializer,
    AdoptionFileSerializer,
    AdoptionHostSerializer,
    AdoptionOptions,
    AdoptionSerializer,
    AdoptRequest,
    CommitAdoptionRequest,
    LeftOutSerializer,
    MergeAdoptionRequest,
)
from drift.core.adoption_lifecycle import ADOPTION
from drift.core.proposals import edits_from_json
from drift.models import Adoption, AdoptionHost
from drift.services.adoptions import (
    create_adoption,
    discard_adoption,
    merge_adoption,
    plan_again,
    propose_adoption,
)

_HEAVY = ("edits", "left_out")  # not for lists: together they are as large as the definition


def _adoptions() -> QuerySet[Adoption]:
    return Adoption.objects.select_related("change__owner", "change__requested_by", "job")


def _find(adoption: str) -> Adoption:
    return find_by_reference(_adoptions(), adoption)


def _answer(adoption: Adoption, status: int = 200) -> Response:
    found = _adoptions().get(pk=adoption.pk)
    headers = {"Location": f"/api/v1/definition/adopt/{found.pk}/"} if status == 202 else {}
    return Response(AdoptionDetailSerializer(found).data, status=status, headers=headers)


class AdoptionFilterSet(TimeFilterSet):
    state = WordFilter(ADOPTION.meaning)


class AdoptionList(ListView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read", "POST": "decision.propose"}
    serializer_class = AdoptionSerializer
    filterset_class = AdoptionFilterSet

    def get_queryset(self) -> QuerySet[Adoption]:
        return _adoptions().defer(*_HEAVY)

    @extend_schema(operation_id="adoptions_list", responses=AdoptionSerializer(many=True))
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Adoptions, the latest first."""
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="adoptions_create", request=AdoptRequest, responses={202: AdoptionDetailSerializer}
    )
    def post(self, request: Request) -> Response:
        """Look at hosts, to write a definition from what they have. Nothing is committed by this."""
        body = self.parse(AdoptRequest)
        adoption = create_adoption(
            actor=self.actor, selector=body.pop("hosts"), roots=body.pop("roots", None), options=body
        )
        return _answer(adoption, 202)


class AdoptionDetail(ApiView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read"}

    @extend_schema(operation_id="adoptions_read", responses=AdoptionDetailSerializer)
    def get(self, request: Request, adoption: str) -> Response:
        """How it stands; with its plan, once there is one, and the change that carries it, once it is proposed."""
        return _answer(_find(adoption))


class AdoptionHostFilterSet(django_filters.FilterSet):
    status = WordFilter(("ok", "partial", "unknown"))


class AdoptionHosts(ListView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read"}
    serializer_class = AdoptionHostSerializer
    filterset_class = AdoptionHostFilterSet

    def get_queryset(self) -> QuerySet[AdoptionHost]:
        adoption = find_by_reference(Adoption.objects.defer(*_HEAVY), self.kwargs["adoption"])
        return AdoptionHost.objects.filter(adoption=adoption).select_related("host", "adoption").defer("seen")

    @extend_schema(operation_id="adoptions_hosts", responses=AdoptionHostSerializer(many=True))
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Each host: how the look went, and whether it would render to what is live."""
        return super().get(request, *args, **kwargs)


class AdoptionFiles(ApiView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read"}
    query_parameters = frozenset({"path"})

    @extend_schema(
        operation_id="adoptions_files",
        parameters=[OpenApiParameter("path", str, description="only this file")],
        responses=AdoptionFileSerializer(many=True),
    )
    def get(self, request: Request, adoption: str) -> Response:
        """The files that would be committed, with what is in them; none once it is merged or discarded."""
        found = _find(adoption)
        edits = edits_from_json(found.edits)
        wanted = request.query_params.get("path")
        if wanted is not None and wanted not in edits:
            raise NotFound(f"{found} has no file {wanted[:200]}.")
        files = [
            {
                "path": path,
                "action": found.summary["files"].get(path, "added"),
                "content": (content or b"").decode(),
            }
            for path, content in sorted(edits.items())
            if wanted in (None, path)
        ]
        return Response(AdoptionFileSerializer(files, many=True).data)


class AdoptionLeftOut(ApiView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read"}
    query_parameters = frozenset({"reason", "host"})

    @extend_schema(
        operation_id="adoptions_left_out",
        parameters=[
            OpenApiParameter("reason", str, description="only with this reason"),
            OpenApiParameter("host", str, description="only on this host"),
        ],
        responses=LeftOutSerializer(many=True),
    )
    def get(self, request: Request, adoption: str) -> Response:
        """Everything that was seen and would not be declared, with the reason."""
        reason, host = request.query_params.get("reason"), request.query_params.get("host")
        found = [
            one
            for one in _find(adoption).left_out
            if reason in (None, one["reason"]) and (host is None or host in one["hosts"])
        ]
        return Response(LeftOutSerializer(found, many=True).data)


class AdoptionPlanAgain(ApiView):
    permissions: ClassVar[dict[str, str]] = {"POST": "decision.propose"}

    @extend_schema(
        operation_id="adoptions_plan", request=AdoptionOptions, responses={202: AdoptionDetailSerializer}
    )
    def post(self, request: Request, adoption: str) -> Response:
        """Write it anew from what was seen, with other options or on a newer head; hosts are not looked at again."""
        options = self.parse(AdoptionOptions)
        return _answer(plan_again(actor=self.actor, adoption=_find(adoption), options=options), 202)


class AdoptionCommit(ApiView):
    permissions: ClassVar[dict[str, str]] = {"POST": "decision.propose"}

    @extend_schema(
        operation_id="adoptions_commit",
        request=CommitAdoptionRequest,
        responses={202: AdoptionDetailSerializer},
    )
    def post(self, request: Request, adoption: str) -> Response:
        """One commit on a branch, and a change that waits for another person."""
        body = self.parse(CommitAdoptionRequest)
        return _answer(propose_adoption(actor=self.actor, adoption=_find(adoption), **body), 202)


class AdoptionMerge(ApiView):
    permissions: ClassVar[dict[str, str]] = {"POST": "change.approve"}

    @extend_schema(
        operation_id="adoptions_merge",
        request=MergeAdoptionRequest,
        responses={202: AdoptionDetailSerializer},
    )
    def post(self, request: Request, adoption: str) -> Response:
        """Approve the change of somebody else's adoption: its commit goes to main, and its hosts are looked at again."""
        found = _find(adoption)
        merge_adoption(actor=self.actor, adoption=found, **self.parse(MergeAdoptionRequest))
        return _answer(found, 202)


class AdoptionDiscard(ApiView):
    permissions: ClassVar[dict[str, str]] = {"POST": "decision.propose"}

    @extend_schema(operation_id="adoptions_discard", request=None, responses=AdoptionDetailSerializer)
    def post(self, request: Request, adoption: str) -> Response:
        """Give it up: what was seen is forgotten, and what was proposed is withdrawn."""
        return _answer(discard_adoption(actor=self.actor, adoption=_find(adoption)))
