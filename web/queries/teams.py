"""Teams as pages show them: who leads them, who is in them, how many hosts they have."""

from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest

from changemgmt.models import Channel
from changemgmt.queries.channels import channels_of
from common.core.actor import Actor
from common.models import Person
from inventory.models import Host, Team
from web.core.sentences import plural, sentence
from web.paging import Page, paged


@dataclass(frozen=True)
class TeamList:
    page: Page[Team]
    hosts: int
    teamless: int

    @property
    def sentence(self) -> str:
        if not self.page.rows and self.page.is_whole:
            return "Nobody is known yet to answer for hosts when nobody else does."
        told = f"{self.teamless} of {plural(self.hosts, 'host')} {'has' if self.teamless == 1 else 'have'} no team"
        return sentence("Who answers for which hosts", told if self.teamless else "every host has a team")


def team_list(request: HttpRequest) -> TeamList:
    teams = with_counts().select_related("lead")
    counted = Host.objects.filter(state=Host.ACTIVE).aggregate(
        all=Count("pk"), teamless=Count("pk", filter=Q(team=None))
    )
    page = paged(request, teams, by="name", size=100, noun="team")
    return TeamList(page, counted["all"], counted["teamless"])


def with_counts() -> QuerySet[Team]:
    """Teams with `host_count`, of active hosts, and `member_count`."""
    return Team.objects.annotate(
        host_count=Count("hosts", filter=Q(hosts__state=Host.ACTIVE), distinct=True),
        member_count=Count("members", distinct=True),
    )


@dataclass(frozen=True)
class TeamPage:
    team: Team
    members: list[Person]
    channels: list[Channel]  # those that who looks may see
    hosts: int

    @property
    def sentence(self) -> str:
        return sentence(
            f"{self.team.lead.name} leads it",
            plural(len(self.members), "member") if self.members else "nobody else is in it",
            plural(self.hosts, "host") if self.hosts else "no host names it",
        )


def team_page(actor: Actor, team: Team) -> TeamPage:
    return TeamPage(
        team,
        list(team.members.order_by("name")),
        list(channels_of(actor).filter(team=team).order_by("created_at")),
        Host.objects.filter(team=team, state=Host.ACTIVE).count(),
    )
