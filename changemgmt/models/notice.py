"""Who wants to hear of what, over which channel, and what was sent to them."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from common.models import Person
from common.models.base import Record
from inventory.models import Team

EMAIL, SLACK = "email", "slack"
CHANNEL_KINDS = (EMAIL, SLACK)
# What has become of a notice. `uncertain`: it was being handed over when we lost sight of it. It is not sent again.
NOTICE_STATES = ("pending", "sending", "sent", "failed", "uncertain")


class Channel(Record):
    """A person's or a team's. `target` is an address, or the sealed address of an incoming webhook (it is a secret:
    `hint` shows its host and last characters). `topics` are the kinds of notices that it takes; empty: all."""

    person = models.ForeignKey(Person, on_delete=models.CASCADE, null=True, related_name="channels")
    team = models.ForeignKey(Team, on_delete=models.CASCADE, null=True, related_name="channels")
    kind = models.CharField(max_length=16, choices=[(kind, kind) for kind in CHANNEL_KINDS])
    target = models.CharField(max_length=254, blank=True)
    sealed = models.BinaryField(null=True)
    seal_key = models.CharField(max_length=60, blank=True)
    hint = models.CharField(max_length=100, blank=True)
    topics = ArrayField(models.CharField(max_length=64), default=list, blank=True)
    is_active = models.BooleanField(default=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(person__isnull=False, team=None) | Q(person=None, team__isnull=False),
                name="channel_is_a_persons_or_a_teams",
            ),
            models.CheckConstraint(condition=Q(kind__in=CHANNEL_KINDS), name="channel_kind_is_known"),
            models.CheckConstraint(
                condition=Q(kind=EMAIL, sealed=None) & ~Q(target="")
                | Q(kind=SLACK, target="", sealed__isnull=False),
                name="channel_has_its_target",
            ),
        ]

    @property
    def owner_label(self) -> str:
        return str(self.team or self.person)

    @property
    def address(self) -> str:
        """What may be shown of where it leads."""
        return self.target or self.hint

    def __str__(self) -> str:
        return f"{self.kind} of {self.owner_label}"


class Notice(Record):
    """One message about one event over one channel: never a second one."""

    event_id = models.UUIDField()
    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="notices")
    topic = models.CharField(max_length=64)
    title = models.CharField(max_length=300)
    text = models.TextField(blank=True)
    link = models.CharField(max_length=300, blank=True)  # below FOLDBACK_URL
    state = models.CharField(max_length=16, default="pending")
    attempts = models.PositiveIntegerField(default=0)
    not_before = models.DateTimeField(null=True)
    sending_since = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["event_id", "channel"], name="notice_once"),
            models.CheckConstraint(condition=Q(state__in=NOTICE_STATES), name="notice_state_is_known"),
        ]
        indexes = [
            models.Index(
                fields=["not_before"], name="notice_open", condition=Q(state__in=("pending", "sending"))
            )
        ]
