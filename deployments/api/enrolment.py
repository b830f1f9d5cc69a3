"""`hosts/…/enrol/`, `hosts/…/reimage/` and `credentials/…/test/`: what the inventory's records need the network for."""

from typing import Any, ClassVar

from django.db.models import Exists, OuterRef
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common.api.jobs import JobSerializer
from common.api.problems import CONTENT_TYPE
from common.api.schema import ProblemSerializer
from common.api.views import ApiView
from common.core.errors import FieldError, Invalid
from deployments.services.credential_tests import start_credential_test
from deployments.services.enrolment import Offer, enrol_host, fetch_offer, reimage_host
from inventory.api.references import find_credential, find_host, named
from inventory.api.serializers import HostDetailSerializer
from inventory.models import Host, HostKey


class OfferedKeySerializer(serializers.Serializer[Any]):
    algorithm = serializers.CharField()
    fingerprint = serializers.CharField()
    public_key = serializers.CharField()
    pinned = serializers.BooleanField()


class OfferSerializer(serializers.Serializer[Any]):
    host = serializers.CharField()
    address = serializers.CharField()
    port = serializers.IntegerField()
    keys = OfferedKeySerializer(many=True)
    pinned = serializers.ListField(
        child=serializers.CharField(),
        help_text="fingerprints trusted now, also those the host no longer shows",
    )
    changed = serializers.BooleanField(help_text="keys are pinned, and the host shows none of them")


class EnrolRequest(serializers.Serializer[Any]):
    fingerprints = serializers.ListField(
        child=serializers.CharField(max_length=100),
        required=False,
        help_text="`SHA256:…`, compared with what the host's own console says; exactly these are pinned",
    )
    dry_run = serializers.BooleanField(default=False, help_text="only show what the host offers")


class CredentialTestRequest(serializers.Serializer[Any]):
    host = serializers.CharField(help_text="name or id")


class ReimageRequest(serializers.Serializer[Any]):
    fingerprints = serializers.ListField(
        child=serializers.CharField(max_length=100),
        required=False,
        help_text="of its new keys, as `enrol/` shows them and its own console says; exactly these are pinned",
    )
    reason = serializers.CharField(
        max_length=2000, required=False, default="", allow_blank=True, help_text="why; kept in the ledger"
    )


class HostEnrol(ApiView):
    permissions: ClassVar[dict[str, str]] = {"GET": "host.enrol", "POST": "host.enrol"}

    def prepare(self, request: Request, **kwargs: Any) -> tuple[dict[str, Any], Offer]:
        """Fetch before the transaction: a host may take its time."""
        data = self.parse(EnrolRequest)
        if not data["dry_run"] and not data.get("fingerprints"):
            message = "Name the fingerprints to pin; GET shows what the host offers."
            raise Invalid(message, errors=[FieldError("/fingerprints", "missing")])
        return data, fetch_offer(actor=self.actor, host=find_host(kwargs["host"]))

    @extend_schema(
        operation_id="hosts_offered_keys",
        responses={200: OfferSerializer, (422, CONTENT_TYPE): ProblemSerializer},
    )
    def get(self, request: Request, host: str) -> Response:
        """The keys that the host shows now, to compare with its own console. Nothing is pinned."""
        return _answer(fetch_offer(actor=self.actor, host=find_host(host)))

    @extend_schema(operation_id="hosts_enrol", request=EnrolRequest, responses=OfferSerializer)
    def post(self, request: Request, host: str) -> Response:
        """Pin exactly the keys with these fingerprints; Foldback then connects to no other."""
        data, offer = self.prepared
        if data["dry_run"]:
            return _answer(offer)
        keys = enrol_host(
            actor=self.actor, host=find_host(host), offer=offer, fingerprints=data["fingerprints"]
        )
        return _answer(offer, frozenset(key.fingerprint for key in keys))


class HostReimage(ApiView):
    permissions: ClassVar[dict[str, str]] = {"POST": "host.enrol"}

    def prepare(self, request: Request, **kwargs: Any) -> tuple[dict[str, Any], Offer | None]:
        data = self.parse(ReimageRequest)
        host = find_host(kwargs["host"])
        wants_pins = host.transport != "local" and bool(data.get("fingerprints"))
        return data, fetch_offer(actor=self.actor, host=host) if wants_pins else None

    @extend_schema(operation_id="hosts_reimage", request=ReimageRequest, responses=HostDetailSerializer)
    def post(self, request: Request, host: str) -> Response:
        """The machine was installed anew: pin its new keys, and begin again.

        What is open on it ends as re-imaged, and what was agreed is forgotten: at its next look base is what the
        definition says, as at enrolment. `fingerprints` may be left out for a local folder, and where a host CA
        vouches for the new key.
        """
        data, offer = self.prepared
        found = find_host(host)
        reimage_host(
            actor=self.actor,
            host=found,
            offer=offer,
            fingerprints=data.get("fingerprints", ()),
            reason=data["reason"],
        )
        return Response(_detail(found))


def _detail(host: Host) -> Any:
    has_keys = Exists(HostKey.objects.filter(host=OuterRef("pk"), revoked_at=None))
    hosts = Host.objects.select_related("team", "credential").annotate(has_keys=has_keys)
    return HostDetailSerializer(hosts.get(pk=host.pk)).data


class CredentialTest(ApiView):
    permissions: ClassVar[dict[str, str]] = {"POST": "credential.edit"}

    @extend_schema(
        operation_id="credentials_test", request=CredentialTestRequest, responses={202: JobSerializer}
    )
    def post(self, request: Request, credential: str) -> Response:
        """Have a worker sign in to a host with it; the credential's `test_result` then says how that ended."""
        host = named("host", find_host, self.parse(CredentialTestRequest)["host"])
        job = start_credential_test(actor=self.actor, credential=find_credential(credential), host=host)
        return Response(JobSerializer(job).data, status=202, headers={"Location": f"/api/v1/jobs/{job.pk}/"})


def _answer(offer: Offer, pinned: frozenset[str] | None = None) -> Response:
    trusted = offer.pinned if pinned is None else pinned
    told = {
        "host": offer.name,
        "address": offer.address,
        "port": offer.port,
        "keys": [
            {
                "algorithm": key.algorithm,
                "fingerprint": key.fingerprint,
                "public_key": key.public_key,
                "pinned": key.fingerprint in trusted,
            }
            for key in offer.keys
        ],
        "pinned": sorted(trusted),
        "changed": bool(trusted) and not (trusted & offer.fingerprints),
    }
    return Response(OfferSerializer(told).data)
