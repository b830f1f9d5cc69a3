"""What PagerDuty, Alertmanager and others send: incidents, lines of their timelines and changes, each once."""

import json
from typing import Any

import pytest

from changemgmt.core.hooks_alertmanager import read_alertmanager
from changemgmt.core.hooks_pagerduty import read_pagerduty
from changemgmt.models import Change, Incident
from changemgmt.services.incidents import close_incident
from common.core.errors import Invalid
from tests.api.client import Caller, problem
from tests.factories import acting, host

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nobody_listens(settings: Any) -> None:
    settings.EVENT_CONSUMERS = {}


@pytest.fixture
def tool() -> Caller:
    return Caller.program("ana", name="alerts")


def pagerduty(deed: str = "triggered", *, event: str = "E1", **data: Any) -> dict[str, Any]:
    """A webhook as PagerDuty sends it (version 3)."""
    subject = {
        "id": "PGR0VU2",
        "type": "incident",
        "html_url": "https://acme.pagerduty.com/incidents/PGR0VU2",
        "status": "triggered",
        "created_at": "2026-03-02T03:00:00Z",
        "title": "checkout is down",
        "service": {"id": "PF9KMXH", "summary": "Checkout"},
        "priority": {"summary": "P1"},
        "urgency": "high",
    }
    return {
        "event": {
            "id": event,
            "event_type": f"incident.{deed}",
            "resource_type": "incident",
            "occurred_at": "2026-03-02T03:05:00.169Z",
            "agent": {"summary": "Ben"},
            "data": subject | data,
        }
    }


def alertmanager(
    *instances: str, status: str = "firing", starts: str = "2026-03-02T03:00:00Z"
) -> dict[str, Any]:
    """A webhook as Alertmanager sends it (version 4)."""
    alerts = [
        {
            "status": status,
            "labels": {"alertname": "HighErrors", "instance": instance, "severity": "page"},
            "annotations": {"summary": "5xx above 5 %"},
            "startsAt": starts,
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "https://prometheus.example/graph",
        }
        for instance in instances
    ]
    return {
        "version": "4",
        "groupKey": '{}:{alertname="HighErrors"}',
        "status": status,
        "receiver": "foldback",
        "commonLabels": {"alertname": "HighErrors", "severity": "page"},
        "commonAnnotations": {"summary": "5xx above 5 %"},
        "externalURL": "https://alerts.example",
        "alerts": alerts,
    }


def lines(incident: Incident) -> list[str]:
    return list(incident.timeline.filter(kind="note").order_by("created_at").values_list("text", flat=True))


def test_a_page_opens_an_incident_that_the_tokens_sponsor_leads(tool: Caller) -> None:
    host("web-1")
    response = tool.post("hooks/pagerduty/?selector=role%3Dweb", pagerduty())
    incident = Incident.objects.get()
    assert (response.status_code, response.json()) == (
        201,
        {"incident": incident.reference, "change": None, "created": True, "said": "opened"},
    )
    assert (incident.title, incident.severity, incident.hosts) == ("checkout is down", "critical", ["web-1"])
    assert (incident.commander.username, incident.recorded_via) == ("ana", "alerts")
    assert incident.started_at.isoformat() == "2026-03-02T03:00:00+00:00"
    assert "https://acme.pagerduty.com/incidents/PGR0VU2" in incident.description


def test_what_follows_there_is_on_the_timeline_once_and_closes_nothing(tool: Caller) -> None:
    tool.post("hooks/pagerduty/", pagerduty())
    for _ in range(2):
        assert tool.post("hooks/pagerduty/", pagerduty("acknowledged", event="E2")).status_code == 200
        note = {"content": "db is slow", "incident": {"id": "PGR0VU2"}, "id": "N1", "title": None}
        tool.post("hooks/pagerduty/", pagerduty("annotated", event="E3", **note))
        tool.post("hooks/pagerduty/", pagerduty("resolved", event="E4"))
    incident = Incident.objects.get()
    assert lines(incident) == [
        "PagerDuty: acknowledged (Ben)",
        "PagerDuty: db is slow (Ben)",
        "PagerDuty: resolved there (Ben)",
    ]
    assert incident.state == "open"


def test_a_page_whose_first_message_was_lost_opens_with_the_next(tool: Caller) -> None:
    assert tool.post("hooks/pagerduty/", pagerduty("acknowledged")).status_code == 201
    assert lines(Incident.objects.get()) == ["PagerDuty: acknowledged (Ben)"]


def test_the_end_of_what_nobody_opened_is_nothing(tool: Caller) -> None:
    response = tool.post("hooks/pagerduty/", pagerduty("resolved"))
    assert (response.status_code, response.json()["incident"]) == (200, None)
    assert tool.post("hooks/pagerduty/", {"event": {"event_type": "pagey.ping"}}).status_code == 200
    assert not Incident.objects.exists()


def test_a_change_event_is_the_sponsors_until_somebody_claims_it(tool: Caller) -> None:
    host("web-1")
    event = {
        "routing_key": "not kept",
        "payload": {
            "summary": "Build #4 deployed",
            "timestamp": "2026-03-02T03:00:00.000Z",
            "source": "web-1.example.org",
            "custom_details": {"build": 4},
        },
        "links": [{"href": "https://ci.example/4", "text": "Build"}],
    }
    assert [tool.post("hooks/pagerduty/", event).status_code for _ in range(2)] == [201, 200]
    change = Change.objects.get()
    assert (change.title, change.hosts, change.links) == (
        "Build #4 deployed",
        ["web-1"],
        {"source": "https://ci.example/4"},
    )
    assert (change.owner.username, change.owner_source) == ("ana", "sponsor")
    assert "not kept" not in change.description and "build: 4" in change.description


