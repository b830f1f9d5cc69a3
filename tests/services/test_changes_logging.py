"""Recording what was done, and whose it is."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from changemgmt.models import Change
from changemgmt.services.changes import log_change
from changemgmt.services.incidents import open_incident
from common import clock
from common.core.actor import SYSTEM
from common.core.errors import Invalid, NotPermitted
from common.models import EventDelivery, LedgerEntry, OutboxEvent
from tests.factories import acting, host, logged, person, program, team

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def listeners(settings: object) -> None:
    settings.EVENT_CONSUMERS = {"change.logged": ["tests.somewhere.hears"]}  # type: ignore[attr-defined]


def test_a_title_is_enough_to_log_a_change() -> None:
    change, created = log_change(actor=acting("ana"), title="restarted nginx")
    assert created
    assert change.reference == f"CHG-{change.number}"
    assert change.number >= 1001
    assert (change.kind, change.state, len(change.digest)) == ("emergency", "logged", 64)
    assert abs(change.happened_at - change.created_at) < timedelta(seconds=5)


def test_logging_writes_record_ledger_entry_and_event_together() -> None:
    change = logged("ana", hosts=["web-1"], resources=["file:/etc/motd"])
    entry = LedgerEntry.objects.get(subject_id=change.pk)
    assert (entry.action, entry.actor_label, entry.person_id) == ("change.logged", "ana", person("ana").pk)
    assert entry.subject_label == change.reference
    assert entry.data["hosts"] == ["web-1"]
    event = OutboxEvent.objects.get(subject_id=change.pk)
    assert event.type == "change.logged"
    assert EventDelivery.objects.get(event=event).consumer == "tests.somewhere.hears"


def test_when_it_happened_stands_beside_when_it_was_recorded() -> None:
    told = clock.now() - timedelta(hours=5)
    change = logged("ana", happened_at=told)
    assert change.happened_at == told
    assert change.created_at > told + timedelta(hours=4)


@pytest.mark.parametrize(
    "fields",
    [
        {"title": " "},
        {"title": "x" * 201},
        {"hosts": ["two words"]},
        {"resources": ["/etc/motd"]},
        {"selector": "role==web"},
        {"selector": "role=nobody-has-it"},
        {"kind": "decision"},
        {"kind": "urgent"},
        {"happened_at": clock.now() + timedelta(days=1)},
        {"links": {"ticket": "javascript:x"}},
        {"external_id": "x" * 201},
    ],
)
def test_a_bad_field_is_refused_and_nothing_is_recorded(fields: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        logged("ana", **fields)
    assert not Change.objects.exists()
    assert not OutboxEvent.objects.exists()


def test_an_auditor_may_not_log_changes() -> None:
    with pytest.raises(NotPermitted, match="dee"):
        logged("dee")


# ---- whose it is


def test_who_records_it_owns_it() -> None:
    change = logged("ana", hosts=[host("web-1", owned_by=team(lead="ben")).name])
    assert (change.owner, change.owner_source) == (person("ana"), "recorder")


def test_who_is_named_owns_it() -> None:
    change = logged("ana", owner=person("cy"))
    assert (change.owner, change.owner_source) == (person("cy"), "named")
    assert change.requested_by == person("ana")


def test_a_person_who_has_left_can_not_be_named() -> None:
    gone = person("eve", "ops")
    gone.is_active = False
    gone.save()
    with pytest.raises(Invalid, match="eve is not active"):
        logged("ana", owner=gone)


def test_a_programs_change_is_the_team_leads_when_one_team_has_all_the_hosts() -> None:
    payments = team("payments", lead="ben")
    host("pay-1", owned_by=payments)
    host("pay-2", owned_by=payments)
    change = logged(program("ana"), hosts=["pay-1", "pay-2", "gone-long-ago"])
    assert (change.owner, change.owner_source) == (person("ben"), "team lead")
    assert change.requested_by == person("ana")
    assert change.recorded_via == "ci"


@pytest.mark.parametrize(
    "case", ["two teams", "a host without a team", "unknown hosts", "no hosts", "the lead has left"]
)
def test_a_programs_change_is_its_sponsors_when_no_team_answers_for_it(case: str) -> None:
    host("pay-1", owned_by=team("payments", lead="ben"))
    hosts = ["pay-1"]
    if case == "two teams":
        hosts.append(host("web-1", owned_by=team("web", lead="cy")).name)
    elif case == "a host without a team":
        hosts.append(host("db-1").name)
    elif case == "unknown hosts":
        hosts = ["nowhere-1"]
    elif case == "no hosts":
        hosts = []
    else:
        ben = person("ben")
        ben.is_active = False
        ben.save()
    change = logged(program("ana"), hosts=hosts)
    assert (change.owner, change.owner_source) == (person("ana"), "sponsor")


def test_foldback_itself_must_name_an_owner() -> None:
    with pytest.raises(Invalid, match="Name its owner"):
        logged(SYSTEM)
    change = logged(SYSTEM, owner=person("ana"))
    assert (change.owner_source, change.requested_by) == ("named", person("ana"))


def test_the_database_refuses_a_change_without_an_owner() -> None:
    change = logged("ana")
    for column in ("owner_id", "owner_source", "requested_by_id"):
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"UPDATE changemgmt_change SET {column} = NULL WHERE id = %s", [change.pk])


@pytest.mark.parametrize(
    ("assignment", "constraint"),
    [
        ("owner_source = 'rumour'", "change_owner_has_a_source"),
        ("kind = 'urgent'", "change_kind_is_known"),
        ("state = 'done'", "change_state_is_known"),
        ("title = ''", "change_has_a_title"),
        ("kind = 'decision', digest = ''", "change_decision_has_a_digest"),
        ("digest = 'abc'", "change_decision_has_a_digest"),
        ("kind = 'decision', digest = repeat('a', 64)", "change_decision_is_not_a_record"),
        ("state = 'approved'", "as many approvals"),
    ],
)
def test_the_database_refuses_a_change_that_can_not_be(assignment: str, constraint: str) -> None:
    change = logged("ana")
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE changemgmt_change SET {assignment} WHERE id = %s", [change.pk])


# ---- where it was


def test_a_selector_is_resolved_when_logged_and_frozen() -> None:
    host("web-1")
    host("web-2")
    change = logged("ana", selector="role=web", hosts=["db-9"])
    host("web-3")
    change.refresh_from_db()
    assert change.hosts == ["db-9", "web-1", "web-2"]
    assert change.selector == "role=web"


def test_history_outlives_inventory() -> None:
    gone = host("web-1")
    change = logged("ana", hosts=["web-1"])
    gone.delete()
    change.refresh_from_db()
    assert change.hosts == ["web-1"]


def test_a_host_is_recorded_with_the_spelling_of_inventory() -> None:
    host("web-1")
    assert logged("ana", hosts=["WEB-1", "web-1", "Elsewhere"]).hosts == ["web-1", "Elsewhere"]


# ---- once only


def test_an_external_id_creates_once_for_ever() -> None:
    first, created = log_change(actor=acting("ana"), title="restarted nginx", external_id="job-7")
    again, created_again = log_change(actor=acting("ana"), title="something else", external_id="job-7")
    assert (created, created_again) == (True, False)
    assert again == first
    assert again.title == "restarted nginx"
    assert LedgerEntry.objects.filter(action="change.logged").count() == 1


def test_two_clients_may_use_the_same_external_id() -> None:
    ids = {
        logged(who, external_id="7").pk
        for who in ("ana", program("ana", name="ci"), program("ana", name="cd"))
    }
    assert len(ids) == 3


def test_changes_without_external_ids_do_not_meet() -> None:
    assert logged("ana").pk != logged("ana").pk


def test_names_match_an_incident_s_scope_whatever_their_case() -> None:
    host("web-1")
    incident, _ = open_incident(actor=acting("ana"), title="checkout is down", hosts=["WEB-1", "LB-9"])
    for name in ("web-1", "Web-1", "lb-9", "LB-9"):
        assert logged("ana", hosts=[name]).incident == incident, name
    assert logged("ana", hosts=["lb-9", "lb-8"]).incident is None


def test_filing_takes_four_statements_however_much_is_said(django_assert_num_queries: Any) -> None:
    """Who files waits for each: hosts, policies and incidents; the change; its history; and who records it."""
    actor = acting("ana")
    incident, _ = open_incident(actor=actor, title="checkout is down", hosts=["web-1", "web-2"])
    with django_assert_num_queries(4):
        change, _ = log_change(actor=actor, title="restarted nginx", hosts=["web-1", "web-2"])
    assert change.incident_id == incident.pk
