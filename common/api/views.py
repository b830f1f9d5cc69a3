"""What every API view does the same: permissions by table, idempotency keys, ETags, strict parameters, lists."""

import hashlib
import hmac
import json
from functools import cache
from typing import Any, ClassVar, TypeVar
from uuid import UUID

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import models, transaction
from django.http import RawPostDataException, UnreadablePostError
from rest_framework.exceptions import ParseError, UnsupportedMediaType
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.utils.encoders import JSONEncoder
from rest_framework.views import APIView

from common.api.auth import actor_of
from common.api.pagination import Cursor
from common.api.parsers import JsonParser
from common.core.actor import Actor
from common.core.errors import FieldError, Invalid, NotFound, PreconditionFailed, TooLarge
from common.services.idempotency import answer_once, find_answer

M = TypeVar("M", bound=models.Model)
_LIST_PARAMETERS = frozenset({"cursor", "limit", "sort", "count"})


class ApiView(APIView):
    """Base of all views.

    `permissions` maps methods to permissions (deny by default). A POST runs in one transaction with its
    idempotency key; work that does I/O first (reading Git, a network) goes into `prepare`, which runs before
    the transaction and whose result the handler finds in `self.prepared`.
    """

    parser_classes = (JsonParser,)
    permissions: ClassVar[dict[str, str]] = {}
    query_parameters: ClassVar[frozenset[str]] = frozenset()
    keeps_answer = True  # False when an answer holds a secret
    prepared: Any = None

    @property
    def actor(self) -> Actor:
        return actor_of(self.request)

    def prepare(self, request: Request, **kwargs: Any) -> Any:
        return None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.body = _read_body(request)
        unknown = sorted(set(request.query_params) - self.allowed_parameters())
        if unknown:
            allowed = ", ".join(sorted(self.allowed_parameters())) or "none"
            raise Invalid(
                f"Unknown query parameter: {', '.join(unknown)}. This address takes: {allowed}.",
                errors=[FieldError(f"?{name}", "unknown parameter") for name in unknown],
            )

    def allowed_parameters(self) -> frozenset[str]:
        return self.query_parameters

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        handler = getattr(self, "post", None)
        if request.method == "POST" and handler is not None:
            self.post = self._idempotent(handler)
        return super().dispatch(request, *args, **kwargs)

    def _idempotent(self, handler: Any) -> Any:
        def post(request: Request, *args: Any, **kwargs: Any) -> Response:
            key = request.headers.get("Idempotency-Key")
            if key is None:
                self.prepared = self.prepare(request, **kwargs)
                with transaction.atomic():
                    return handler(request, *args, **kwargs)
            if not 1 <= len(key) <= 255 or not key.isprintable():
                raise Invalid("Idempotency-Key is 1 to 255 printable characters.")
            actor = self.actor
            identity = {
                "client": str(actor.token_id or actor.person_id),
                "key": key,
                "request_digest": _request_digest(request, self.body),
            }
            # Whoever prepares nothing may as well look when the key is locked.
            kept = find_answer(**identity) if type(self).prepare is not ApiView.prepare else None
            if kept is None:
                self.prepared = self.prepare(request, **kwargs)

                def act() -> tuple[int, Any, dict[str, str]]:
                    response = handler(request, *args, **kwargs)
                    headers = {
                        name: response.headers[name]
                        for name in ("Location", "ETag")
                        if name in response.headers
                    }
                    return response.status_code, _as_json(response.data), headers

                kept, fresh = answer_once(**identity, act=act, keep=self.keeps_answer)
                if fresh is not None:
                    status, body, headers = fresh
                    return Response(body, status=status, headers=headers)
            assert kept is not None
            if kept.body is None and not self.keeps_answer:
                raise Invalid(
                    "This was done already with this Idempotency-Key, and the answer held a secret that is not kept. "
                    "Make a new one with a new key."
                )
            return Response(
                kept.body, status=kept.status, headers={**kept.headers, "Idempotent-Replay": "true"}
            )

        return post

    def parse(self, serializer_class: type[BaseSerializer[Any]]) -> dict[str, Any]:
        """The validated body; unknown fields are an error, so a typing mistake is not silently dropped."""
        if not isinstance(self.request.data, dict):
            raise Invalid("The body must be a JSON object.")
        serializer = _serializer(serializer_class)  # type: ignore[arg-type]
        known = {name for name, field in serializer.fields.items() if not field.read_only}
        unknown = sorted(set(self.request.data) - known)
        if unknown:
            raise Invalid(
                f"Unknown field: {', '.join(unknown)}. Fields taken: {', '.join(sorted(known))}.",
                errors=[FieldError(f"/{name}", "unknown field") for name in unknown],
            )
        return dict(serializer.run_validation(self.request.data))

    def check_if_match(self, etag: str) -> None:
        given = self.request.headers.get("If-Match")
        if (
            given is not None
            and given.strip() != "*"
            and etag not in [part.strip() for part in given.split(",")]
        ):
            raise PreconditionFailed(
                "Read it again, look at what changed, and send your change with the new ETag."
            )


