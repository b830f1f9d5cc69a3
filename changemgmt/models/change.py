"""The record of one production change, with the person who answers for it.

Hosts and resources are named as text, so that history outlives inventory.
"""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q

from changemgmt.core import words
from changemgmt.core.lifecycles import CHANGE
from changemgmt.core.scope import RESOURCE_LENGTH
from common import clock
from common.models import Person
from common.models.base import Referenced, reference_number


class Change(Referenced):
    PREFIX: ClassVar[str] = "CHG"

    number = reference_number("changemgmt_change_number")
    kind = models.CharField(max_length=16, choices=[(kind, kind) for kind in words.KINDS])
    state = models.CharField(max_length=16, choices=[(state, state) for state in CHANGE.meaning])
    title = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    reason = models.TextField(blank=True)
    owner = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="owned_changes")
    owner_source = models.CharField(
        max_length=16, choices=[(source, source) for source in words.OWNER_SOURCES]
    )
    # Who answers for the filing of it: the person who filed it, or the sponsor of the program that did.
    requested_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="requested_changes")
    recorded_via = models.CharField(max_length=200)  # the person's or the token's name, as it was then
    token_id = models.UUIDField(null=True)
    client_id = models.UUIDField()  # whose external_id it is: a token's or a person's id
    external_id = models.CharField(max_length=200, blank=True)
    happened_at = models.DateTimeField()
    hosts = ArrayField(models.CharField(max_length=255), default=list)
    resources = ArrayField(models.CharField(max_length=RESOURCE_LENGTH), default=list)
    selector = models.TextField(blank=True)  # what `hosts` was resolved from, when it was
    digest = models.CharField(max_length=64, blank=True)  # what an approval must bind; records have none
    made_by = ArrayField(models.UUIDField(), default=list)  # who made by hand what this decides on
    links = models.JSONField(
        default=dict
    )  # what it belongs to: {"incident": "INC-7", "findings": ["DRF-88"]}
    version = models.PositiveIntegerField(default=1)
    updated_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=words.KINDS), name="change_kind_is_known"),
            models.CheckConstraint(
                condition=Q(state__in=sorted(CHANGE.states)), name="change_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(owner_source__in=words.OWNER_SOURCES), name="change_owner_has_a_source"
            ),
            models.CheckConstraint(condition=~Q(title=""), name="change_has_a_title"),
            models.CheckConstraint(
                condition=(~Q(kind=words.DECISION) & Q(digest="")) | Q(digest__regex="^[0-9a-f]{64}$"),
                name="change_decision_has_a_digest",
            ),
            models.CheckConstraint(
                condition=~Q(kind=words.DECISION, state="logged"), name="change_decision_is_not_a_record"
            ),
            models.UniqueConstraint(
                fields=["client_id", "external_id"],
                condition=~Q(external_id=""),
                name="change_external_id_once",
            ),
        ]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="change_created"),
            models.Index(fields=["-happened_at", "-id"], name="change_happened"),
            models.Index(fields=["owner", "-created_at"], name="change_owner"),
            models.Index(fields=["state", "-created_at"], name="change_state"),
            GinIndex(fields=["hosts"], name="change_hosts"),
            GinIndex(fields=["resources"], name="change_resources"),
        ]

    @property
    def is_decision(self) -> bool:
        return self.kind == words.DECISION
