"""The record of one production change, with the person who answers for it.

Hosts and resources are named as text, so that history outlives inventory.
"""

from datetime import datetime
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Upper

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
    # Those of a person have indexes below, with the order of lists; what few changes have, a partial one. Each index
    # costs whoever files.
    owner = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="owned_changes", db_index=False)
    owner_source = models.CharField(
        max_length=16, choices=[(source, source) for source in words.OWNER_SOURCES]
    )
    # Who answers for the filing of it: the person who filed it, or the sponsor of the program that did.
    requested_by = models.ForeignKey(
        Person, on_delete=models.PROTECT, related_name="requested_changes", db_index=False
    )
    recorded_via = models.CharField(max_length=200)  # the person's or the token's name, as it was then
    token_id = models.UUIDField(null=True)
    client_id = models.UUIDField()  # whose external_id it is: a token's or a person's id
    external_id = models.CharField(max_length=200, blank=True)
    happened_at = models.DateTimeField()
    hosts = ArrayField(models.CharField(max_length=255), default=list)
    resources = ArrayField(models.CharField(max_length=RESOURCE_LENGTH), default=list)
    selector = models.TextField(blank=True)  # what `hosts` was resolved from, when it was
    digest = models.CharField(max_length=64, blank=True)  # what an approval must bind
    made_by = ArrayField(models.UUIDField(), default=list)  # who made by hand what this decides on
    # What it belongs to: {"findings": ["DRF-88"], "ticket": "https://…"}; its incident is a column.
    links = models.JSONField(default=dict)
    incident = models.ForeignKey(
        "changemgmt.Incident", on_delete=models.PROTECT, null=True, related_name="changes", db_index=False
    )
    template = models.ForeignKey(
        "changemgmt.ChangeTemplate",
        on_delete=models.PROTECT,
        null=True,
        related_name="changes",
        db_index=False,
    )
    environments = ArrayField(
        models.CharField(max_length=64), default=list
    )  # of its hosts, when it was filed
    risk = models.CharField(max_length=8, choices=[(risk, risk) for risk in words.RISKS], default=words.LOW)
    risk_reasons = ArrayField(models.TextField(), default=list)
    risk_said = models.CharField(max_length=8, blank=True)  # by whoever filed it; `risk` is never below it
    plan = models.TextField(blank=True)
    backout = models.TextField(blank=True)
    planned_start = models.DateTimeField(null=True)
    planned_end = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    outcome = models.TextField(blank=True)  # what came of it, or why it failed
    # Which approvals it takes: [{"policy": …, "count": 1, "role": "", "team": ""}]; and how many people in all.
    requirements = models.JSONField(default=list)
    approvals_needed = models.PositiveSmallIntegerField(default=1)
    # Done first: until when somebody else has to have approved it, and when its owner was last reminded.
    due_at = models.DateTimeField(null=True)
    reminded_at = models.DateTimeField(null=True)
    review = models.TextField(blank=True)
    reviewed_by = models.ForeignKey(
        Person, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    reviewed_at = models.DateTimeField(null=True)
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
                condition=~Q(kind=words.DECISION)
                | Q(
                    state__in=(
                        "proposed",
                        "approved",
                        "rejected",
                        "withdrawn",
                        "completed",
                        "failed",
                        "reviewed",
                    )
                ),
                name="change_decision_is_not_a_record",
            ),
            models.CheckConstraint(condition=Q(risk__in=words.RISKS), name="change_risk_is_known"),
            models.CheckConstraint(condition=Q(approvals_needed__gte=1), name="change_needs_an_approval"),
            models.CheckConstraint(
                condition=Q(planned_end=None) | Q(planned_end__gt=F("planned_start")),
                name="change_plan_ends_after_it_starts",
            ),
            models.CheckConstraint(
                condition=~Q(state="ready") | Q(template__isnull=False), name="change_ready_has_a_template"
            ),
            models.CheckConstraint(
                condition=~Q(state="reviewed") | (~Q(review="") & Q(reviewed_by__isnull=False)),
                name="change_review_says_something",
            ),
            models.UniqueConstraint(  # in this order, it finds them without their client, too
                fields=["external_id", "client_id"],
                condition=~Q(external_id=""),
                name="change_external_id_once",
            ),
        ]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="change_created"),
            models.Index(fields=["-happened_at", "-id"], name="change_happened"),
            models.Index(fields=["owner", "-created_at"], name="change_owner"),
            models.Index(fields=["requested_by", "-created_at"], name="change_requested_by"),
            models.Index(fields=["state", "-created_at"], name="change_state"),
            models.Index(
                fields=["due_at"], name="change_due", condition=Q(state__in=("logged", "drafted", "disputed"))
            ),
            models.Index(
                fields=["planned_start"], name="change_planned", condition=Q(planned_start__isnull=False)
            ),
            models.Index(
                fields=["incident", "-happened_at"],
                name="change_incident",
                condition=Q(incident__isnull=False),
            ),
            models.Index(fields=["kind", "-created_at"], name="change_kind"),
            models.Index(fields=["risk", "-created_at"], name="change_risk"),
            models.Index(fields=["template"], name="change_template", condition=Q(template__isnull=False)),
            GinIndex(fields=["hosts"], name="change_hosts"),
            GinIndex(fields=["resources"], name="change_resources"),
            GinIndex(fields=["environments"], name="change_environments"),
            GinIndex(OpClass(Upper("title"), name="gin_trgm_ops"), name="change_title_part"),
        ]

    @property
    def is_decision(self) -> bool:
        return self.kind == words.DECISION

    @property
    def is_record(self) -> bool:
        """Whether it tells of what was done first, rather than asks for it. (A reviewed one has been either.)"""
        return self.state in words.RECORD_STATES

    def is_overdue(self, now: datetime) -> bool:
        """Done first, and nobody else approved it in time."""
        return self.due_at is not None and self.due_at <= now and self.state in words.UNSETTLED
