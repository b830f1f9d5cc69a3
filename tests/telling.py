"""Channels for tests, and the world outside that they lead to."""

from typing import Any

from changemgmt.models import Channel, Notice
from changemgmt.services.channels import create_channel
from common.models import EventDelivery, Person
from common.models.base import new_id
from common.services.deliveries import deliver_event
from inventory.core.sealing import generate_key_pair
from inventory.models import Team
from tests.factories import acting

PUBLIC, PRIVATE = generate_key_pair()


def allow(config: Any, *, mail: int = 0) -> None:
    """Let this test send to loopback: keys to seal with, `localhost` allowed by name, and a mail server's port."""
    config.SEAL_PUBLIC_KEY, config.SEAL_PRIVATE_KEY = PUBLIC, PRIVATE
    config.OUTBOUND_ALLOWED = ["localhost"]
    config.PUBLIC_URL = "https://foldback.test"
    config.EMAIL_HOST, config.EMAIL_PORT = ("127.0.0.1", mail) if mail else ("", 25)
    config.EMAIL_HOST_USER = config.EMAIL_HOST_PASSWORD = ""
    config.EMAIL_USE_TLS = config.EMAIL_USE_SSL = False


def mail(who: Person | str = "ana", address: str = "ana@example.org", **more: Any) -> Channel:
    return create_channel(actor=acting(who), kind="email", address=address, **more)


def chat(url: str, who: Person | str = "ana", **more: Any) -> Channel:
    return create_channel(actor=acting(who), kind="slack", address=url, **more)


def team_mail(team: Team, address: str, **more: Any) -> Channel:
    return create_channel(actor=acting(team.lead), kind="email", address=address, team=team, **more)


def notice(channel: Channel, title: str = "CHG-1 is approved", **more: Any) -> Notice:
    fields = {"topic": "changes", "text": "by Ben", "link": "/changes/CHG-1/"} | more
    return Notice.objects.create(event_id=new_id(), channel=channel, title=title, **fields)


def tell() -> None:
    """Deliver what has happened to whoever writes notices of it."""
    consumer = "changemgmt.services.notices.write_notices"
    for delivery in EventDelivery.objects.filter(consumer=consumer, done_at=None).order_by("created_at"):
        deliver_event(delivery_id=delivery.pk)
    broken = EventDelivery.objects.filter(consumer=consumer, done_at=None).values_list("error", flat=True)
    assert not broken, list(broken)


def told() -> dict[str, list[str]]:
    """Who was told what: address → titles, in their order."""
    found: dict[str, list[str]] = {}
    for one in Notice.objects.select_related("channel").order_by("created_at"):
        found.setdefault(one.channel.address, []).append(one.title)
    return found
