"""`changes/import/`: the history of another change system, as CSV; previewed, then everything or nothing."""

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from changemgmt.core.history import COLUMNS, MAX_BYTES, MAX_ROWS, History, read_history
from changemgmt.services.history import Imported, import_history
from common.api.parsers import JsonParser
from common.api.people_ref import PersonRef
from common.api.views import ApiView, find_by_reference
from common.core.errors import FieldError, Invalid, NotFound
from common.models import Person

SHOWN = 20


class TextsField(serializers.JSONField):
    """A JSON object with texts: what something of the file means here."""

    def to_internal_value(self, data: Any) -> dict[str, str]:
        value = super().to_internal_value(data)
        if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
            raise serializers.ValidationError('This is a JSON object of texts: {"theirs": "ours"}.')
        return value


class ImportHistory(serializers.Serializer[Any]):
    file = serializers.FileField(
        required=False,
        allow_empty_file=True,
        help_text=f"with multipart/form-data; {MAX_BYTES // 1_000_000} MB at most",
    )
    text = serializers.CharField(
        required=False, trim_whitespace=False, allow_blank=True, help_text="with JSON"
    )
    source = serializers.CharField(  # type: ignore[assignment]
        max_length=63,
        help_text="the system it comes from, in one word: an external_id is imported once from each",
    )
    columns = TextsField(
        required=False,
        help_text=f'what the file\'s columns mean, where they are not called so: {{"number": "external_id"}}. '
        f"There are {', '.join(COLUMNS)}",
    )
    owner = serializers.CharField(
        max_length=64, required=False, help_text="who answers for what nobody here owns: username or id"
    )
    owners = TextsField(required=False, help_text='the file\'s owners: {"J. Doe": "jane"}')
    timezone = serializers.CharField(max_length=64, default="UTC", help_text="of times without an offset")
    dry_run = serializers.BooleanField(default=False)


class ImportedChange(serializers.Serializer[Any]):
    external_id = serializers.CharField()
    title = serializers.CharField()
    kind = serializers.CharField()
    happened_at = serializers.DateTimeField()
    owner = PersonRef()
    hosts = serializers.ListField(child=serializers.CharField())
    reference = serializers.CharField(allow_null=True, help_text="null in a preview")


class ImportedHistory(serializers.Serializer[Any]):
    dry_run = serializers.BooleanField()
    created = serializers.IntegerField()
    known = serializers.IntegerField(help_text="imported before: left as they are")
    first = ImportedChange(many=True, help_text=f"the first {SHOWN} of them")
    stand_ins = serializers.ListField(
        child=serializers.CharField(),
        help_text="owners of the file whom nobody here is: `owner` answers for theirs",
    )
    ignored_columns = serializers.ListField(child=serializers.CharField())


class ChangeImport(ApiView):
    permissions: ClassVar[dict[str, str]] = {"POST": "change.import"}
    query_parameters: ClassVar[frozenset[str]] = frozenset({"dry_run"})
    parser_classes = (JsonParser, MultiPartParser)  # type: ignore[assignment]

    def prepare(self, request: Request, **kwargs: Any) -> tuple[dict[str, Any], History]:
        data = self.parse(ImportHistory)
        return data, _read(data)

    @extend_schema(
        operation_id="changes_import",
        parameters=[OpenApiParameter("dry_run", bool, description="only tell what would happen")],
        request={"application/json": ImportHistory, "multipart/form-data": ImportHistory},
        responses={200: ImportedHistory, 201: ImportedHistory},
    )
    def post(self, request: Request) -> Response:
        """Record every change of a CSV that was not imported before, or none: each problem comes with its line.

        200 for a preview (`dry_run`), which writes nothing; 201 for an import.
        """
        data, history = self.prepared
        dry_run = data["dry_run"] or _flag(request.query_params.get("dry_run"))
        owners = {name: _person(text, f"/owners/{name}") for name, text in data.get("owners", {}).items()}
        imported = import_history(
            actor=self.actor,
            history=history,
            source=data["source"],
            owner=_person(data["owner"], "/owner") if data.get("owner") else None,
            owners=owners,
            dry_run=dry_run,
        )
        told = ImportedHistory(as_told(imported, dry_run=dry_run)).data
        return Response(told, status=200 if dry_run else 201)


def as_told(imported: Imported, *, dry_run: bool) -> dict[str, Any]:
    first = imported.changes[:SHOWN]
    people = Person.objects.in_bulk({change.owner_id for change in first})
    return {
        "dry_run": dry_run,
        "created": len(imported.changes),
        "known": imported.known,
        "first": [
            {
                "external_id": change.external_id,
                "title": change.title,
                "kind": change.kind,
                "happened_at": change.happened_at,
                "owner": people[change.owner_id],
                "hosts": change.hosts,
                "reference": None if dry_run else change.reference,
            }
            for change in first
        ],
        "stand_ins": imported.stand_ins,
        "ignored_columns": imported.ignored,
    }


def _read(data: dict[str, Any]) -> History:
    upload = data.get("file")
    if (upload is None) == ("text" not in data):
        raise Invalid(
            f"Send either a file (multipart/form-data) or a text (JSON): a CSV of {MAX_ROWS:,} changes at most.",
            errors=[FieldError("/text", "missing")],
        )
    content = upload.read() if upload is not None else data["text"].encode(errors="replace")
    return read_history(content, columns=data.get("columns"), timezone=data["timezone"])


def _person(text: str, pointer: str) -> Person:
    try:
        return find_by_reference(Person.objects.all(), text, name_field="username")
    except NotFound as error:
        raise Invalid(f"{pointer}: {error.detail}", errors=[FieldError(pointer, error.detail)]) from None


def _flag(text: str | None) -> bool:
    if text not in (None, "true", "false"):
        raise Invalid("dry_run is true or false.", errors=[FieldError("?dry_run", f"{text!r} is neither")])
    return text == "true"
