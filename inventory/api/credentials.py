"""`credentials/`: put in, replaced, listed without the secret. Testing one is deployments' part."""

from typing import Any, ClassVar

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from common.api.filters import TimeFilterSet
from common.api.views import ApiView, ListView, etag_of
from inventory.api.references import find_credential
from inventory.api.serializers import (
    CreateCredentialRequest,
    CredentialSerializer,
    RotateCredentialRequest,
    UpdateCredentialRequest,
)
from inventory.models import Credential
from inventory.models.credential import KINDS
from inventory.services.credentials import create_credential, rotate_credential, update_credential


class CredentialFilterSet(TimeFilterSet):
    name = django_filters.CharFilter()
    kind = django_filters.ChoiceFilter(choices=[(kind, kind) for kind in KINDS])
    is_default = django_filters.BooleanFilter()


def _answer(credential: Credential, status: int = 200) -> Response:
    headers = {"ETag": etag_of(credential)}
    if status == 201:
        headers["Location"] = f"/api/v1/credentials/{credential.pk}/"
    return Response(CredentialSerializer(credential).data, status=status, headers=headers)


class CredentialList(ListView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read", "POST": "credential.edit"}
    serializer_class = CredentialSerializer
    filterset_class = CredentialFilterSet
    sort_fields = ("name", "created_at")
    default_sort = "name"

    def get_queryset(self) -> QuerySet[Credential]:
        return Credential.objects.select_related("created_by", "rotated_by")

    @extend_schema(operation_id="credentials_list", responses=CredentialSerializer(many=True))
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Credentials by name, without their secrets."""
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="credentials_create",
        request=CreateCredentialRequest,
        responses={201: CredentialSerializer},
    )
    def post(self, request: Request) -> Response:
        """Seal a private key or password. Nobody can read it back; only a worker opens it."""
        return _answer(create_credential(actor=self.actor, **self.parse(CreateCredentialRequest)), 201)


class CredentialDetail(ApiView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read", "PATCH": "credential.edit"}

    @extend_schema(operation_id="credentials_read", responses=CredentialSerializer)
    def get(self, request: Request, credential: str) -> Response:
        """One credential, by id or name, without its secret, with how its last test ended."""
        return _answer(find_credential(credential))

    @extend_schema(
        operation_id="credentials_update", request=UpdateCredentialRequest, responses=CredentialSerializer
    )
    def patch(self, request: Request, credential: str) -> Response:
        """Change the user it signs in as, or make it the default."""
        found = find_credential(credential)
        self.check_if_match(etag_of(found))
        update_credential(actor=self.actor, credential=found, changes=self.parse(UpdateCredentialRequest))
        return _answer(found)


class CredentialRotate(ApiView):
    permissions: ClassVar[dict[str, str]] = {"POST": "credential.edit"}

    @extend_schema(
        operation_id="credentials_rotate", request=RotateCredentialRequest, responses=CredentialSerializer
    )
    def post(self, request: Request, credential: str) -> Response:
        """Put a new secret in the place of the old one."""
        found = find_credential(credential)
        rotate_credential(
            actor=self.actor, credential=found, secret=self.parse(RotateCredentialRequest)["secret"]
        )
        return _answer(found)
