"""What is on an incident's timeline: what people write, then or later, and what becomes of its changes."""

from datetime import timedelta
from typing import Any

import pytest

from changemgmt.models import Incident
from changemgmt.services.incidents import close_incident, open_incident, review_incident
from changemgmt.services.timeline import add_to_timeline, tell
from changemgmt.services.transfers import claim_change
from common import clock
from common.core.errors import Invalid, NotPermitted
from common.models import LedgerEntry
from common.models.base import new_id
from tests.definitions import deliver_events
from tests.factories import acting, host, logged, program

pytestmark = pytest.mark.django_db


@pytest.fixture
def incident() -> Incident:
    host("web-1")
    return open_incident(
        actor=acting("ana"),
        title="checkout is down",
        hosts=["web-1"],
        started_at=clock.now() - timedelta(hours=1),
    )[0]


def texts(incident: Incident, kind: str) -> list[str]:
    return list(incident.timeline.filter(kind=kind).order_by("at").values_list("text", flat=True))


def test_a_line_made_up_for_afterwards_stands_where_it_happened_and_says_when_it_was_written(
    incident: Incident,
) -> None:
    earlier = clock.now() - timedelta(minutes=40)
    add_to_timeline(actor=acting("ana"), incident=incident, text="restarted nginx")
    entry = add_to_timeline(
        actor=acting("ben"), incident=incident, text="first alert", at=earlier, link="CHG-1"
    )
    assert texts(incident, "note") == ["first alert", "restarted nginx"]
    assert (entry.at, entry.link) == (earlier, "CHG-1")
    assert entry.author is not None and entry.author.username == "ben"
    assert entry.created_at - entry.at > timedelta(minutes=39)


def test_a_line_is_in_the_ledger_too(incident: Incident) -> None:
    add_to_timeline(actor=acting("ana"), incident=incident, text="restarted nginx")
    entry = LedgerEntry.objects.get(action="incident.noted")
    assert (entry.subject_id, entry.data["text"]) == (incident.pk, "restarted nginx")


def test_a_reviewed_incident_still_takes_lines(incident: Incident) -> None:
    close_incident(actor=acting("ana"), incident=incident)
    incident.refresh_from_db()
    review_incident(actor=acting("ana"), incident=incident, text="learnt")
    assert add_to_timeline(actor=acting("ana"), incident=incident, text="one more thing")


@pytest.mark.parametrize("fields", [{"text": " "}, {"text": "x", "at": clock.now() + timedelta(days=1)}])
def test_an_empty_line_and_one_from_the_future_are_refused(
    incident: Incident, fields: dict[str, Any]
) -> None:
    with pytest.raises(Invalid):
        add_to_timeline(actor=acting("ana"), incident=incident, **fields)
    assert not texts(incident, "note")


def test_a_program_writes_lines_and_dee_does_not(incident: Incident) -> None:
    add_to_timeline(actor=program("ana", name="chat"), incident=incident, text="from the channel")
    assert incident.timeline.get(kind="note").via == "chat"
    with pytest.raises(NotPermitted):
        add_to_timeline(actor=acting("dee"), incident=incident, text="no")


def test_a_line_that_follows_from_an_event_is_written_once(incident: Incident) -> None:
    event = new_id()
    for _ in range(2):
        tell(incident=incident, kind="scan", text="SCN-1 looks", at=clock.now(), event_id=event)
    assert texts(incident, "scan") == ["SCN-1 looks"]


def test_a_change_that_is_logged_in_an_incident_is_on_its_timeline_at_once(incident: Incident) -> None:
    change = logged("ana", incident=incident, hosts=["web-1"], title="raised the limit")
    logged("ana", hosts=["db-1"], title="elsewhere")
    assert texts(incident, "change") == [
        f"{change.reference} was logged: raised the limit, on 1 host (web-1)"
    ]


def test_a_claim_of_it_is_told_too(incident: Incident) -> None:
    change = logged(program("ben"), incident=incident, hosts=["web-1"], title="raised the limit")
    claim_change(actor=acting("ana"), change=change)
    deliver_events()
    assert f"{change.reference} was claimed by Ana" in texts(incident, "change")[-1]
