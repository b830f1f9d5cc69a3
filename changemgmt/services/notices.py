"""What happened becomes notices: one message about one event over one channel, and never a second one."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import F, Q
from django.utils.module_loading import import_string

from changemgmt.core.notices import HELD_AFTER, HELD_WITHIN, Message
from changemgmt.models import Channel, Notice
from common import clock


def write_notices(*, event_id: UUID, type: str, subject_id: UUID, data: dict[str, Any]) -> None:
    """The consumer of every event in settings.NOTICE_WRITERS: a notice for each channel of whom it concerns.

    In the transaction that marks the event as delivered here. Sending is somebody else's work (see `sending`).
    """
    if not Channel.objects.filter(is_active=True).exists():
        return
    write = import_string(settings.NOTICE_WRITERS[type])
    chosen: dict[UUID, tuple[Channel, Message]] = {}
    addresses: set[str] = set()
    for message in write(type=type, subject_id=subject_id, data=data):
        for channel in _channels(message):
            address = channel.target.lower()
            if channel.pk in chosen or (address and address in addresses):
                continue  # a person's own and their team's may be the same mailbox
            chosen[channel.pk] = channel, message
            addresses.add(address)
    if not chosen:
        return
    Notice.objects.bulk_create(
        [_notice(event_id, channel, message) for channel, message in chosen.values()], ignore_conflicts=True
    )


def _channels(message: Message) -> list[Channel]:
    """Those of the people and teams concerned that take this topic, people's first."""
    whose = Q(person__in=message.people, person__is_active=True) | Q(team__in=message.teams)
    takes = Q(topics=[]) | Q(topics__contains=[message.topic])
    found = Channel.objects.filter(whose, takes, is_active=True)
    return list(found.order_by(F("team").asc(nulls_first=True), "created_at"))


def _notice(event_id: UUID, channel: Channel, message: Message) -> Notice:
    notice = Notice(
        event_id=event_id,
        channel=channel,
        topic=message.topic,
        title=message.title,
        text=message.text,
        link=message.link,
    )
    lately = Notice.objects.filter(
        channel=channel, topic=message.topic, created_at__gt=clock.now() - HELD_WITHIN
    )
    count = lately.count()
    if count >= HELD_AFTER:
        notice.state = "failed"
        notice.error = (
            "Held back: there were too many of its kind within ten minutes. It is on this list only."
        )
    elif count == HELD_AFTER - 1:
        notice.text = (
            f"{notice.text}\n\nThere is more of this kind than people read. For ten minutes it is held back."
        )
    return notice
