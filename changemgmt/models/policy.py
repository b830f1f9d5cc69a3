"""Which approvals a change takes, and templates whose changes are approved beforehand."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower

from changemgmt.core import words
from common.models import Person
from common.models.base import Record
from inventory.core.names import WORD_LENGTH, WORD_PATTERN
from inventory.models import Team


class ApprovalPolicy(Record):
    """Changes of these environments, kinds and risks (empty: any) take `count` approvals of people with `role` and
    in `team` (empty: anybody who may approve). All policies that match a change hold, when it is filed or edited."""

    name = models.CharField(max_length=WORD_LENGTH)
    description = models.CharField(max_length=300, blank=True)
    environments = ArrayField(models.CharField(max_length=WORD_LENGTH), default=list, blank=True)
    kinds = ArrayField(models.CharField(max_length=16), default=list, blank=True)
    risks = ArrayField(models.CharField(max_length=8), default=list, blank=True)
    count = models.PositiveSmallIntegerField(default=1)
    role = models.CharField(max_length=32, blank=True)
    team = models.ForeignKey(Team, on_delete=models.PROTECT, null=True, related_name="approval_policies")
    is_active = models.BooleanField(default=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        verbose_name_plural = "approval policies"
        constraints = [
            models.UniqueConstraint(Lower("name"), name="approval_policy_name_once"),
            models.CheckConstraint(
                condition=Q(name__regex=f"^{WORD_PATTERN}$"), name="approval_policy_name_is_a_word"
            ),
            models.CheckConstraint(
                condition=Q(count__gte=1, count__lte=10), name="approval_policy_asks_for_somebody"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ChangeTemplate(Record):
    """A routine change that somebody wrote down and somebody else approved: what is made from it needs no approval.

    What was approved is never edited: a new version is a new row, and the old one is retired."""

    name = models.CharField(max_length=WORD_LENGTH)
    title = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    plan = models.TextField()
    backout = models.TextField()
    selector = models.TextField()  # the hosts it may be carried out on
    resources = ArrayField(models.TextField(), default=list, blank=True)
    risk = models.CharField(max_length=8, default=words.LOW)
    proposed_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    approved_by = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="+")
    approved_at = models.DateTimeField(null=True)
    four_eyes = models.BooleanField(default=True)  # False: FOUR_EYES was off at its approval
    retired_at = models.DateTimeField(null=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                Lower("name"), condition=Q(retired_at=None), name="change_template_name_once"
            ),
            models.CheckConstraint(
                condition=Q(name__regex=f"^{WORD_PATTERN}$"), name="change_template_name_is_a_word"
            ),
            models.CheckConstraint(
                condition=Q(four_eyes=False) | Q(approved_by=None) | ~Q(approved_by=F("proposed_by")),
                name="change_template_is_approved_by_another",
            ),
            models.CheckConstraint(
                condition=Q(approved_by=None, approved_at=None)
                | Q(approved_by__isnull=False, approved_at__isnull=False),
                name="change_template_approval_has_a_time",
            ),
            models.CheckConstraint(condition=Q(risk__in=words.RISKS), name="change_template_risk_is_known"),
        ]

    def __str__(self) -> str:
        return self.name
