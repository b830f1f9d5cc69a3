"""Channels by who may see them."""

from django.db.models import Q, QuerySet

from changemgmt.models import Channel
from common.core import roles
from common.core.actor import Actor
from inventory.models import Team


def channels_of(actor: Actor) -> QuerySet[Channel]:
    """One's own, and those of teams that one leads or is in; who may edit teams sees those of all teams."""
    teams = Team.objects.all()
    if not roles.allows(actor, "team.edit"):
        mine = Team.members.through.objects.filter(person=actor.person_id).values("team")
        teams = teams.filter(Q(lead=actor.person_id) | Q(pk__in=mine))
    seen = Q(person=actor.person_id) | Q(team__in=teams)
    return Channel.objects.filter(seen).select_related("person", "team__lead")
