"""Incidents: opened over hosts, led, handed over, closed, reopened, reviewed."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from changemgmt.core.lifecycles import INCIDENT
from changemgmt.models import Incident
from changemgmt.queries.incidents import changes_before, open_incidents
from changemgmt.services.incidents import (
    close_incident,
    hand_over_incident,
    open_incident,
    reopen_incident,
    review_incident,
    update_incident,
)
from common import clock
from common.core.actor import SYSTEM
from common.core.errors import Conflict, Invalid, NotPermitted, PreconditionFailed
from common.models import LedgerEntry, OutboxEvent
from common.services.people import deactivate_person
from config.events import EVENT_CONSUMERS
from tests.definitions import deliver_events
from tests.factories import acting, host, logged, person, program, team

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nobody_listens(settings: Any) -> None:
    settings.EVENT_CONSUMERS = {}


def opened(who: str = "ana", **fields: Any) -> Incident:
    incident, is_new = open_incident(actor=acting(who), **{"title": "checkout is down", **fields})
    assert is_new
    return incident


def lines(incident: Incident) -> list[tuple[str, str]]:
    return list(incident.timeline.order_by("created_at", "id").values_list("kind", "text"))


def events(incident: Incident) -> list[str]:
    found = OutboxEvent.objects.filter(subject_id=incident.pk).order_by("created_at", "id")
    return list(found.values_list("type", flat=True))


def deeds(incident: Incident) -> list[tuple[str, str]]:
    found = LedgerEntry.objects.filter(subject_id=incident.pk).order_by("created_at", "id")
    return list(found.values_list("action", "actor_label"))


def test_opening_freezes_the_hosts_that_the_selector_means_now() -> None:
    host("web-1")
    host("web-2")
    host("db-1", host_roles=["db"])
    incident = opened(selector="role=web")
    host("web-3")
    incident.refresh_from_db()
    assert (incident.hosts, incident.selector) == (["web-1", "web-2"], "role=web")
    assert (incident.state, incident.severity, incident.closed_at) == ("open", "major", None)
    assert lines(incident) == [
        ("opened", f"{incident.reference} was opened over 2 hosts (web-1, web-2); Ana leads")
    ]
    assert (events(incident), deeds(incident)) == (["incident.opened"], [("incident.opened", "ana")])


def test_a_title_is_enough_since_opening_must_not_wait_for_a_scope() -> None:
    incident = opened()
    assert (incident.hosts, incident.commander.username) == ([], "ana")
    assert "without a scope so far" in lines(incident)[0][1]


def test_hosts_that_inventory_does_not_know_stay_as_they_were_named() -> None:
    host("web-1")
    assert opened(hosts=["WEB-1", "lb-9"]).hosts == ["web-1", "lb-9"]


def test_a_program_opens_one_for_its_sponsor_to_lead() -> None:
    incident, _ = open_incident(actor=program("ana", name="alerts"), title="checkout is down")
    assert (incident.commander.username, incident.recorded_via) == ("ana", "alerts")


def test_the_same_external_id_is_the_same_incident_for_ever() -> None:
    alerts = program()
    first, _ = open_incident(actor=alerts, title="checkout is down", external_id="P-1")
    again, is_new = open_incident(actor=alerts, title="something else", external_id="P-1")
    assert (again.pk, is_new, again.title) == (first.pk, False, "checkout is down")
    other, is_new = open_incident(actor=acting("ana"), title="mine", external_id="P-1")
    assert is_new and other.pk != first.pk


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"title": " "}, "/title"),
        ({"severity": "huge"}, "/severity"),
        ({"selector": "role="}, "/selector"),
        ({"selector": "role=nobody"}, "/selector"),
        ({"hosts": ["web 1"]}, "/hosts/0"),
        ({"started_at": clock.now() + timedelta(hours=1)}, "/started_at"),
    ],
)
def test_what_is_wrong_is_pointed_at_and_nothing_is_opened(fields: dict[str, Any], pointer: str) -> None:
    with pytest.raises(Invalid) as refused:
        opened(**fields)
    assert refused.value.errors[0].pointer == pointer
    assert not Incident.objects.exists()


def test_whoever_left_can_not_lead() -> None:
    deactivate_person(actor=SYSTEM, person=person("ben"))
    with pytest.raises(Invalid, match="not active"):
        opened(commander=person("ben"))


def test_dee_opens_and_edits_nothing() -> None:
    incident = opened()
    for act in (
        lambda: open_incident(actor=acting("dee"), title="checkout is down"),
        lambda: update_incident(actor=acting("dee"), incident=incident, fields={"severity": "minor"}),
        lambda: close_incident(actor=acting("dee"), incident=incident),
        lambda: close_incident(actor=program(), incident=incident),
        lambda: review_incident(actor=acting("dee"), incident=incident, text="…"),
    ):
        with pytest.raises(NotPermitted):
            act()


def test_a_scope_said_anew_replaces_the_old_one_and_the_timeline_says_what_came_and_went() -> None:
    host("web-1")
    host("db-1", host_roles=["db"])
    incident = opened(selector="role=web")
    incident = update_incident(
        actor=acting("ben"), incident=incident, fields={"selector": "role=db", "hosts": ["lb-1"]}
    )
    assert (incident.hosts, incident.selector) == (["lb-1", "db-1"], "role=db")
    assert lines(incident)[-1] == (
        "scope",
        "Its scope is 2 hosts (lb-1, db-1) now; came: lb-1, db-1; went: web-1",
    )
    incident = update_incident(actor=acting("ben"), incident=incident, fields={"hosts": ["lb-1"]})
    assert (incident.hosts, incident.selector) == (["lb-1"], "")
    assert events(incident)[1:] == ["incident.updated"] * 2


def test_saying_the_same_again_writes_nothing() -> None:
    incident = opened(hosts=["web-1"])
    update_incident(actor=acting("ana"), incident=incident, fields={"hosts": ["web-1"], "severity": "major"})
    assert events(incident) == ["incident.opened"]


def test_an_edit_of_what_somebody_else_edited_meanwhile_is_refused() -> None:
    incident = opened()
    update_incident(actor=acting("ben"), incident=incident, fields={"severity": "critical"})
    with pytest.raises(PreconditionFailed):
        update_incident(
            actor=acting("ana"), incident=incident, fields={"title": "x"}, expected_version=incident.version
        )


def test_a_handover_is_on_the_timeline_with_what_the_next_one_has_to_know() -> None:
    incident = hand_over_incident(
        actor=acting("ana"), incident=opened(), commander=person("ben"), note="the db is suspected"
    )
    assert incident.commander.username == "ben"
    assert lines(incident)[1:] == [
        ("commander", "Ben leads now; it was Ana"),
        ("note", "Handover: the db is suspected"),
    ]


def test_what_somebody_led_who_leaves_is_led_by_the_team_that_has_the_hosts(settings: Any) -> None:
    settings.EVENT_CONSUMERS = EVENT_CONSUMERS
    host("web-1", owned_by=team(lead="ben"))
    mine = opened(hosts=["web-1"])
    over = opened(title="over")
    close_incident(actor=acting("ana"), incident=over)
    reviewed = opened(title="reviewed")
    closed = close_incident(actor=acting("ana"), incident=reviewed)
    review_incident(actor=acting("ana"), incident=closed, text="learnt")
    deactivate_person(actor=acting("cy"), person=person("ana"))
    deliver_events()
    commanders = {i.pk: i.commander.username for i in Incident.objects.select_related("commander")}
    assert commanders == {mine.pk: "ben", over.pk: "cy", reviewed.pk: "ana"}


def test_closing_keeps_the_summary_and_the_time() -> None:
    incident = close_incident(actor=acting("ana"), incident=opened(), summary="workers were exhausted")
    assert (incident.state, incident.description) == ("closed", "workers were exhausted")
    assert incident.closed_at is not None
    assert lines(incident)[-1] == ("closed", "Closed: workers were exhausted")
    assert events(incident)[-1] == "incident.closed"


def test_who_closes_what_is_closed_is_told_so() -> None:
    incident = opened()
    close_incident(actor=acting("ana"), incident=incident)
    with pytest.raises(Conflict, match=r"is closed already: incident\.closed by ana at"):
        close_incident(actor=acting("ben"), incident=incident)
    incident.refresh_from_db()
    with pytest.raises(Conflict, match=r"it is closed \(incident\.closed by ana at"):
        close_incident(actor=acting("ben"), incident=incident)


def test_a_closed_incident_opens_again_with_a_reason_and_closes_again() -> None:
    incident = close_incident(actor=acting("ana"), incident=opened())
    with pytest.raises(Invalid):
        reopen_incident(actor=acting("ana"), incident=incident, reason=" ")
    incident = reopen_incident(actor=acting("ana"), incident=incident, reason="it is back")
    assert (incident.state, incident.closed_at) == ("open", None)
    assert close_incident(actor=acting("ana"), incident=incident).state == "closed"
    assert [kind for kind, _ in lines(incident)] == ["opened", "closed", "reopened", "closed"]


def test_a_review_ends_its_record_and_says_what_was_learnt_and_by_whom() -> None:
    incident = opened()
    with pytest.raises(Conflict):
        review_incident(actor=acting("ben"), incident=incident, text="too early")
    incident = close_incident(actor=acting("ana"), incident=incident)
    with pytest.raises(Invalid):
        review_incident(actor=acting("ben"), incident=incident, text="")
    incident = review_incident(actor=acting("ben"), incident=incident, text="alert on the queue")
    assert (incident.state, incident.review) == ("reviewed", "alert on the queue")
    assert incident.reviewed_by is not None and incident.reviewed_by.username == "ben"
    with pytest.raises(Conflict, match="reviewed"):
        update_incident(actor=acting("ana"), incident=incident, fields={"title": "no"})
    with pytest.raises(Conflict):
        reopen_incident(actor=acting("ana"), incident=incident, reason="it is back")


def test_the_database_keeps_what_must_never_be_false() -> None:
    incident = opened()
    for fields in ({"state": "closed"}, {"closed_at": clock.now()}, {"title": ""}, {"severity": "huge"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Incident.objects.filter(pk=incident.pk).update(**fields)


def test_the_lifecycle_has_no_way_back_from_a_review() -> None:
    assert INCIDENT.final == {"reviewed"}


def test_the_open_ones_are_told_the_latest_first() -> None:
    first = opened(started_at=clock.now() - timedelta(hours=2))
    second = opened(title="search is slow")
    close_incident(actor=acting("ana"), incident=opened(title="over"))
    assert list(open_incidents()) == [second, first]


def test_the_changes_of_the_hours_before_are_ranked_with_their_reasons() -> None:
    began = clock.now() - timedelta(hours=1)
    near = logged(hosts=["web-1"], happened_at=began - timedelta(minutes=10), title="new kernel")
    logged(hosts=["db-1"], happened_at=began - timedelta(minutes=5), title="elsewhere")
    early = logged(hosts=["web-1"], happened_at=began - timedelta(hours=20), title="yesterday")
    logged(hosts=["web-1"], happened_at=began - timedelta(hours=30), title="long ago")
    incident = opened(hosts=["web-1"], started_at=began)
    found = changes_before(incident)
    assert [change for change, _ in found.ranked] == [near, early]
    assert found.ranked[0][1].reasons[0] == "10 min before it began"
