"""A definition written from live hosts: what was asked, what each host showed, and what would be committed."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from changemgmt.models import Change
from common.models import Job, Person
from common.models.base import Record, Referenced, reference_number
from drift.core.adoption_lifecycle import ADOPTION
from inventory.models import Host


class Adoption(Referenced):
    PREFIX: ClassVar[str] = "ADO"

    number = reference_number("drift_adoption_number")
    state = models.CharField(max_length=16, choices=[(state, state) for state in ADOPTION.meaning])
    selector = models.TextField()
    hosts = ArrayField(models.UUIDField())  # what the selector resolved to, frozen
    roots = ArrayField(models.TextField())
    options = models.JSONField(default=dict)
    requested_by = models.CharField(max_length=200)
    person = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="+")
    job = models.ForeignKey(Job, on_delete=models.PROTECT, null=True, related_name="+")  # the latest
    problem = models.TextField(blank=True)  # why the last step came to nothing
    # What the plan says; replaced when it is made anew.
    base_revision = models.CharField(max_length=40, blank=True)
    edits = models.JSONField(default=dict)  # path → {"text": …} or {"base64": …}; emptied when it is over
    summary = models.JSONField(default=dict)
    left_out = models.JSONField(default=list)  # [{resource, reason, hosts, only_content}]
    digest = models.CharField(max_length=64, blank=True)  # what an approval binds
    # What was committed.
    change = models.OneToOneField(Change, on_delete=models.PROTECT, null=True, related_name="adoption")
    reason = models.TextField(blank=True)
    commit = models.CharField(max_length=40, blank=True)  # on the branch
    merged = models.CharField(max_length=40, blank=True)  # on main

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=sorted(ADOPTION.states)), name="adoption_state_is_known"
            ),
            models.CheckConstraint(
                condition=~Q(state="proposed") | Q(change__isnull=False),
                name="adoption_is_proposed_by_a_change",
            ),
            models.CheckConstraint(
                condition=~Q(state="merged") | ~Q(merged=""), name="adoption_merged_has_a_commit"
            ),
        ]

    @property
    def branch(self) -> str:
        return f"adopt/{self.reference}"


class AdoptionHost(Record):
    """One host of it: how the look went, what it showed (until the adoption is over), and what came of it."""

    adoption = models.ForeignKey(Adoption, on_delete=models.CASCADE, related_name="host_looks")
    host = models.ForeignKey(Host, on_delete=models.CASCADE, related_name="+")
    status = models.CharField(max_length=16)  # ok, partial, unknown
    reason = models.CharField(max_length=200, blank=True)
    detail = models.TextField(blank=True)
    seconds = models.FloatField(default=0)
    seen = models.JSONField(default=dict)  # states, listed, redacted, shipped, withheld
    declared = models.PositiveIntegerField(default=0)
    wrong = models.JSONField(default=list)  # resources that would not render to what is live

    class Meta:
        constraints = [models.UniqueConstraint(fields=["adoption", "host"], name="host_once_per_adoption")]


class AdoptionText(models.Model):
    """The content of a file, once for all hosts that have it; deleted when the adoption is over."""

    adoption = models.ForeignKey(Adoption, on_delete=models.CASCADE, related_name="texts")
    digest = models.CharField(max_length=64)
    text = models.TextField()  # empty where there are secrets in it
    secrets = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["adoption", "digest"], name="text_once_per_adoption")]
