"""Notices are sent: claimed in one transaction, handed over in none, marked in another.

pending → sending → sent, or back to pending where it was certainly not delivered, or failed. What a worker was sending
when it died is *uncertain*, and not sent again: a message too few is on a list that people see, one too many is noise.
One round runs at a time, however many workers are asked: a webhook that hangs must not hold them all.
"""

import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db import DatabaseError, InterfaceError, connection, transaction
from django.db.models import F, Q

from changemgmt.core.notices import MAX_ATTEMPTS, pause_after
from changemgmt.models import Notice
from changemgmt.queries.notice_metrics import NOTICES
from changemgmt.services import handing_over
from changemgmt.services.channels import open_target
from changemgmt.services.handing_over import Outcome, Parcel, hand_over
from common import clock
from common.services.tallies import add_to_tally
from inventory.core.sealing import SealError

log = structlog.get_logger()
AT_ONCE = 8  # channels; of each one notice, in the order of what happened
ROUND_SECONDS = 20
LOST_AFTER = timedelta(minutes=2)  # longer than any handing over takes
KEPT = timedelta(days=90)
MARK_AGAIN = (0.2, 1.0, 5.0, 0.0)  # seconds between tries to write down what became of one
_LOCK = 0x6E6F74696365  # "notice"


@dataclass(frozen=True)
class Held:
    """A notice that this process sends; `attempts` tells this attempt from any other. Without a parcel it can't be."""

    notice: Notice
    attempts: int
    parcel: Parcel | None
    problem: str = ""


def send_notices() -> int:
    """Send what is due, until there is nothing more or the time of a round is over; returns how many were tried."""
    count, ends = 0, clock.monotonic() + ROUND_SECONDS
    while clock.monotonic() < ends and (held := claim_notices(now=clock.now())):
        count += len(held)
        with ThreadPoolExecutor(AT_ONCE) as pool:  # its threads know no database
            waiting = {pool.submit(_try, one): one for one in held}
            for future in as_completed(waiting):
                _mark_surely(waiting[future], future.result())
    return count


def _mark_surely(held: Held, outcome: Outcome) -> None:
    """What is known must not get lost because the database restarts: it would be uncertain for good. And what can't
    be written down of one notice keeps nobody from writing down the others."""
    for pause in MARK_AGAIN:
        try:
            mark_notice(held=held, outcome=outcome, now=clock.now())
            return
        except (DatabaseError, InterfaceError):
            log.warning("a notice could not be marked", notice=str(held.notice.pk), exc_info=True)
            if not connection.in_atomic_block:
                connection.close()
            time.sleep(pause)


def _try(held: Held) -> Outcome:
    return Outcome(handing_over.FAILED, held.problem) if held.parcel is None else hand_over(held.parcel)


def claim_notices(*, now: datetime) -> list[Held]:
    """Take the oldest notice that is due of each of a few channels; nothing while another round is under way."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
            if not cursor.fetchone()[0]:
                return []
        _give_up_lost(now)
        if Notice.objects.filter(state="sending").exists():
            return []
        _drop_unwanted()
        due = Notice.objects.filter(state="pending").filter(Q(not_before=None) | Q(not_before__lte=now))
        first = due.order_by("channel", "created_at", "pk").distinct("channel").values("pk")
        rows = Notice.objects.filter(pk__in=first).select_related("channel").order_by("created_at")
        taken = list(rows[:AT_ONCE])
        Notice.objects.filter(pk__in=[notice.pk for notice in taken]).update(
            state="sending", sending_since=now, attempts=F("attempts") + 1
        )
    return [_held(notice) for notice in taken]


def _held(notice: Notice) -> Held:
    try:
        target = open_target(notice.channel)
    except (SealError, UnicodeDecodeError) as error:
        said = f"The address of the webhook can't be opened: {error}. Enter it anew."
        return Held(notice, notice.attempts + 1, None, said)
    parcel = Parcel(notice.pk, notice.channel.kind, target, notice.title, notice.text, notice.link)
    return Held(notice, notice.attempts + 1, parcel)


def _give_up_lost(now: datetime) -> None:
    lost = Notice.objects.filter(state="sending", sending_since__lte=now - LOST_AFTER)
    count = lost.update(
        state="uncertain",
        error="The worker was lost while it sent this: it may have arrived, and is not sent again.",
    )
    add_to_tally(name=NOTICES, amounts={"uncertain": count})


def _drop_unwanted() -> None:
    """What nobody wants any more: the channel was switched off, or its person has left."""
    pending = Notice.objects.filter(state="pending")
    off = pending.filter(Q(channel__is_active=False) | Q(channel__person__is_active=False))
    if ids := list(off.values_list("pk", flat=True)):
        Notice.objects.filter(pk__in=ids).update(state="failed", error="The channel was switched off before.")
        add_to_tally(name=NOTICES, amounts={"failed": len(ids)})


def mark_notice(*, held: Held, outcome: Outcome, now: datetime) -> bool:
    """Write down what became of it. Only of this attempt; also where it was taken for lost meanwhile."""
    with transaction.atomic():
        mine = Notice.objects.filter(
            pk=held.notice.pk, attempts=held.attempts, state__in=("sending", "uncertain")
        )
        again = outcome.what == handing_over.AGAIN and held.attempts < MAX_ATTEMPTS
        wait = now + pause_after(held.attempts, asked=outcome.asked)
        state = "pending" if again else "failed" if outcome.what == handing_over.AGAIN else outcome.what
        marked = mine.update(
            state=state,
            error=outcome.error[:2_000],
            not_before=wait if again else None,
            sent_at=now if state == "sent" else None,
        )
        if marked and not again:
            add_to_tally(name=NOTICES, amounts={state: 1})
        others = Notice.objects.filter(channel=held.notice.channel_id, state="pending")
        if outcome.what == handing_over.SENT:  # whoever was away is back
            others.exclude(not_before=None).update(not_before=None)
        elif outcome.what != handing_over.FAILED:  # whoever is away is not asked once for each notice
            others.filter(Q(not_before=None) | Q(not_before__lt=wait)).update(not_before=wait)
    return bool(marked)


def forget_old_notices(*, now: datetime) -> int:
    """What was sent, or not, is kept for ninety days."""
    old = Notice.objects.filter(created_at__lt=now - KEPT).exclude(state__in=("pending", "sending"))
    return old.delete()[0]
