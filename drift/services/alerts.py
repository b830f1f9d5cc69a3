"""Telling people of drift that nobody explained: not at once, since who fixes something logs it a little later."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef

from changemgmt.core.words import NOT_SAID
from common.services.outbox import emit_events
from drift.models import DraftedChange, Explanation, Finding, Occurrence
from drift.queries.incidents import findings_in_open_incidents

CAUGHT_UP = timedelta(days=7)
"""What was found longer ago than this is no news: nobody is woken for it."""
AT_ONCE = 500
MOST_OLD = 5_000


def alert_unexplained(*, now: datetime) -> int:
    """Emit `finding.unexplained`, once each time that a finding opens, for those that are open for longer than the claim
    period and that nobody has claimed, explained or been given as a draft; returns for how many.

    What lies inside an incident that goes on waits for its end: then it is drafted. Who runs this at the same time finds
    the rows locked, and leaves them.
    """
    latest = now - timedelta(minutes=settings.CLAIM_MINUTES)
    explained = Explanation.objects.filter(finding=OuterRef("pk")).exclude(change__state__in=NOT_SAID)
    drafted = DraftedChange.objects.filter(finding=OuterRef("pk"), change__state="drafted")
    here = Occurrence.objects.filter(finding=OuterRef("pk"), ended_at=None)
    due = Finding.objects.filter(state="open", alerted_at=None, claimed_by=None).filter(
        ~Exists(explained),
        ~Exists(drafted),
        Exists(here.filter(first_seen_at__lte=latest, first_seen_at__gte=now - CAUGHT_UP)),
    )
    with transaction.atomic():
        # In the order in which looks lock findings; those that a look holds now are told of the next time.
        held = due.select_for_update(skip_locked=True, of=("self",)).order_by("fingerprint")
        findings = list(held.exclude(pk__in=findings_in_open_incidents())[:AT_ONCE])
        Finding.objects.filter(pk__in=[finding.pk for finding in findings]).update(alerted_at=now)
        emit_events(type="finding.unexplained", subjects=findings)
    _let_old_ones_be(now)
    return len(findings)


def _let_old_ones_be(now: datetime) -> None:
    """What is no news any more is not looked through each minute."""
    recent = Occurrence.objects.filter(
        finding=OuterRef("pk"), ended_at=None, first_seen_at__gte=now - CAUGHT_UP
    )
    old = Finding.objects.filter(state="open", alerted_at=None, first_seen_at__lt=now - CAUGHT_UP)
    held = old.filter(~Exists(recent)).select_for_update(skip_locked=True).order_by("fingerprint")
    with transaction.atomic():
        Finding.objects.filter(pk__in=[finding.pk for finding in held[:MOST_OLD]]).update(alerted_at=now)
