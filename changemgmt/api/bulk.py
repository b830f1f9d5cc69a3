"""`changes/bulk/`: a thousand changes in one call, each with its own answer."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import Q
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from changemgmt.api.serializers import LogChange
from changemgmt.models import Change, ChangeTemplate, Incident
from changemgmt.services.bulk import MOST, Filed, log_changes
from changemgmt.services.filing import Filing
from common.api.people_ref import PersonRef
from common.api.problems import as_invalid, problem
from common.api.schema import ProblemSerializer
from common.api.views import ApiView
from common.core.errors import FieldError, FoldbackError, Invalid
from common.models import Person


class BulkRequest(serializers.Serializer[Any]):
    changes = serializers.ListField(
        child=serializers.JSONField(), max_length=MOST, help_text="each as for `POST changes/`"
    )


class FiledChange(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    reference = serializers.CharField()
    url = serializers.CharField()
    state = serializers.CharField()
    owner = PersonRef()
    owner_source = serializers.CharField()
    external_id = serializers.CharField()


class BulkResult(serializers.Serializer[Any]):
    status = serializers.IntegerField(
        help_text="201 filed, 200 known by its `external_id`, 400 or 403 refused"
    )
    change = FiledChange(allow_null=True)
    problem = ProblemSerializer(allow_null=True)


class BulkAnswer(serializers.Serializer[Any]):
    created = serializers.IntegerField()
    known = serializers.IntegerField()
    refused = serializers.IntegerField()
    results = BulkResult(many=True, help_text="in the order of the request")


class ChangeBulk(ApiView):
    permissions: ClassVar[dict[str, str]] = {"POST": "change.log"}

    @extend_schema(operation_id="changes_bulk", request=BulkRequest, responses=BulkAnswer)
    def post(self, request: Request) -> Response:
        """File up to 1,000 changes. Each is taken or refused by itself: look at `refused`, and at each `status`."""
        items = self.parse(BulkRequest)["changes"]
        read = [_read(item) for item in items]
        found = References([one for one in read if isinstance(one, dict)])
        filings = [found.filing(one) if isinstance(one, dict) else one for one in read]
        filed = log_changes(actor=self.actor, filings=filings)
        # Of new ones only the owner's id is known: one query for all.
        people = Person.objects.in_bulk({one.change.owner_id for one in filed if one.change is not None})
        owners = {pk: PersonRef(person).data for pk, person in people.items()}
        request_id = getattr(request._request, "request_id", "")
        return Response(
            {
                "created": sum(one.created for one in filed),
                "known": sum(one.change is not None and not one.created for one in filed),
                "refused": sum(one.error is not None for one in filed),
                "results": [_told(one, index, owners, request_id) for index, one in enumerate(filed)],
            }
        )


_FIELDS = LogChange()


def _read(item: Any) -> dict[str, Any] | FoldbackError:
    """One item as `POST changes/` would take it, or why it would not."""
    if not isinstance(item, dict):
        return Invalid("A change is a JSON object.", errors=[FieldError("", "not an object")])
    if unknown := sorted(set(item) - set(_FIELDS.fields)):
        return Invalid(
            f"Unknown field: {', '.join(unknown)}.",
            errors=[FieldError(f"/{name}", "unknown field") for name in unknown],
        )
    try:
        return dict(_FIELDS.run_validation(item))
    except serializers.ValidationError as error:
        return as_invalid(error)


class References:
    """Owners, templates and incidents that items name as text, looked up for all of them at once."""

    def __init__(self, items: Iterable[Mapping[str, Any]]) -> None:
        items = list(items)

        def texts(name: str) -> set[str]:
            return {item[name] for item in items if item.get(name)}

        self._found: dict[str, dict[str, Any]] = {
            "owner": _by_text(texts("owner"), Person, "username"),
            "template": _by_text(texts("template"), ChangeTemplate, "name", retired_at=None),
            "incident": _by_text(texts("incident"), Incident, ""),
        }

    def filing(self, item: dict[str, Any]) -> Filing | FoldbackError:
        for name, found in self._found.items():
            if text := item.pop(name, None):
                if text.casefold() not in found:
                    detail = f"there is no {_NOUNS[name]} {text[:100]}"
                    return Invalid(f"/{name}: {detail}.", errors=[FieldError(f"/{name}", detail)])
                item[name] = found[text.casefold()]
        return Filing(**item)


_NOUNS = {"owner": "person", "template": "template", "incident": "incident"}


def _by_text(texts: set[str], model: Any, name_field: str, **narrowed: Any) -> dict[str, Any]:
    """Text in lower case → the record with that id, name or reference; in one query."""
    if not texts:
        return {}
    ids, numbers, names = set(), set(), set()
    for text in texts:
        prefix, _, number = text.partition("-")
        try:
            ids.add(UUID(text))
        except ValueError:
            if name_field:
                names.add(text)
            elif (
                prefix.upper() == model.PREFIX and number.isascii() and number.isdigit() and len(number) < 19
            ):
                numbers.add(int(number))
    wanted = Q(pk__in=ids)
    if numbers:
        wanted |= Q(number__in=numbers)
    if names:
        wanted |= Q(**{f"{name_field}__in": names})
    rows = model.objects.filter(wanted, **narrowed)
    if model is Incident:
        rows = rows.select_related("commander")
    return {
        key.casefold(): row for row in rows for key in (str(row.pk), getattr(row, name_field or "reference"))
    }


def _told(one: Filed, index: int, owners: Mapping[UUID, Any], request_id: str) -> dict[str, Any]:
    if one.error is not None:
        errors = [FieldError(f"/changes/{index}{error.pointer}", error.detail) for error in one.error.errors]
        told = problem(
            one.error.status,
            type=one.error.type,
            title=one.error.title,
            detail=one.error.detail,
            errors=errors,
            request_id=request_id,
        )
        return {"status": one.error.status, "change": None, "problem": told}
    change: Change | None = one.change
    assert change is not None
    about = {
        "id": str(change.pk),
        "reference": change.reference,
        "url": f"/api/v1/changes/{change.pk}/",
        "state": change.state,
        "owner": owners[change.owner_id],
        "owner_source": change.owner_source,
        "external_id": change.external_id,
    }
    return {"status": 201 if one.created else 200, "change": about, "problem": None}
