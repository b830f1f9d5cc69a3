"""`changes/`: file, read, correct."""

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar
from uuid import UUID

from django.db.models import Prefetch, QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from changemgmt.api.filters import ChangeFilterSet, natural_sort
from changemgmt.api.serializers import ChangeDetailSerializer, ChangeSerializer, LogChange, UpdateChange
from changemgmt.models import Change, ChangeTemplate, Incident
from changemgmt.services.changes import log_change
from changemgmt.services.editing import update_change
from common.api.views import ApiView, ListView, etag_of, find_by_reference
from common.core.errors import FieldError, Invalid, NotFound
from common.models import Person

M = TypeVar("M")


def _changes() -> QuerySet[Change]:
    """With all that one shows; not the long texts and lists of what it belongs to."""
    found = Change.objects.select_related("owner", "requested_by", "reviewed_by", "incident", "template")
    return found.defer(
        "incident__hosts", "incident__description", "incident__review", "template__plan", "template__backout"
    )


def _listed() -> QuerySet[Change]:
    """For rows of the list. Each table that is joined makes the database plan for longer than it looks things up, with
    so many indexes to choose from: what few changes have is fetched afterwards."""
    found = Change.objects.select_related("owner", "requested_by").defer(
        "plan", "backout", "outcome", "review", "requirements", "risk_reasons", "made_by"
    )
    return found.prefetch_related(
        Prefetch("incident", Incident.objects.only("number")),
        Prefetch("template", ChangeTemplate.objects.only("name")),
    )


def find_change(change: str) -> Change:
    return find_by_reference(_changes(), change)


def answer(change: Change, status: int = 200) -> Response:
    headers = {"ETag": etag_of(change)}
    if status == 201:
        headers["Location"] = f"/api/v1/changes/{change.pk}/"
    return Response(_DETAIL.to_representation(change), status=status, headers=headers)


_DETAIL = ChangeDetailSerializer()  # one for all: its fields take longer to make than to be used


class ChangeList(ListView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read", "POST": "change.log"}
    serializer_class = ChangeSerializer
    filterset_class = ChangeFilterSet
    sort_fields = ("created_at", "happened_at", "planned_start")

    @property
    def default_sort(self) -> str:
        return natural_sort(self.request.query_params) if getattr(self, "request", None) else "-created_at"

    def get_queryset(self) -> QuerySet[Change]:
        sort = self.request.query_params.get("sort") or self.default_sort
        # A plan that has no time has no place in an order by it.
        return _listed().filter(planned_start__isnull=False) if "planned_start" in sort else _listed()

    def among(self, filterset: ChangeFilterSet) -> QuerySet[Change] | None:
        sort = self.request.query_params.get("sort") or self.default_sort
        return filterset.among(sort.removeprefix("-"))

    @extend_schema(operation_id="changes_list", responses=ChangeSerializer(many=True))
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Changes, the latest first; those of a time (`happened_at__gte`, `planned_start__lt`) by that time."""
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="changes_log",
        request=LogChange,
        responses={201: ChangeDetailSerializer, 200: ChangeDetailSerializer},
    )
    def post(self, request: Request) -> Response:
        """Record something that was done, or propose what is to be done: `kind` and `happened_at` tell which.

        A title is enough: an emergency, done now; `owner_source` of the answer tells whose it is and why. 200 instead
        of 201 when this client has used the `external_id` before: the answer is that first record.
        """
        data = self.parse(LogChange)
        for name, finder in _FINDERS.items():
            if name in data:
                data[name] = find_named(name, finder, data[name])
        change, created = log_change(actor=self.actor, **data)
        if created:  # what is known of it without asking
            change.known_approvals = []  # type: ignore[attr-defined]
            for name in ("owner", "requested_by"):
                if getattr(change, f"{name}_id") == request.user.pk:
                    setattr(change, name, request.user)
        return answer(change, 201 if created else 200)


def find_named(field: str, finder: Callable[[str], M], text: str) -> M:
    """What a field of the body names; an unknown one is Invalid and points at the field."""
    try:
        return finder(text)
    except NotFound as error:
        raise Invalid(f"/{field}: {error.detail}", errors=[FieldError(f"/{field}", error.detail)]) from None


def find_person(text: str) -> Person:
    return find_by_reference(Person.objects.all(), text, name_field="username")


def find_incident(text: str) -> Incident:
    return find_by_reference(Incident.objects.select_related("commander"), text)


def find_template(text: str) -> ChangeTemplate:
    """By id, or the one of this name that is not retired."""
    templates = ChangeTemplate.objects.select_related("proposed_by", "approved_by")
    try:
        UUID(text)
    except ValueError:
        templates = templates.filter(retired_at=None)
    return find_by_reference(templates, text, name_field="name")


_FINDERS: dict[str, Callable[[str], Any]] = {
    "owner": find_person,
    "incident": find_incident,
    "template": find_template,
}


class ChangeDetail(ApiView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read", "PATCH": "change.edit"}

    @extend_schema(operation_id="changes_read", responses=ChangeDetailSerializer)
    def get(self, request: Request, change: str) -> Response:
        """One change, by id or reference, with its approvals."""
        return answer(find_change(change))

    @extend_schema(operation_id="changes_update", request=UpdateChange, responses=ChangeDetailSerializer)
    def patch(self, request: Request, change: str) -> Response:
        """Correct what a change says. An edit of what its digest binds voids the verdicts on it; what was rejected is
        proposed again by it. Of a decision only the description: its approval binds the rest."""
        found = find_change(change)
        self.check_if_match(etag_of(found))
        conditional = request.headers.get("If-Match", "*").strip() != "*"
        fields = self.parse(UpdateChange)
        if fields.get("incident"):
            fields["incident"] = find_named("incident", find_incident, fields["incident"])
        updated = update_change(
            actor=self.actor,
            change=found,
            fields=fields,
            expected_version=found.version if conditional else None,
        )
        return answer(updated)
