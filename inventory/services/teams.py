"""Teams, who leads them and who is in them."""

from collections.abc import Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F

from common.core.actor import Actor
from common.core.errors import Conflict, FieldError, Invalid
from common.models import Person
from common.services.ledger import record_entry
from inventory.core.names import word_problem
from inventory.models import Team
from inventory.services.permissions import require


def create_team(
    *, actor: Actor, name: str, lead: Person, description: str = "", members: Sequence[Person] = ()
) -> Team:
    """A new team; raises Invalid for a name that is none or a lead who is not active, Conflict for a taken name."""
    require(actor, "team.edit")
    _check_lead(lead)
    _check_members(members)
    problem = word_problem("team", name)
    if problem:
        raise Invalid(f"{problem[0].upper()}{problem[1:]}.", errors=[FieldError("/name", problem)])
    try:
        with transaction.atomic():
            team = Team.objects.create(name=name, lead=lead, description=description)
            team.members.set(members)
            data = {"lead": lead.username, "members": _told(members)}
            record_entry(actor=actor, action="team.created", subject=team, data=data)
    except IntegrityError:
        raise Conflict(f"There is a team {name} already.") from None
    return team


def update_team(*, actor: Actor, team: Team, changes: dict[str, Any]) -> None:
    """Change `lead` (a Person), `members` (people beside the lead) or `description`; raises Conflict if it changed
    since it was read."""
    require(actor, "team.edit")
    if "lead" in changes:
        _check_lead(changes["lead"])
    members = changes.get("members")
    if members is not None:
        _check_members([one for one in members if one not in team.members.all()])  # who is in it may stay
    before = {name: _told(getattr(team, name)) for name in changes}
    columns = {name: value for name, value in changes.items() if name != "members"}
    after = {name: _told(value) for name, value in changes.items()}
    if before == after:
        return
    with transaction.atomic():
        moved = Team.objects.filter(pk=team.pk, version=team.version).update(
            version=F("version") + 1, **columns
        )
        if not moved:
            raise Conflict(f"The team {team} has changed since you read it. Read it again.")
        if members is not None:
            team.members.set(members)
        record_entry(
            actor=actor, action="team.updated", subject=team, data={"before": before, "after": after}
        )
    team.refresh_from_db()


def set_team_lead(*, actor: Actor, team: Team, lead: Person) -> None:
    """Who answers for the team's hosts from now on."""
    update_team(actor=actor, team=team, changes={"lead": lead})


def _check_lead(lead: Person) -> None:
    if not lead.is_active:
        message = f"{lead.username} is not active, and can't lead a team."
        raise Invalid(message, errors=[FieldError("/lead", "not active")])


def _check_members(members: Sequence[Person]) -> None:
    left = [person.username for person in members if not person.is_active]
    if left:
        message = f"{', '.join(left)}: not active, and can't become a member of a team."
        raise Invalid(message, errors=[FieldError("/members", message)])


def _told(value: Any) -> Any:
    if isinstance(value, Person):
        return value.username
    if isinstance(value, str):
        return value
    return sorted(person.username for person in (value.all() if hasattr(value, "all") else value))
