"""Hosts, what they were called, the keys they proved to be themselves with, and the imports that brought them."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Func, Q, TextField, Value
from django.db.models.functions import Lower
from django.db.models.lookups import Exact, Regex

from common.models import Person
from common.models.base import Record
from inventory.core.names import HOST_NAME_LENGTH, HOST_NAME_PATTERN, WORD_LENGTH, WORD_PATTERN
from inventory.models.credential import Credential
from inventory.models.team import Team

SSH, LOCAL = "ssh", "local"
TRANSPORTS = (SSH, LOCAL)


def _is_object(field: str) -> Exact:
    return Exact(Func(F(field), function="jsonb_typeof", output_field=TextField()), Value("object"))


class Host(Record):
    """A managed machine. `roles` are in order, later wins; an empty `address` means that the name resolves."""

    ACTIVE = "active"
    DECOMMISSIONED = "decommissioned"

    name = models.CharField(max_length=HOST_NAME_LENGTH, unique=True)
    environment = models.CharField(max_length=WORD_LENGTH)
    roles = ArrayField(models.CharField(max_length=WORD_LENGTH), default=list, blank=True)
    team = models.ForeignKey(Team, on_delete=models.PROTECT, null=True, blank=True, related_name="hosts")
    variables = models.JSONField(default=dict, blank=True)
    facts = models.JSONField(default=dict, blank=True)
    address = models.CharField(max_length=HOST_NAME_LENGTH, blank=True)
    port = models.PositiveIntegerField(default=22)
    user = models.CharField(max_length=WORD_LENGTH, blank=True)
    transport = models.CharField(max_length=16, choices=[(name, name) for name in TRANSPORTS], default=SSH)
    root = models.CharField(max_length=4096, blank=True)
    credential = models.ForeignKey(
        Credential, on_delete=models.PROTECT, null=True, blank=True, related_name="hosts"
    )
    # Who carries the connection there; the chain of jump hosts is short and no ring (see core/jump_hosts.py).
    jump_host = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="hosts_behind"
    )
    site = models.CharField(max_length=WORD_LENGTH, blank=True, default="", db_default="")
    state = models.CharField(max_length=16, default=ACTIVE)
    decommissioned_at = models.DateTimeField(null=True, blank=True)
    reimaged_at = models.DateTimeField(null=True, blank=True)  # what was agreed before says nothing any more
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("name"), name="host_name_once_in_any_case"),
            models.CheckConstraint(
                condition=Q(name__regex=f"^{HOST_NAME_PATTERN}$"), name="host_name_is_safe"
            ),
            models.CheckConstraint(
                condition=Q(environment__regex=f"^{WORD_PATTERN}$"), name="host_environment_is_a_word"
            ),
            models.CheckConstraint(
                condition=Q(roles=[])
                | Q(
                    Regex(
                        Func(F("roles"), Value("/"), function="array_to_string", output_field=TextField()),
                        Value(f"^{WORD_PATTERN}(/{WORD_PATTERN})*$"),
                    )
                ),
                name="host_roles_are_words",
            ),
            models.CheckConstraint(condition=Q(port__gte=1, port__lte=65535), name="host_port_is_a_port"),
            models.CheckConstraint(
                condition=Q(transport=SSH, root="") | Q(transport=LOCAL, root__startswith="/"),
                name="host_root_goes_with_local",
            ),
            models.CheckConstraint(
                condition=Q(state="active", decommissioned_at=None)
                | Q(state="decommissioned", decommissioned_at__isnull=False),
                name="host_state_goes_with_its_time",
            ),
            models.CheckConstraint(
                condition=Q(site="") | Q(site__regex=f"^{WORD_PATTERN}$"), name="host_site_is_a_word"
            ),
            models.CheckConstraint(
                condition=Q(jump_host=None) | Q(transport=SSH) & ~Q(jump_host=F("id")),
                name="host_jumps_over_another",
            ),
            models.CheckConstraint(condition=_is_object("variables"), name="host_variables_are_an_object"),
            models.CheckConstraint(condition=_is_object("facts"), name="host_facts_are_an_object"),
        ]
        indexes = [
            models.Index(fields=["environment", "name"], name="host_environment"),
            GinIndex(fields=["roles"], name="host_roles"),
            models.Index(fields=["site"], name="host_site", condition=~Q(site="")),
        ]

    def __str__(self) -> str:
        return self.name


class FormerName(Record):
    """What a host was called until it was renamed. Records that name hosts as text are read with it: a change on
    `web-1` is about the host that was called so when it happened."""

    host = models.ForeignKey(Host, on_delete=models.CASCADE, related_name="former_names")
    name = models.CharField(max_length=HOST_NAME_LENGTH)
    until = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["name", "-until"], name="former_name")]

    def __str__(self) -> str:
        return self.name


class HostKey(Record):
    """A host key that a person has looked at and pinned. Trusted while `revoked_at` is null."""

    host = models.ForeignKey(Host, on_delete=models.CASCADE, related_name="keys")
    algorithm = models.CharField(max_length=64)
    public_key = models.TextField()  # "algorithm base64", as in known_hosts, without a comment
    fingerprint = models.CharField(max_length=60)
    pinned_by = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="+")
    pinned_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["host", "fingerprint"], condition=Q(revoked_at=None), name="host_key_pinned_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.host} {self.fingerprint}"


class HostImport(Record):
    """One inventory that was imported: which file, and how many hosts it brought. Its ledger entry names them."""

    path = models.CharField(max_length=300)
    format = models.CharField(max_length=16)
    created = models.PositiveIntegerField()
    changed = models.PositiveIntegerField()
    unchanged = models.PositiveIntegerField()
    requested_by = models.CharField(max_length=200)

    def __str__(self) -> str:
        return self.path
