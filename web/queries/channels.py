"""Channels as pages show them: the list with how each one stands, and one with what was sent over it."""

from dataclasses import dataclass

from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest

from changemgmt.core.notices import TOPICS
from changemgmt.models import Channel, Notice
from changemgmt.queries.channels import channels_of
from common.core import roles
from common.core.actor import Actor
from inventory.models import Team
from web.core.sentences import plural, sentence
from web.paging import Page, paged


@dataclass(frozen=True)
class ChannelRow:
    channel: Channel
    last: Notice | None
    may_edit: bool

    @property
    def topics(self) -> str:
        return ", ".join(self.channel.topics) or "everything"


@dataclass(frozen=True)
class ChannelList:
    rows: list[ChannelRow]

    @property
    def sentence(self) -> str:
        if not self.rows:
            return "Foldback tells you nothing yet outside these pages."
        on = [row for row in self.rows if row.channel.is_active]
        broken = sum(1 for row in on if row.last and row.last.state in ("failed", "uncertain"))
        return sentence(
            f"{plural(len(on), 'channel')} at work",
            f"the last message over {broken} of them did not certainly arrive" if broken else "",
        )


def channel_list(actor: Actor) -> ChannelList:
    """One's own, then those of teams; with the last notice of each, in three queries."""
    latest = Notice.objects.filter(channel=OuterRef("pk")).order_by("-created_at").values("pk")[:1]
    channels = list(channels_of(actor).annotate(last=Subquery(latest)).order_by("team__name", "created_at"))
    channels.sort(key=lambda one: one.team_id is not None)
    last = Notice.objects.in_bulk([one.last for one in channels if one.last])
    return ChannelList([ChannelRow(one, last.get(one.last), may_edit(actor, one)) for one in channels])


@dataclass(frozen=True)
class ChannelPage:
    channel: Channel
    page: Page[Notice]
    may_edit: bool

    @property
    def is_waiting(self) -> bool:
        """Whether something is on its way, so that the page asks again."""
        return any(one.state in ("pending", "sending") for one in self.page.rows)

    @property
    def topics(self) -> list[str]:
        return [TOPICS[topic] for topic in self.channel.topics if topic in TOPICS]


def channel_page(request: HttpRequest, actor: Actor, channel: Channel) -> ChannelPage:
    notices = Notice.objects.filter(channel=channel)
    page = paged(request, notices, by="-created_at", size=50, noun="notice")
    return ChannelPage(channel, page, may_edit(actor, channel))


def may_edit(actor: Actor, channel: Channel) -> bool:
    if channel.team is None:
        return channel.person_id == actor.person_id
    return channel.team.lead_id == actor.person_id or roles.allows(actor, "team.edit")


def teams_led(actor: Actor) -> QuerySet[Team]:
    """Those that the actor may make channels for."""
    teams = Team.objects.order_by("name")
    return teams if roles.allows(actor, "team.edit") else teams.filter(lead=actor.person_id)
