"""Hosts, teams, people and credentials as JSON. What a field may hold is the services' to say."""

from functools import cached_property
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from common.api.fields import ChoiceField
from common.api.people_ref import PersonRef
from common.core import roles
from common.models import Person
from inventory.models import Credential, FormerName, Host, HostCa, HostKey, Site, Team
from inventory.models.credential import KINDS
from inventory.models.host import TRANSPORTS
from inventory.queries.host_cas import TrustedCa, cas_of, trusted_cas


@extend_schema_field({"type": "object", "additionalProperties": {}})
class ObjectField(serializers.JSONField):
    """A JSON object with any values."""

    def to_internal_value(self, data: Any) -> Any:
        value = super().to_internal_value(data)
        if not isinstance(value, dict):
            raise serializers.ValidationError('This is a JSON object: {"name": value}.')
        return value


class RolesField(serializers.ListField):
    """Roles in order, later wins."""

    child = serializers.CharField(max_length=63)


class HostKeySerializer(serializers.ModelSerializer[HostKey]):
    pinned_by = PersonRef(read_only=True, allow_null=True)

    class Meta:
        model = HostKey
        fields = ("algorithm", "fingerprint", "public_key", "pinned_by", "pinned_at")


class HostSerializer(serializers.ModelSerializer[Host]):
    url = serializers.SerializerMethodField()
    html_url = serializers.SerializerMethodField()
    roles = RolesField(read_only=True)
    team = serializers.CharField(source="team.name", default=None, read_only=True, allow_null=True)
    credential = serializers.CharField(
        source="credential.name", default=None, read_only=True, allow_null=True
    )
    jump_host = serializers.CharField(source="jump_host.name", default=None, read_only=True, allow_null=True)
    variables = ObjectField(read_only=True)
    facts = ObjectField(read_only=True)
    enrolled = serializers.SerializerMethodField()

    class Meta:
        model = Host
        fields = (
            "id", "url", "html_url", "created_at", "name", "environment", "roles", "team", "variables", "facts",
            "address", "port", "user", "transport", "root", "credential", "jump_host", "site", "state", "decommissioned_at",
            "reimaged_at", "enrolled",
        )  # fmt: skip

    def get_url(self, host: Host) -> str:
        return f"/api/v1/hosts/{host.pk}/"

    def get_html_url(self, host: Host) -> str:
        return f"/hosts/{host.name}/"

    def get_enrolled(self, host: Host) -> bool:
        """Whether Foldback may connect: a key is pinned, a host CA is trusted for it, or it is a local folder."""
        if host.transport == "local" or bool(host.has_keys):  # type: ignore[attr-defined]
            return True
        return bool(cas_of(host, self._cas))

    @cached_property
    def _cas(self) -> list[TrustedCa]:
        return trusted_cas()


class FormerNameSerializer(serializers.ModelSerializer[FormerName]):
    class Meta:
        model = FormerName
        fields = ("name", "until")


class HostDetailSerializer(HostSerializer):
    host_keys = serializers.SerializerMethodField()
    host_cas = serializers.SerializerMethodField()
    former_names = FormerNameSerializer(many=True, read_only=True)

    class Meta(HostSerializer.Meta):
        fields = (*HostSerializer.Meta.fields, "host_keys", "host_cas", "former_names")  # type: ignore[assignment]

    def get_host_cas(self, host: Host) -> list[str]:
        """The names of the host CAs whose signature on its key is enough."""
        return [ca.name for ca in cas_of(host, self._cas)]

    @extend_schema_field(HostKeySerializer(many=True))
    def get_host_keys(self, host: Host) -> Any:
        keys = host.keys.filter(revoked_at=None).select_related("pinned_by").order_by("algorithm")
        return HostKeySerializer(keys, many=True).data


class HostCaSerializer(serializers.ModelSerializer[HostCa]):
    url = serializers.SerializerMethodField()
    added_by = PersonRef(read_only=True, allow_null=True)
    revoked_keys = serializers.ListField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = HostCa
        fields = (
            "id", "url", "created_at", "name", "algorithm", "fingerprint", "public_key", "hosts", "revoked_keys",
            "added_by", "revoked_at",
        )  # fmt: skip

    def get_url(self, ca: HostCa) -> str:
        return f"/api/v1/host-cas/{ca.pk}/"


class TrustCaRequest(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=63)
    public_key = serializers.CharField(
        max_length=20_000, help_text="the CA's public line, `ssh-ed25519 AAAA…`; never the private half"
    )
    hosts = serializers.CharField(
        max_length=20_000, help_text="a selector, asked anew at each connection: `env=prod`, or `*` for all"
    )


class UpdateCaRequest(serializers.Serializer[Any]):
    hosts = serializers.CharField(max_length=20_000, required=False, help_text="a selector")
    revoked_keys = serializers.ListField(
        child=serializers.CharField(max_length=20_000),
        required=False,
        help_text="public keys of hosts that it has signed and that are refused all the same; the whole list",
    )


