"""`hosts/import/`: a whole inventory at once, as a file or as text in JSON; dry run; nothing or everything."""

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from common.api.fields import ChoiceField
from common.api.parsers import JsonParser
from common.api.views import ApiView
from common.core.errors import FieldError, Invalid
from inventory.api.references import find_person, named
from inventory.api.serializers import ObjectField
from inventory.core.imports.plan import ImportPlan, InventoryError
from inventory.core.imports.reader import FORMATS, MAX_BYTES, read_inventory
from inventory.services.imports import ImportOutcome, import_hosts


class ImportRequest(serializers.Serializer[Any]):
    file = serializers.FileField(
        required=False, help_text="with multipart/form-data; its name tells the format"
    )
    text = serializers.CharField(
        required=False, trim_whitespace=False, allow_blank=True, help_text="with JSON"
    )
    path = serializers.CharField(
        required=False, max_length=300, help_text="what to call the text in messages"
    )
    format = ChoiceField(choices=FORMATS, required=False)
    mapping = ObjectField(
        required=False, help_text='what groups mean: {"webservers": "role:web", "live": "environment:prod"}'
    )
    team_lead = serializers.CharField(
        required=False, help_text="username; teams that don't exist are created under this person"
    )
    dry_run = serializers.BooleanField(default=False)


class ChangedHostSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    changes = ObjectField(help_text="field → [before, after]")


class NoteSerializer(serializers.Serializer[Any]):
    line = serializers.IntegerField(help_text="0 is the whole file")
    message = serializers.CharField()


class ImportSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField(allow_null=True, help_text="null for a dry run")
    dry_run = serializers.BooleanField()
    format = serializers.CharField()
    created = serializers.ListField(child=serializers.CharField())
    changed = ChangedHostSerializer(many=True)
    unchanged = serializers.IntegerField()
    teams_created = serializers.ListField(child=serializers.CharField())
    notes = NoteSerializer(many=True)


class HostImportView(ApiView):
    permissions: ClassVar[dict[str, str]] = {"POST": "host.edit"}
    query_parameters: ClassVar[frozenset[str]] = frozenset({"dry_run"})
    parser_classes = (JsonParser, MultiPartParser)  # type: ignore[assignment]

    def prepare(self, request: Request, **kwargs: Any) -> tuple[dict[str, Any], ImportPlan]:
        """Read the file before the transaction: a large YAML takes seconds."""
        data = self.parse(ImportRequest)
        return data, _plan(data)

    @extend_schema(
        operation_id="hosts_import",
        parameters=[OpenApiParameter("dry_run", bool, description="only tell what would happen")],
        request={"application/json": ImportRequest, "multipart/form-data": ImportRequest},
        responses={200: ImportSerializer, 201: ImportSerializer},
    )
    def post(self, request: Request) -> Response:
        """Create and change every host of an inventory, or none: each problem comes with its line and remedy.

        200 for a dry run, which writes nothing; 201 for an import.
        """
        data, plan = self.prepared
        team_lead = named("team_lead", find_person, data.get("team_lead"))
        dry_run = data["dry_run"] or _flag(request.query_params.get("dry_run"))
        try:
            outcome = import_hosts(actor=self.actor, plan=plan, dry_run=dry_run, team_lead=team_lead)
        except InventoryError as error:
            raise _invalid(error) from None
        return Response(ImportSerializer(_told(outcome)).data, status=200 if dry_run else 201)


def _plan(data: dict[str, Any]) -> ImportPlan:
    upload = data.get("file")
    if (upload is None) == ("text" not in data):
        raise Invalid(
            "Send either a file (multipart/form-data) or a text (JSON).",
            errors=[FieldError("/text", "missing")],
        )
    if upload is not None and upload.size > MAX_BYTES:
        message = f"An inventory has at most {MAX_BYTES // 1024 // 1024} MiB; import it in parts."
        raise Invalid(message, errors=[FieldError("/file", message)])
    content = upload.read() if upload is not None else data["text"]
    path = data.get("path") or (upload.name if upload is not None else "inventory")
    try:
        return read_inventory(
            content, path=path, format=data.get("format"), mapping=_mapping(data.get("mapping", {}))
        )
    except InventoryError as error:
        raise _invalid(error) from None
    except ValueError as error:
        raise Invalid(f"mapping: {error}", errors=[FieldError("/mapping", str(error))]) from None


def _mapping(value: dict[str, Any]) -> dict[str, str]:
    for group, meaning in value.items():
        if not isinstance(meaning, str):
            raise Invalid(
                "mapping: a meaning is a text.", errors=[FieldError(f"/mapping/{group}", "not a text")]
            )
    return value


def _flag(text: str | None) -> bool:
    if text not in (None, "true", "false"):
        raise Invalid("dry_run is true or false.", errors=[FieldError("?dry_run", f"{text!r} is neither")])
    return text == "true"


def _invalid(error: InventoryError) -> Invalid:
    """400 with one error for each problem: `hosts.ini:7: …. What to do.`"""
    count = len(error.problems)
    what = "is one problem" if count == 1 else f"are {count} problems"
    detail = f"Nothing was imported: there {what}. {error.problems[0]}"
    return Invalid(detail, errors=[FieldError("/text", str(problem)) for problem in error.problems])


def _told(outcome: ImportOutcome) -> dict[str, Any]:
    comparison = outcome.comparison
    return {
        "id": outcome.record.pk if outcome.record else None,
        "dry_run": outcome.record is None,
        "format": outcome.plan.format,
        "created": [row.name for row in comparison.created],
        "changed": [
            {"name": change.name, "changes": {field: list(pair) for field, pair in change.fields.items()}}
            for change in comparison.changed
        ],
        "unchanged": len(comparison.unchanged),
        "teams_created": list(comparison.new_teams),
        "notes": [{"line": note.line, "message": note.message} for note in outcome.plan.notes],
    }
