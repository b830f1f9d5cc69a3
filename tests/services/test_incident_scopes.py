"""Which incidents a change may belong to: those with its hosts in their scope, told without reading the scopes."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from changemgmt.models import Incident
from changemgmt.queries.ground import NearIncident, look_up_ground
from changemgmt.services.incidents import close_incident, open_incident
from common import clock
from common.models import Person
from tests.factories import acting, person

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nobody_listens(settings: Any) -> None:
    settings.EVENT_CONSUMERS = {}


def opened(*hosts: str) -> Incident:
    return open_incident(actor=acting("ana"), title="checkout is down", hosts=list(hosts))[0]


def incidents_covering(names: list[str], since: datetime) -> list[NearIncident]:
    return sorted(look_up_ground(names, since)[2], key=lambda one: one.reference)


def test_incidents_are_found_by_the_hosts_of_their_scope_in_any_case() -> None:
    first = opened("Web-1", "web-2", "web-3")
    second = opened("WEB-2")
    opened("web-10", "eb-1")
    opened()
    ana = person("ana").pk
    assert incidents_covering(["web-1", "web-2", "db-1"], clock.now()) == [
        NearIncident(first.pk, first.reference, first.started_at, None, ana, frozenset({"web-1", "web-2"})),
        NearIncident(second.pk, second.reference, second.started_at, None, ana, frozenset({"web-2"})),
    ]
    assert incidents_covering(["db-1"], clock.now()) == []
    assert incidents_covering([], clock.now()) == []


def test_those_that_were_over_by_then_are_left_out() -> None:
    over = opened("web-1")
    close_incident(actor=acting("ana"), incident=over)
    closed_at = Incident.objects.get(pk=over.pk).closed_at
    assert closed_at is not None
    (found,) = incidents_covering(["web-1"], closed_at)
    assert (found.id, found.closed_at) == (over.pk, closed_at)
    assert incidents_covering(["web-1"], closed_at + timedelta(seconds=1)) == []


def test_a_scope_that_is_said_anew_is_the_one_that_counts() -> None:
    incident = opened("web-1")
    Incident.objects.filter(pk=incident.pk).update(hosts=["web-2"])
    assert incidents_covering(["web-1"], clock.now()) == []
    assert [one.id for one in incidents_covering(["web-2"], clock.now())] == [incident.pk]


def test_a_commander_who_left_is_not_told() -> None:
    opened("web-1")
    Person.objects.filter(username="ana").update(is_active=False)
    assert [one.commander for one in incidents_covering(["web-1"], clock.now())] == [None]


@pytest.mark.parametrize("count", [1, 40])
def test_no_list_of_hosts_is_read_for_it(count: int) -> None:
    """What the planner does by itself, with the few rows of a test as with many."""
    for number in range(count):
        opened(f"web-{number}", "web-7")
    incidents_covering(["web-7"], clock.now())
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE changemgmt_incident")
        cursor.execute(
            "SELECT prosrc, proconfig FROM pg_proc WHERE proname = 'changemgmt_incidents_covering'"
        )
        source, settings = cursor.fetchone()
        assert settings == ["enable_seqscan=off"]
        cursor.execute("SET LOCAL enable_seqscan = off")
        names = ["web-7", "web-8", "db-1"]
        cursor.execute(
            f"EXPLAIN {source.replace('since', 'now()').replace('unnest(names)', 'unnest(%s)')}", [names]
        )
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Bitmap Index Scan on incident_folded_hosts" in plan
    assert "Filter: (changemgmt_folded" not in plan
