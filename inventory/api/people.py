"""`people/`: who can answer for something, added, corrected, let go."""

from typing import Any, ClassVar

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from common.api.filters import TimeFilterSet
from common.api.views import ApiView, ListView, etag_of, find_by_reference
from common.models import Person
from common.services.people import create_person, deactivate_person, reactivate_person, update_person
from inventory.api.references import find_person, named
from inventory.api.serializers import (
    CreatePersonRequest,
    DeactivateRequest,
    PersonSerializer,
    UpdatePersonRequest,
)


def _people() -> QuerySet[Person]:
    return Person.objects.prefetch_related("teams_led", "teams")


def _find(person: str) -> Person:
    return find_by_reference(_people(), person, name_field="username")


def _answer(person: Person, status: int = 200) -> Response:
    headers = {"ETag": etag_of(person)}
    if status == 201:
        headers["Location"] = f"/api/v1/people/{person.pk}/"
    return Response(PersonSerializer(person).data, status=status, headers=headers)


class PersonFilterSet(TimeFilterSet):
    username = django_filters.CharFilter()
    role = django_filters.CharFilter()
    is_active = django_filters.BooleanFilter()


class PersonList(ListView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read", "POST": "person.edit"}
    serializer_class = PersonSerializer
    filterset_class = PersonFilterSet
    sort_fields = ("username", "created_at")
    default_sort = "username"

    def get_queryset(self) -> QuerySet[Person]:
        return _people()

    @extend_schema(operation_id="people_list", responses=PersonSerializer(many=True))
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """People by username."""
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="people_create", request=CreatePersonRequest, responses={201: PersonSerializer}
    )
    def post(self, request: Request) -> Response:
        """Add somebody. They can't sign in yet: whoever runs the server gives them a link (`manage.py login_link`)."""
        return _answer(create_person(actor=self.actor, **self.parse(CreatePersonRequest)), 201)


class PersonDetail(ApiView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read", "PATCH": "person.edit"}

    @extend_schema(operation_id="people_read", responses=PersonSerializer)
    def get(self, request: Request, person: str) -> Response:
        """One person, by id or username."""
        return _answer(_find(person))

    @extend_schema(operation_id="people_update", request=UpdatePersonRequest, responses=PersonSerializer)
    def patch(self, request: Request, person: str) -> Response:
        """Correct a name or address, or give another role, which holds from the next request on."""
        found = _find(person)
        self.check_if_match(etag_of(found))
        conditional = request.headers.get("If-Match", "*").strip() != "*"
        update_person(
            actor=self.actor,
            person=found,
            changes=self.parse(UpdatePersonRequest),
            expected_version=found.version if conditional else None,
        )
        return _answer(_find(str(found.pk)))


class PersonDeactivate(ApiView):
    permissions: ClassVar[dict[str, str]] = {"POST": "person.edit"}

    @extend_schema(operation_id="people_deactivate", request=DeactivateRequest, responses=PersonSerializer)
    def post(self, request: Request, person: str) -> Response:
        """Somebody who left: they can't sign in, and their tokens open nothing. Their open changes go to `successor`,
        else to the leads of the teams that have the hosts."""
        data = self.parse(DeactivateRequest)
        found = _find(person)
        successor = named("successor", find_person, data.get("successor"))
        deactivate_person(actor=self.actor, person=found, successor=successor)
        found.refresh_from_db()
        return _answer(found)


class PersonReactivate(ApiView):
    permissions: ClassVar[dict[str, str]] = {"POST": "person.edit"}

    @extend_schema(operation_id="people_reactivate", request=None, responses=PersonSerializer)
    def post(self, request: Request, person: str) -> Response:
        """Somebody who is back: they can sign in again. Their tokens stay revoked, and their work where it went."""
        found = _find(person)
        reactivate_person(actor=self.actor, person=found)
        return _answer(_find(str(found.pk)))
