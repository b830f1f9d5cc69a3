"""What filings are held against: hosts, approval policies and incidents, in one statement.

Whoever files a change waits for it, and three statements would take three times as long to make and to plan.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection

from changemgmt.core.requirements import Policy
from changemgmt.models import Incident
from changemgmt.queries.scope import KnownHost

_SQL = """
WITH known AS (
    SELECT lower(host.name) AS folded, host.name, host.environment, lead.id AS lead
    FROM inventory_host host
    LEFT JOIN inventory_team team ON team.id = host.team_id
    LEFT JOIN common_person lead ON lead.id = team.lead_id AND lead.is_active
    WHERE lower(host.name) = ANY(%(names)s::text[])
)
SELECT
    (SELECT json_agg(json_build_array(folded, name, environment, lead)) FROM known),
    (SELECT json_agg(json_build_array(policy.name, environments, kinds, risks, count, role, team.name, team.id))
     FROM changemgmt_approvalpolicy policy LEFT JOIN inventory_team team ON team.id = policy.team_id
     WHERE policy.is_active),
    (SELECT json_agg(json_build_array(
        incident.id, incident.number, incident.started_at, incident.closed_at, commander.id, covered.names
     ))
     FROM (
        SELECT id, array_agg(name) AS names
        FROM changemgmt_incidents_covering(%(names)s::text[], %(since)s) GROUP BY id
     ) covered
     JOIN changemgmt_incident incident ON incident.id = covered.id
     LEFT JOIN common_person commander ON commander.id = incident.commander_id AND commander.is_active)
"""


@dataclass(frozen=True)
class NearIncident:
    """`commander` while they are active; `hosts` are those of the names asked for that are in its scope, folded."""

    id: UUID
    reference: str
    started_at: datetime
    closed_at: datetime | None
    commander: UUID | None
    hosts: frozenset[str]

    def went_on_at(self, at: datetime) -> bool:
        return self.started_at <= at and (self.closed_at is None or at <= self.closed_at)


def look_up_ground(
    names: Iterable[str], since: datetime
) -> tuple[Mapping[str, KnownHost], Sequence[Policy], Sequence[NearIncident]]:
    """(what inventory knows by these names, by their lower case; every policy that holds; incidents that go on, or did
    at or after `since`, with one of the names in their scope)."""
    with connection.cursor() as cursor:
        cursor.execute(_SQL, {"names": list({name.lower() for name in names}), "since": since})
        known, policies, incidents = (found or [] for found in cursor.fetchone())
    return (
        {folded: KnownHost(name, environment, _uuid(lead)) for folded, name, environment, lead in known},
        [
            Policy(name, environments, kinds, risks, count, role, team or "", team_id or "")
            for name, environments, kinds, risks, count, role, team, team_id in policies
        ],
        [
            NearIncident(
                UUID(pk),
                f"{Incident.PREFIX}-{number}",
                datetime.fromisoformat(started_at),
                datetime.fromisoformat(closed_at) if closed_at else None,
                _uuid(commander),
                frozenset(hosts),
            )
            for pk, number, started_at, closed_at, commander, hosts in incidents
        ],
    )


def _uuid(text: str | None) -> UUID | None:
    return UUID(text) if text else None
