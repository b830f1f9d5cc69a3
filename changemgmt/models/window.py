"""Freezes and maintenance periods, and the tokens of people's calendar feeds."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from changemgmt.core import words
from changemgmt.core.lifecycles import WINDOW
from common.models import Person
from common.models.base import Record, Referenced, reference_number


class Window(Referenced):
    """`starts_at` to `ends_at` is its first time; `rule` (RFC 5545, without DTSTART) says how it recurs, on the wall
    clock of `timezone`. `selector` is asked anew each time: a host that comes later is in it, too."""

    PREFIX: ClassVar[str] = "WIN"

    number = reference_number("changemgmt_window_number")
    kind = models.CharField(max_length=16, choices=[(kind, kind) for kind in words.WINDOW_KINDS])
    state = models.CharField(max_length=16, default="active")
    title = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    selector = models.TextField()
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    timezone = models.CharField(max_length=64, default="UTC")
    rule = models.CharField(max_length=500, blank=True)
    excluded = ArrayField(
        models.DateField(), default=list, blank=True
    )  # days of `timezone` on which it is left out
    created_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=words.WINDOW_KINDS), name="window_kind_is_known"),
            models.CheckConstraint(
                condition=Q(state__in=sorted(WINDOW.states)), name="window_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")), name="window_ends_after_it_starts"
            ),
            models.CheckConstraint(condition=~Q(title=""), name="window_has_a_title"),
        ]
        indexes = [
            models.Index(fields=["ends_at"], name="window_once", condition=Q(state="active", rule="")),
            models.Index(
                fields=["starts_at"], name="window_recurring", condition=Q(state="active") & ~Q(rule="")
            ),
        ]


class FeedToken(Record):
    """Opens `calendar.ics` for a calendar program, and nothing else; kept as a hash."""

    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="feed_tokens")
    prefix = models.CharField(max_length=16, unique=True)
    digest = models.BinaryField(max_length=32)
    label = models.CharField(max_length=100, blank=True)
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)
