"""`teams/`: who answers for which hosts, and who is in it."""

from collections.abc import Iterable
from typing import Any, ClassVar

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from common.api.filters import TimeFilterSet
from common.api.views import ApiView, ListView, etag_of
from common.models import Person
from inventory.api.references import find_person, find_team, named
from inventory.api.serializers import (
    CreateTeamRequest,
    TeamSerializer,
    UpdateTeamRequest,
)
from inventory.models import Team
from inventory.services.teams import create_team, update_team


class TeamFilterSet(TimeFilterSet):
    name = django_filters.CharFilter()
    name__contains = django_filters.CharFilter("name", lookup_expr="icontains", help_text="in any case")
    lead = django_filters.CharFilter("lead__username", help_text="a person's username")
    member = django_filters.CharFilter("members__username", help_text="a person's username")


def _answer(team: Team, status: int = 200) -> Response:
    headers = {"ETag": etag_of(team)}
    if status == 201:
        headers["Location"] = f"/api/v1/teams/{team.pk}/"
    return Response(TeamSerializer(team).data, status=status, headers=headers)


def _people(names: Iterable[str]) -> list[Person]:
    return [named(f"members/{index}", find_person, name) for index, name in enumerate(names)]


class TeamList(ListView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read", "POST": "team.edit"}
    serializer_class = TeamSerializer
    filterset_class = TeamFilterSet
    sort_fields = ("name", "created_at")
    default_sort = "name"

    def get_queryset(self) -> QuerySet[Team]:
        return Team.objects.select_related("lead").prefetch_related("members")

    @extend_schema(operation_id="teams_list", responses=TeamSerializer(many=True))
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Teams by name."""
        return super().get(request, *args, **kwargs)

    @extend_schema(operation_id="teams_create", request=CreateTeamRequest, responses={201: TeamSerializer})
    def post(self, request: Request) -> Response:
        """Add a team; its lead answers for its hosts when nobody else does."""
        data = self.parse(CreateTeamRequest)
        data["lead"] = named("lead", find_person, data["lead"])
        data["members"] = _people(data.get("members", ()))
        return _answer(create_team(actor=self.actor, **data), 201)


class TeamDetail(ApiView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read", "PATCH": "team.edit"}

    @extend_schema(operation_id="teams_read", responses=TeamSerializer)
    def get(self, request: Request, team: str) -> Response:
        """One team, by id or name."""
        return _answer(find_team(team))

    @extend_schema(operation_id="teams_update", request=UpdateTeamRequest, responses=TeamSerializer)
    def patch(self, request: Request, team: str) -> Response:
        """Give a team another lead or description."""
        found = find_team(team)
        self.check_if_match(etag_of(found))
        changes = self.parse(UpdateTeamRequest)
        if "lead" in changes:
            changes["lead"] = named("lead", find_person, changes["lead"])
        if "members" in changes:
            changes["members"] = _people(changes["members"])
        update_team(actor=self.actor, team=found, changes=changes)
        return _answer(found)
