"""Whom something concerns: the teams that own hosts, and who is in them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q
from django.db.models.functions import Lower

from common.core import roles
from common.models import Person
from inventory.models import Host, Team


@dataclass(frozen=True)
class Concerned:
    people: frozenset[UUID]
    teams: frozenset[UUID]

    def __or__(self, other: "Concerned") -> "Concerned":
        return Concerned(self.people | other.people, self.teams | other.teams)


NOBODY = Concerned(frozenset(), frozenset())


def teams_of(hosts: Sequence[str]) -> Concerned:
    """The teams that own any of these hosts, with their leads and members."""
    if not hosts:
        return NOBODY
    folded = {name.lower() for name in hosts}
    owned = Host.objects.annotate(folded=Lower("name")).filter(folded__in=folded, team__isnull=False)
    return with_people(owned.values_list("team", flat=True).distinct())


def with_people(teams: Iterable[UUID]) -> Concerned:
    """These teams, their leads and members."""
    ids = frozenset(teams)
    if not ids:
        return NOBODY
    people = Person.objects.filter(Q(teams_led__in=ids) | Q(teams__in=ids))
    return Concerned(frozenset(people.values_list("pk", flat=True)), ids)


def everybody() -> Concerned:
    """Who acts on production at all, and every team: for what nobody in particular is known to be concerned by."""
    acting = [role for role in roles.ROLES if roles.may(role, "change.edit")]
    people = Person.objects.filter(is_active=True, role__in=acting).values_list("pk", flat=True)
    return Concerned(frozenset(people), frozenset(Team.objects.values_list("pk", flat=True)))