class ListView(ApiView):
    """A list by cursor. Set `serializer_class`, `filterset_class`, `sort_fields`; implement `get_queryset`."""

    serializer_class: type[BaseSerializer[Any]]
    filterset_class: Any = None
    sort_fields: ClassVar[tuple[str, ...]] = ("created_at",)
    default_sort = "-created_at"
    pagination_class = Cursor

    def get_queryset(self) -> models.QuerySet[Any]:
        raise NotImplementedError

    def allowed_parameters(self) -> frozenset[str]:
        if self.request.method not in ("GET", "HEAD"):
            return self.query_parameters
        filters = set(self.filterset_class.base_filters) if self.filterset_class else set()
        return _LIST_PARAMETERS | filters | self.query_parameters

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        queryset, among = self.get_queryset(), None
        if self.filterset_class is not None:
            filterset = self.filterset_class(request.query_params, queryset=queryset, request=request)
            if not filterset.is_valid():
                errors = [FieldError(f"?{name}", " ".join(texts)) for name, texts in filterset.errors.items()]
                raise Invalid(f"{errors[0].pointer}: {errors[0].detail}", errors=errors)
            queryset, among = filterset.qs, self.among(filterset)
        paginator = Cursor()
        page = paginator.paginate_queryset(queryset, request, self, among)
        return paginator.get_paginated_response(self.serialize(page))

    def among(self, filterset: Any) -> models.QuerySet[Any] | None:
        """What to look along for the rows of a page, where no index has what was asked for in the list's order."""
        return None

    def serialize(self, page: Any) -> Any:
        serializer = _serializer(self.serializer_class)  # type: ignore[arg-type]
        return [serializer.to_representation(record) for record in page]


@cache
def _serializer(serializer_class: Any) -> Any:
    """One for all requests, as its fields take longer to make than to be used. What it keeps is kept for good: a list
    whose serializer reads the database has one of its own (`serialize`)."""
    return serializer_class()


def _read_body(request: Request) -> bytes:
    """The bytes of the body, before a parser takes the stream: there is a cap on them, and keys need a digest."""
    try:
        return bytes(request._request.body)
    except RequestDataTooBig:
        most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0
        raise TooLarge(
            f"The body is larger than {most // 1_000_000} MB, which is the most taken here."
        ) from None
    except RawPostDataException:  # a form, read while looking for its CSRF token
        raise UnsupportedMediaType(request.content_type) from None
    except UnreadablePostError:
        raise ParseError("The body ended before it was whole.") from None


def _request_digest(request: Request, body: bytes) -> str:
    """Keyed: a body may hold a password, which a bare digest would let a thief of the database try out."""
    text = f"{request.method} {request.get_full_path()}\n".encode() + body
    return hmac.new(settings.SECRET_KEY.encode(), text, hashlib.sha256).hexdigest()


def _as_json(data: Any) -> Any:
    """What the renderer would send, as plain data that a JSON column takes."""
    return json.loads(json.dumps(data, cls=JSONEncoder))


def etag_of(record: Any) -> str:
    """A strong ETag from the record's version counter."""
    return f'"{record.pk}.{record.version}"'


def find_by_reference(queryset: models.QuerySet[M], text: str, *, name_field: str = "") -> M:
    """The record with this id, reference (`CHG-1042`) or, where names identify, this name; else NotFound."""
    model = queryset.model
    prefix = getattr(model, "PREFIX", None)
    found: M | None = None
    text = text.replace("\0", "\N{REPLACEMENT CHARACTER}")  # PostgreSQL can't be asked for it
    try:
        found = queryset.filter(pk=UUID(text)).first()
    except ValueError:
        head, _, number = text.partition("-")
        if prefix and head.upper() == prefix and number.isascii() and number.isdigit() and len(number) < 19:
            found = queryset.filter(number=int(number)).first()
        elif name_field and "\0" not in text:
            found = queryset.filter(**{name_field: text}).first()
    if found is None:
        raise NotFound(f"There is no {model._meta.verbose_name} {text}.")
    return found