class UpdateHostRequest(serializers.Serializer[Any]):
    environment = serializers.CharField(max_length=63, required=False)
    roles = RolesField(required=False)
    team = serializers.CharField(required=False, allow_null=True, help_text="name or id")
    variables = ObjectField(required=False)
    address = serializers.CharField(max_length=253, required=False, allow_blank=True)
    port = serializers.IntegerField(required=False, min_value=1, max_value=65535)
    user = serializers.CharField(max_length=63, required=False, allow_blank=True)
    transport = ChoiceField(choices=TRANSPORTS, required=False)
    root = serializers.CharField(max_length=4096, required=False, allow_blank=True)  # type: ignore[assignment]
    credential = serializers.CharField(required=False, allow_null=True, help_text="name or id")
    jump_host = serializers.CharField(
        required=False, allow_null=True, help_text="name or id of the host that this one is reached through"
    )
    site = serializers.CharField(max_length=63, required=False, allow_blank=True)


class CreateHostRequest(UpdateHostRequest):
    name = serializers.CharField(max_length=253)
    environment = serializers.CharField(max_length=63)


class SiteSerializer(serializers.ModelSerializer[Site]):
    url = serializers.SerializerMethodField()

    class Meta:
        model = Site
        fields = ("id", "url", "created_at", "name", "description", "connections")

    def get_url(self, site: Site) -> str:
        return f"/api/v1/sites/{site.pk}/"


class UpdateSiteRequest(serializers.Serializer[Any]):
    connections = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=100_000,
        help_text="how many may be open to its hosts at once, over all workers; null: no limit",
    )
    description = serializers.CharField(max_length=300, required=False, allow_blank=True)


class CreateSiteRequest(UpdateSiteRequest):
    name = serializers.CharField(max_length=63)


class TeamSerializer(serializers.ModelSerializer[Team]):
    url = serializers.SerializerMethodField()
    lead = PersonRef(read_only=True)
    members = PersonRef(many=True, read_only=True)

    class Meta:
        model = Team
        fields = ("id", "url", "created_at", "name", "description", "lead", "members")

    def get_url(self, team: Team) -> str:
        return f"/api/v1/teams/{team.pk}/"


class UpdateTeamRequest(serializers.Serializer[Any]):
    lead = serializers.CharField(required=False, help_text="username or id")
    members = serializers.ListField(
        child=serializers.CharField(max_length=64),
        max_length=500,
        required=False,
        help_text="usernames or ids, beside the lead: who hears of the team's changes, and may approve for it",
    )
    description = serializers.CharField(max_length=300, required=False, allow_blank=True)


class CreateTeamRequest(UpdateTeamRequest):
    name = serializers.CharField(max_length=63)
    lead = serializers.CharField(help_text="username or id")


class PersonSerializer(serializers.ModelSerializer[Person]):
    url = serializers.SerializerMethodField()
    role = ChoiceField(roles.PERSON_ROLES, read_only=True)
    leads = serializers.SerializerMethodField()
    member_of = serializers.SerializerMethodField()

    class Meta:
        model = Person
        fields = (
            "id", "url", "created_at", "username", "name", "email", "role", "is_active", "leads", "member_of",
        )  # fmt: skip

    def get_url(self, person: Person) -> str:
        return f"/api/v1/people/{person.pk}/"

    def get_leads(self, person: Person) -> list[str]:
        """The teams that this person leads."""
        return sorted(team.name for team in person.teams_led.all())

    def get_member_of(self, person: Person) -> list[str]:
        """The teams that this person is in, beside whoever leads them."""
        return sorted(team.name for team in person.teams.all())


class UpdatePersonRequest(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=200, required=False)
    email = serializers.CharField(max_length=254, required=False, allow_blank=True)
    role = ChoiceField(roles.PERSON_ROLES, required=False)


class CreatePersonRequest(UpdatePersonRequest):
    username = serializers.CharField(max_length=64)
    name = serializers.CharField(max_length=200)
    role = ChoiceField(roles.PERSON_ROLES)


class DeactivateRequest(serializers.Serializer[Any]):
    successor = serializers.CharField(
        max_length=64, required=False, help_text="username or id of who takes over their open work"
    )


class CredentialSerializer(serializers.ModelSerializer[Credential]):
    """Never the secret: it can't be read back, only put in anew."""

    url = serializers.SerializerMethodField()
    created_by = PersonRef(read_only=True, allow_null=True)
    rotated_by = PersonRef(read_only=True, allow_null=True)

    class Meta:
        model = Credential
        fields = (
            "id", "url", "created_at", "name", "kind", "user", "public_key", "is_default", "seal_key", "created_by",
            "rotated_at", "rotated_by", "tested_at", "tested_host", "test_result",
        )  # fmt: skip

    def get_url(self, credential: Credential) -> str:
        return f"/api/v1/credentials/{credential.pk}/"


class SecretField(serializers.CharField):
    """A whole private key file, or a password; kept sealed and never shown again."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=20_000, trim_whitespace=False, write_only=True, **options)


class UpdateCredentialRequest(serializers.Serializer[Any]):
    user = serializers.CharField(max_length=63, required=False, allow_blank=True)
    is_default = serializers.BooleanField(required=False)


class CreateCredentialRequest(UpdateCredentialRequest):
    name = serializers.CharField(max_length=63)
    kind = ChoiceField(choices=KINDS)
    secret = SecretField()


class RotateCredentialRequest(serializers.Serializer[Any]):
    secret = SecretField()
