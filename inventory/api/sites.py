"""`sites/`: how many connections may be open to the hosts of one place."""

from typing import Any, ClassVar

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from common.api.filters import TimeFilterSet
from common.api.views import ApiView, ListView, etag_of
from inventory.api.references import find_site
from inventory.api.serializers import CreateSiteRequest, SiteSerializer, UpdateSiteRequest
from inventory.models import Site
from inventory.services.sites import create_site, update_site


class SiteFilterSet(TimeFilterSet):
    name = django_filters.CharFilter()
    name__contains = django_filters.CharFilter("name", lookup_expr="icontains", help_text="in any case")


def _answer(site: Site, status: int = 200) -> Response:
    headers = {"ETag": etag_of(site)}
    if status == 201:
        headers["Location"] = f"/api/v1/sites/{site.pk}/"
    return Response(SiteSerializer(site).data, status=status, headers=headers)


class SiteList(ListView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read", "POST": "host.edit"}
    serializer_class = SiteSerializer
    filterset_class = SiteFilterSet
    sort_fields = ("name", "created_at")
    default_sort = "name"

    def get_queryset(self) -> QuerySet[Site]:
        return Site.objects.all()

    @extend_schema(operation_id="sites_list", responses=SiteSerializer(many=True))
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Sites that somebody described or limited, by name; hosts may name others."""
        return super().get(request, *args, **kwargs)

    @extend_schema(operation_id="sites_create", request=CreateSiteRequest, responses={201: SiteSerializer})
    def post(self, request: Request) -> Response:
        """Limit the connections to the hosts of a site; hosts belong to it by their field `site`."""
        return _answer(create_site(actor=self.actor, **self.parse(CreateSiteRequest)), 201)


class SiteDetail(ApiView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read", "PATCH": "host.edit"}

    @extend_schema(operation_id="sites_read", responses=SiteSerializer)
    def get(self, request: Request, site: str) -> Response:
        """One site, by id or name."""
        return _answer(find_site(site))

    @extend_schema(operation_id="sites_update", request=UpdateSiteRequest, responses=SiteSerializer)
    def patch(self, request: Request, site: str) -> Response:
        """Another limit: it holds for all work that begins from now on, also of scans under way."""
        found = find_site(site)
        self.check_if_match(etag_of(found))
        update_site(actor=self.actor, site=found, changes=self.parse(UpdateSiteRequest))
        return _answer(found)