def test_a_group_of_alerts_is_one_incident_over_the_hosts_that_they_name(tool: Caller) -> None:
    host("web-1")
    host("web-2")
    assert tool.post("hooks/alertmanager/", alertmanager("web-1:9100", "lb-9:443")).status_code == 201
    assert tool.post("hooks/alertmanager/", alertmanager("web-1:9100", "web-2:9100")).status_code == 200
    incident = Incident.objects.get()
    assert (incident.title, incident.severity) == ("HighErrors: 5xx above 5 %", "critical")
    assert incident.hosts == ["web-1", "web-2"]
    assert "Named, and not known here: lb-9" in incident.description
    resolved = tool.post("hooks/alertmanager/", alertmanager("web-1:9100", status="resolved"))
    assert resolved.json()["incident"] == incident.reference
    assert lines(incident) == ["Alertmanager: resolved, nothing of it fires any more"]


def test_alerts_that_begin_after_it_was_closed_are_another_incident(tool: Caller) -> None:
    tool.post("hooks/alertmanager/", alertmanager("web-1:9100"))
    first = Incident.objects.get()
    close_incident(actor=acting("ana"), incident=first)
    assert tool.post("hooks/alertmanager/", alertmanager("web-1:9100")).json()["incident"] == first.reference
    later = alertmanager("web-1:9100", starts="2100-01-01T00:00:00Z")
    answers = [tool.post("hooks/alertmanager/", later) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 200]
    assert Incident.objects.count() == 2


def test_a_scope_that_can_not_be_used_loses_no_incident(tool: Caller) -> None:
    response = tool.post("hooks/pagerduty/?selector=role%3Dnobody", pagerduty())
    assert response.status_code == 201
    incident = Incident.objects.get()
    assert incident.hosts == []
    assert "The scope 'role=nobody' could not be used" in incident.description


def test_any_json_is_a_change_by_pointers_in_the_address(tool: Caller) -> None:
    host("web-1")
    body = {"commit": {"id": "abc", "message": "raise\nthe limit"}, "where": ["web-1"], "when": 1772420400}
    query = (
        "title=/commit/message&external_id=/commit/id&hosts=/where&happened_at=/when&description=from%20CI"
    )
    answers = [tool.post(f"hooks/generic/?{query}", body) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 200]
    change = Change.objects.get()
    assert (change.title, change.hosts, change.description) == ("raise the limit", ["web-1"], "from CI")
    assert change.happened_at.isoformat() == "2026-03-02T03:00:00+00:00"


def test_any_json_opens_an_incident_when_the_address_says_so(tool: Caller) -> None:
    host("web-1")
    body = {"title": "checkout is down", "severity": "critical", "external_id": 7}
    assert tool.post("hooks/generic/?as=incident&selector=role%3Dweb", body).status_code == 201
    incident = Incident.objects.get()
    assert (incident.severity, incident.hosts) == ("critical", ["web-1"])
    assert tool.post("hooks/generic/?as=incident", body).json()["incident"] == incident.reference


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("pagerduty/", {}, "/event"),
        ("pagerduty/", [], "/event"),
        ("pagerduty/", {"event": {"event_type": "incident.triggered"}}, "/event/data/id"),
        ("pagerduty/", {"payload": {"source": "x"}}, "/payload/summary"),
        ("alertmanager/", {"groupKey": "x"}, "/groupKey"),
        ("generic/", {"name": "x"}, "/title"),
        ("generic/?title=/a/0", {"a": []}, "/a/0"),
        ("generic/?as=lunch", {"title": "x"}, "?as"),
        ("generic/?colour=red", {"title": "x"}, "?colour"),
    ],
)
def test_what_can_not_be_used_is_pointed_at(tool: Caller, path: str, body: Any, pointer: str) -> None:
    assert problem(tool.post(f"hooks/{path}", body), 400)["errors"][0]["pointer"] == pointer


# What a body may hold in place of what it should.
ODD: list[Any] = [
    None,
    True,
    0,
    -1e300,
    10**30,
    "",
    "\0\ud800",
    "x" * 5000,
    [],
    {},
    [[]],
    {"id": {}},
    "9999-99-99",
]


def odd_bodies(body: Any) -> list[Any]:
    """The body with each of its values replaced by each odd one, in turn."""
    found = []

    def walk(value: Any, path: list[Any]) -> None:
        for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
            for odd in ODD:
                copy = json.loads(json.dumps(body))
                place = copy
                for step in path:
                    place = place[step]
                place[key] = odd
                found.append(copy)
            walk(value[key], [*path, key])

    walk(body, [])
    return found


@pytest.mark.parametrize(
    ("read", "body"), [("pagerduty", pagerduty()), ("alertmanager", alertmanager("web-1:9100"))]
)
def test_no_body_however_odd_is_our_fault(tool: Caller, read: str, body: Any) -> None:
    readers = {"pagerduty": read_pagerduty, "alertmanager": read_alertmanager}
    for number, odd in enumerate(odd_bodies(body)):
        try:
            readers[read](odd)
        except Invalid:
            continue
        if number % 5 == 0:  # the rest of the way costs a database
            assert tool.post(f"hooks/{read}/", odd).status_code < 500, odd
