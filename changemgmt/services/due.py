"""What the clock does to changes: reminders, overdue ones, approvals that ran out."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q

from changemgmt.core import words
from changemgmt.models import Approval, Change
from changemgmt.services.approvals import void_when_expired
from common import clock
from common.core.actor import SYSTEM
from common.services.ledger import record_entry
from common.services.outbox import emit_event

MOST = 500  # at a time; the rest comes with the next tick


def remind_of_due_changes() -> int:
    """Tell once, when a quarter of the time is left, that somebody has to approve a change (`change.due`); and once
    that the time is over (`change.overdue`). Returns how many were told of.

    However many beats run: the row's `reminded_at` is moved by compare-and-set. What was not looked at for days is
    overdue at once, without the reminder before.
    """
    now = clock.now()
    soon = timedelta(hours=settings.REVIEW_HOURS) / 4
    found = Change.objects.filter(state__in=words.UNSETTLED, due_at__lte=now + soon).order_by("due_at")
    told = 0
    for change in found.filter(_untold(now))[:MOST]:
        told += _tell(change, now)
    return told


def _untold(now: datetime) -> Q:
    return Q(reminded_at=None) | Q(due_at__lte=now, reminded_at__lt=F("due_at"))


def _tell(change: Change, now: datetime) -> bool:
    overdue = change.due_at is not None and change.due_at <= now
    with transaction.atomic():
        unmoved = Change.objects.filter(
            pk=change.pk, state=change.state, due_at=change.due_at, reminded_at=change.reminded_at
        )
        if not unmoved.update(reminded_at=now):
            return False
        action = "change.overdue" if overdue else "change.due"
        due_at = change.due_at.isoformat() if change.due_at else ""
        if overdue:
            record_entry(actor=SYSTEM, action=action, subject=change, data={"due_at": due_at})
        emit_event(type=action, subject=change, data={"due_at": due_at})
    return True


def end_expired_approvals() -> int:
    """What was approved and not started while that held waits for approvals anew (`change.voided`); how many."""
    now = clock.now()
    over = Approval.objects.filter(
        voided_at=None, verdict=words.APPROVED, expires_at__lte=now, change__state="approved"
    ).exclude(change__kind=words.DECISION)  # a worker finds that by itself, and says so
    ended = 0
    for pk in set(over.order_by("expires_at").values_list("change", flat=True)[:MOST]):
        with transaction.atomic():
            change = Change.objects.select_for_update().get(pk=pk)
            ended += void_when_expired(change=change, now=now)
    return ended
