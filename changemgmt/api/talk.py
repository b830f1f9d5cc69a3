"""`changes/{change}/comments/` and `changes/{change}/attachments/`."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils.http import content_disposition_header
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from changemgmt.core.attached import CONTENT_TYPES, MAX_BYTES, NAME_LENGTH
from changemgmt.core.texts import TEXT_LENGTH
from changemgmt.models import Attachment, Change, Comment
from changemgmt.services.talk import add_comment, attach_file
from common.api.parsers import JsonParser
from common.api.people_ref import PersonRef
from common.api.views import ApiView, ListView, find_by_reference

# What a browser that follows the link may do with what somebody attached: keep it, and nothing else.
DOWNLOAD_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "private, no-store",
}


class CommentSerializer(serializers.ModelSerializer[Comment]):
    change = serializers.CharField(source="change.reference", read_only=True)
    author = PersonRef(read_only=True)

    class Meta:
        model = Comment
        fields = ("id", "change", "created_at", "author", "via", "text")


class AddComment(serializers.Serializer[Any]):
    text = serializers.CharField(max_length=TEXT_LENGTH)


class AttachmentSerializer(serializers.ModelSerializer[Attachment]):
    change = serializers.CharField(source="change.reference", read_only=True)
    author = PersonRef(read_only=True)
    url = serializers.SerializerMethodField(help_text="where its content is")
    content_type = serializers.CharField(help_text=f"told from its content: {', '.join(CONTENT_TYPES)}")

    class Meta:
        model = Attachment
        fields = (
            "id",
            "change",
            "url",
            "created_at",
            "author",
            "via",
            "name",
            "content_type",
            "size",
            "sha256",
        )

    def get_url(self, attachment: Attachment) -> str:
        return f"/api/v1/changes/{attachment.change_id}/attachments/{attachment.pk}/"


class AttachFile(serializers.Serializer[Any]):
    file = serializers.FileField(
        max_length=1000, allow_empty_file=True, help_text=f"{MAX_BYTES // 1_000_000} MB at most"
    )
    name = serializers.CharField(
        required=False, max_length=NAME_LENGTH, help_text="instead of the file's own name"
    )


def _find(change: str) -> Change:
    return find_by_reference(Change.objects.all(), change)


class ChangeComments(ListView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read", "POST": "change.log"}
    serializer_class = CommentSerializer
    default_sort = "created_at"

    def get_queryset(self) -> QuerySet[Comment]:
        return Comment.objects.filter(change=_find(self.kwargs["change"])).select_related("author", "change")

    @extend_schema(operation_id="changes_comments_list", responses=CommentSerializer(many=True))
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """What people said about a change, the first first."""
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="changes_comments_add", request=AddComment, responses={201: CommentSerializer}
    )
    def post(self, request: Request, change: str) -> Response:
        """Say something about a change. Comments stay as they are."""
        data = self.parse(AddComment)
        comment = add_comment(actor=self.actor, change=_find(change), text=data["text"])
        return Response(CommentSerializer(comment).data, status=201)


class ChangeAttachments(ListView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read", "POST": "change.log"}
    parser_classes = (MultiPartParser, JsonParser)  # type: ignore[assignment]
    serializer_class = AttachmentSerializer
    default_sort = "created_at"

    def get_queryset(self) -> QuerySet[Attachment]:
        found = Attachment.objects.filter(change=_find(self.kwargs["change"]))
        return found.select_related("author", "change").defer("content")

    @extend_schema(operation_id="changes_attachments_list", responses=AttachmentSerializer(many=True))
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The files that were attached to a change, the first first; each `url` has its content."""
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="changes_attachments_add",
        request={"multipart/form-data": AttachFile},
        responses={201: AttachmentSerializer, 200: AttachmentSerializer},
    )
    def post(self, request: Request, change: str) -> Response:
        """Attach a file (`multipart/form-data`), 20 a change at most. Its type is told from its content.

        200 instead of 201 when the change has this file under this name already.
        """
        found = _find(change)
        data = self.parse(AttachFile)
        upload = data["file"]
        attachment, created = attach_file(
            actor=self.actor, change=found, name=data.get("name") or upload.name, content=upload.read()
        )
        return Response(AttachmentSerializer(attachment).data, status=201 if created else 200)


class AttachmentContent(ApiView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read"}

    @extend_schema(
        operation_id="changes_attachments_read",
        responses={(200, name): OpenApiTypes.BINARY for name in CONTENT_TYPES},
    )
    def get(self, request: Request, change: str, attachment: str) -> HttpResponse:
        """The content of an attachment, to be kept, not shown: a browser downloads it."""
        return download(find_by_reference(Attachment.objects.filter(change=_find(change)), attachment))


def download(attachment: Attachment) -> HttpResponse:
    """As a file of its own: never inside a page, and not as something that it is not."""
    headers = DOWNLOAD_HEADERS | {
        "Content-Disposition": content_disposition_header(True, attachment.name) or "attachment"
    }
    return HttpResponse(bytes(attachment.content), content_type=attachment.content_type, headers=headers)
