"""`host-cas/`: keys whose signature on a host's key is enough to connect to it."""

from typing import Any, ClassVar

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from common.api.filters import TimeFilterSet
from common.api.views import ApiView, ListView, etag_of, find_by_reference
from inventory.api.serializers import HostCaSerializer, TrustCaRequest, UpdateCaRequest
from inventory.models import HostCa
from inventory.services.host_cas import revoke_host_ca, trust_host_ca, update_host_ca


class HostCaFilterSet(TimeFilterSet):
    name = django_filters.CharFilter()
    fingerprint = django_filters.CharFilter()
    revoked = django_filters.BooleanFilter("revoked_at", lookup_expr="isnull", exclude=True)


def _cas() -> QuerySet[HostCa]:
    return HostCa.objects.select_related("added_by")


def _find(ca: str) -> HostCa:
    return find_by_reference(_cas(), ca, name_field="name")


def _answer(ca: HostCa, status: int = 200) -> Response:
    headers = {"ETag": etag_of(ca)}
    if status == 201:
        headers["Location"] = f"/api/v1/host-cas/{ca.pk}/"
    return Response(HostCaSerializer(ca).data, status=status, headers=headers)


class HostCaList(ListView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read", "POST": "host.enrol"}
    serializer_class = HostCaSerializer
    filterset_class = HostCaFilterSet
    sort_fields = ("name", "created_at")
    default_sort = "name"

    def get_queryset(self) -> QuerySet[HostCa]:
        return _cas()

    @extend_schema(operation_id="host_cas_list", responses=HostCaSerializer(many=True))
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Host CAs by name, the revoked ones too."""
        return super().get(request, *args, **kwargs)

    @extend_schema(operation_id="host_cas_trust", request=TrustCaRequest, responses={201: HostCaSerializer})
    def post(self, request: Request) -> Response:
        """Trust a CA: hosts that the selector means, and that show a certificate of it, need no pinned key."""
        return _answer(trust_host_ca(actor=self.actor, **self.parse(TrustCaRequest)), 201)


class HostCaDetail(ApiView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read", "PATCH": "host.enrol"}

    @extend_schema(operation_id="host_cas_read", responses=HostCaSerializer)
    def get(self, request: Request, ca: str) -> Response:
        """One host CA, by id or name."""
        return _answer(_find(ca))

    @extend_schema(operation_id="host_cas_update", request=UpdateCaRequest, responses=HostCaSerializer)
    def patch(self, request: Request, ca: str) -> Response:
        """Change for which hosts it is trusted, or which of the keys that it signed are refused all the same."""
        found = _find(ca)
        self.check_if_match(etag_of(found))
        update_host_ca(actor=self.actor, ca=found, **self.parse(UpdateCaRequest))
        return _answer(found)


class HostCaRevoke(ApiView):
    permissions: ClassVar[dict[str, str]] = {"POST": "host.enrol"}

    @extend_schema(operation_id="host_cas_revoke", request=None, responses=HostCaSerializer)
    def post(self, request: Request, ca: str) -> Response:
        """Never take its word again: hosts that have no pinned key are not connected to until they are enrolled."""
        found = _find(ca)
        revoke_host_ca(actor=self.actor, ca=found)
        return _answer(found)
