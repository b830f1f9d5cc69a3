"""`hosts/…/rename/`: what follows the host, and what of the definition does not."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common.api.views import ApiView
from deployments.core.states import to_json
from deployments.services.renaming import RenamePreview, preview_rename, rename_with_definition
from inventory.api.references import find_host

SHOWN_RESOURCES = 200


class RenameRequest(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=253)
    dry_run = serializers.BooleanField(default=False, help_text="only say what would happen")
    accept_layer = serializers.BooleanField(
        default=False,
        help_text="the host gets another layer of its own in the definition, and it is meant so",
    )


class RenamedResourceSerializer(serializers.Serializer[Any]):
    resource = serializers.CharField()
    before = serializers.DictField()
    after = serializers.DictField()


class RenameSerializer(serializers.Serializer[Any]):
    host = serializers.CharField(help_text="its id, which stays")
    old = serializers.CharField()
    new = serializers.CharField()
    renamed = serializers.BooleanField(help_text="false for a dry run")
    layer_left = serializers.ListField(
        child=serializers.CharField(), help_text="files of `hosts/<old>/`, which stay where they are in Git"
    )
    layer_found = serializers.ListField(
        child=serializers.CharField(), help_text="files of `hosts/<new>/`, which apply from now on"
    )
    needs_accept_layer = serializers.BooleanField(
        help_text="the two differ, so it has to be said that this is meant"
    )
    definition_problem = serializers.CharField(help_text="why the definition can't be read; else empty")
    resources_changed = RenamedResourceSerializer(many=True, help_text="the first of them")
    resources_changed_total = serializers.IntegerField(
        help_text="resources of which the definition says something else under the new name"
    )


class HostRename(ApiView):
    permissions: ClassVar[dict[str, str]] = {"POST": "host.edit"}

    def prepare(self, request: Request, **kwargs: Any) -> tuple[dict[str, Any], RenamePreview]:
        data = self.parse(RenameRequest)
        return data, preview_rename(host=find_host(kwargs["host"]), name=data["name"])

    @extend_schema(operation_id="hosts_rename", request=RenameRequest, responses=RenameSerializer)
    def post(self, request: Request, host: str) -> Response:
        """Call a host otherwise: its findings, looks, manifests and history follow, and the old name is free.

        The definition is not touched: a folder `hosts/<old>/` stays as it is. Where the host's own layer would be
        another one afterwards this is refused, unless `accept_layer` says that it is meant so.
        """
        data, preview = self.prepared
        found = find_host(host)
        if not data["dry_run"]:
            rename_with_definition(
                actor=self.actor,
                host=found,
                name=data["name"],
                preview=preview,
                accept_layer=data["accept_layer"],
            )
        return Response(RenameSerializer(_told(str(found.pk), preview, not data["dry_run"])).data)


def _told(host: str, preview: RenamePreview, renamed: bool) -> dict[str, Any]:
    return {
        "host": host,
        "old": preview.old,
        "new": preview.new,
        "renamed": renamed,
        "layer_left": list(preview.left),
        "layer_found": list(preview.found),
        "needs_accept_layer": preview.moves_layer,
        "definition_problem": preview.problem,
        "resources_changed": [
            {"resource": item.resource, "before": to_json(item.before), "after": to_json(item.after)}
            for item in preview.changed[:SHOWN_RESOURCES]
        ],
        "resources_changed_total": len(preview.changed),
    }
