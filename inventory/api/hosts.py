"""`hosts/`: list, add, read, change, take out of service."""

from typing import Any, ClassVar

import django_filters
from django.db.models import Exists, OuterRef, Q, QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from common.api.filters import TextInFilter, TimeFilterSet
from common.api.views import ApiView, ListView, etag_of, find_by_reference
from inventory.api.references import find_credential, find_host, find_team, named
from inventory.api.serializers import (
    CreateHostRequest,
    HostDetailSerializer,
    HostSerializer,
    UpdateHostRequest,
)
from inventory.core.lifecycles import HOST
from inventory.models import Host, HostKey
from inventory.queries.host_cas import vouched_for
from inventory.queries.hosts import hosts_matching, parse_selector
from inventory.services.host_life import recommission_host
from inventory.services.hosts import create_host, decommission_host, update_host


class HostFilterSet(TimeFilterSet):
    name = django_filters.CharFilter()
    name__in = TextInFilter("name")
    name__contains = django_filters.CharFilter("name", lookup_expr="icontains", help_text="in any case")
    environment = django_filters.CharFilter()
    environment__in = TextInFilter("environment")
    role = django_filters.CharFilter(method="by_role", help_text="hosts that have this role")
    team = django_filters.CharFilter("team__name", help_text="a team's name")
    team__in = TextInFilter("team__name")
    site = django_filters.CharFilter()
    site__in = TextInFilter("site")
    jump_host = django_filters.CharFilter("jump_host__name", help_text="hosts that are behind this one")
    state = django_filters.ChoiceFilter(choices=[(state, state) for state in HOST.meaning])
    enrolled = django_filters.BooleanFilter(
        method="by_enrolled",
        help_text="whether Foldback may connect: a key is pinned, a host CA is trusted, or it is a local folder",
    )
    selector = django_filters.CharFilter(
        method="by_selector", help_text="`role=web env=prod name=web-[1-37]`; of active hosts"
    )

    def by_role(self, queryset: QuerySet[Host], name: str, value: str) -> QuerySet[Host]:
        return queryset.filter(roles__contains=[value])

    def by_enrolled(self, queryset: QuerySet[Any], name: str, value: bool) -> QuerySet[Any]:
        enrolled = Q(has_keys=True) | Q(transport="local") | vouched_for()
        return queryset.filter(enrolled) if value else queryset.exclude(enrolled)

    def by_selector(self, queryset: QuerySet[Host], name: str, value: str) -> QuerySet[Host]:
        return hosts_matching(
            parse_selector(value, pointer="?selector"), hosts=queryset.filter(state=Host.ACTIVE)
        )


def _hosts() -> QuerySet[Host]:
    has_keys = Exists(HostKey.objects.filter(host=OuterRef("pk"), revoked_at=None))
    return Host.objects.select_related("team", "credential", "jump_host").annotate(has_keys=has_keys)


def _find(host: str) -> Host:
    return find_by_reference(_hosts(), host, name_field="name")


def _answer(host: Host, status: int = 200) -> Response:
    found = _hosts().get(pk=host.pk)
    headers = {"ETag": etag_of(found)}
    if status == 201:
        headers["Location"] = f"/api/v1/hosts/{found.pk}/"
    return Response(HostDetailSerializer(found).data, status=status, headers=headers)


def _with_records(data: dict[str, Any]) -> dict[str, Any]:
    """Names of a team, a credential and a jump host, replaced by the records."""
    for field, finder in (("team", find_team), ("credential", find_credential), ("jump_host", find_host)):
        if field in data:
            data[field] = named(field, finder, data[field])
    return data


class HostList(ListView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read", "POST": "host.edit"}
    serializer_class = HostSerializer
    filterset_class = HostFilterSet
    sort_fields = ("name", "created_at")
    default_sort = "name"

    def get_queryset(self) -> QuerySet[Host]:
        return _hosts()

    def serialize(self, page: Any) -> Any:
        return HostSerializer(page, many=True).data  # its own: it keeps which host CAs are trusted

    @extend_schema(operation_id="hosts_list", responses=HostSerializer(many=True))
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Hosts by name; decommissioned ones too, unless `state` or a `selector` says otherwise."""
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="hosts_create", request=CreateHostRequest, responses={201: HostDetailSerializer}
    )
    def post(self, request: Request) -> Response:
        """Add one host; `hosts/import/` takes a whole inventory."""
        return _answer(create_host(actor=self.actor, **_with_records(self.parse(CreateHostRequest))), 201)


class HostDetail(ApiView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read", "PATCH": "host.edit"}

    @extend_schema(operation_id="hosts_read", responses=HostDetailSerializer)
    def get(self, request: Request, host: str) -> Response:
        """One host, by id or name, with its pinned keys."""
        return _answer(_find(host))

    @extend_schema(operation_id="hosts_update", request=UpdateHostRequest, responses=HostDetailSerializer)
    def patch(self, request: Request, host: str) -> Response:
        """Change some fields; `variables` and `roles` are replaced as a whole."""
        found = _find(host)
        self.check_if_match(etag_of(found))
        update_host(actor=self.actor, host=found, changes=_with_records(self.parse(UpdateHostRequest)))
        return _answer(found)


class HostDecommission(ApiView):
    permissions: ClassVar[dict[str, str]] = {"POST": "host.edit"}

    @extend_schema(operation_id="hosts_decommission", request=None, responses=HostDetailSerializer)
    def post(self, request: Request, host: str) -> Response:
        """Take a host out of service: selectors no longer find it, its record and history stay; what is open there
        ends as retired."""
        found = _find(host)
        decommission_host(actor=self.actor, host=found)
        return _answer(found)


class HostRecommission(ApiView):
    permissions: ClassVar[dict[str, str]] = {"POST": "host.edit"}

    @extend_schema(operation_id="hosts_recommission", request=None, responses=HostDetailSerializer)
    def post(self, request: Request, host: str) -> Response:
        """Take a decommissioned host back into service; its next look finds again what is still there."""
        found = _find(host)
        recommission_host(actor=self.actor, host=found)
        return _answer(found)
