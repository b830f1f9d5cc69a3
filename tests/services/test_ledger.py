"""The ledger is written with what it records, and is never rewritten."""

from typing import Any

import psycopg2
import psycopg2.errorcodes
import pytest
import structlog
from django.db import DatabaseError, connection, transaction

from common.core.errors import Conflict
from common.core.jobs import JOB
from common.core.lifecycle import IllegalTransition
from common.models import Job, LedgerEntry, OutboxEvent
from common.services.ledger import record_entry, transition
from tests.factories import acting, job, person, program


@pytest.fixture(autouse=True)
def nobody_listens(settings: Any) -> None:
    settings.EVENT_CONSUMERS = {}


@pytest.mark.django_db
def test_an_entry_says_who_did_what_to_what_in_which_request() -> None:
    actor = program("ana")
    with structlog.contextvars.bound_contextvars(request_id="req-12345678"):
        entry = record_entry(actor=actor, action="tea.made", subject=person("ana"), data={"cups": 2})
    entry.refresh_from_db()
    assert (entry.actor_kind, entry.actor_label) == ("program", "ci")
    assert (entry.person_id, entry.token_id) == (person("ana").pk, actor.token_id)
    assert (entry.subject_type, entry.subject_id, entry.subject_label) == (
        "common.person",
        person("ana").pk,
        "ana",
    )
    assert (entry.action, entry.data, entry.request_id) == ("tea.made", {"cups": 2}, "req-12345678")


@pytest.mark.django_db
def test_a_transition_writes_state_entry_and_event_together() -> None:
    made = job()
    transition(
        actor=acting("ana"),
        lifecycle=JOB,
        subject=made,
        event="start",
        action="job.started",
        emits="job.started",
    )
    assert Job.objects.get().state == made.state == "running"
    entry = LedgerEntry.objects.get(action="job.started")
    assert entry.data == {"from": "queued", "to": "running"}
    assert OutboxEvent.objects.get(type="job.started").data == {"state": "running"}


@pytest.mark.django_db
def test_an_illegal_transition_changes_nothing() -> None:
    made = job()
    with pytest.raises(IllegalTransition):
        transition(actor=acting("ana"), lifecycle=JOB, subject=made, event="finish", action="job.finished")
    assert Job.objects.get().state == made.state == "queued"
    assert not LedgerEntry.objects.filter(action="job.finished").exists()


@pytest.mark.django_db
def test_who_comes_second_is_told_who_was_first_and_nothing_is_written() -> None:
    made, stale = job(), Job.objects.get()
    transition(actor=acting("ben"), lifecycle=JOB, subject=made, event="start", action="job.started")
    with pytest.raises(Conflict, match=r"job\.started by ben"):
        transition(actor=acting("ana"), lifecycle=JOB, subject=stale, event="cancel", action="job.cancelled")
    assert Job.objects.get().state == "running"
    assert not LedgerEntry.objects.filter(action="job.cancelled").exists()


@pytest.mark.django_db
def test_state_is_not_written_when_the_entry_can_not_be() -> None:
    made = job()
    with pytest.raises(TypeError):
        transition(
            actor=acting("ana"),
            lifecycle=JOB,
            subject=made,
            event="start",
            action="job.started",
            data={"x": object()},
        )
    assert Job.objects.get().state == "queued"


@pytest.mark.django_db
@pytest.mark.parametrize(
    "statement", ["UPDATE common_ledgerentry SET action = 'x'", "DELETE FROM common_ledgerentry"]
)
def test_the_triggers_refuse_even_the_owner(statement: str) -> None:
    record_entry(actor=acting("ana"), action="tea.made", subject=person("ana"))
    with (
        pytest.raises(DatabaseError, match="insert-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


@pytest.mark.django_db
def test_the_trigger_refuses_to_truncate() -> None:
    with (
        pytest.raises(DatabaseError, match="insert-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        # Test runs put it out of action, to be able to flush; here it is as migrations leave it.
        cursor.execute("ALTER TABLE common_ledgerentry ENABLE TRIGGER ledger_refuse_truncate")
        cursor.execute("TRUNCATE common_ledgerentry")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE common_ledgerentry SET action = 'x'",
        "DELETE FROM common_ledgerentry",
        "TRUNCATE common_ledgerentry",
        "ALTER TABLE common_ledgerentry DISABLE TRIGGER ALL",
        "DROP TRIGGER ledger_refuse_update ON common_ledgerentry",
        "CREATE TRIGGER sneaky BEFORE INSERT ON common_ledgerentry FOR EACH ROW EXECUTE FUNCTION ledger_refuse()",
        "ALTER TABLE changemgmt_approval DISABLE TRIGGER ALL",
        "SET session_replication_role = replica",
    ],
)
def test_the_serving_role_lacks_the_right_to_rewrite(serving_connection: Any, statement: str) -> None:
    with serving_connection.cursor() as cursor, pytest.raises(psycopg2.Error) as refused:
        cursor.execute(statement)
    assert refused.value.pgcode == psycopg2.errorcodes.INSUFFICIENT_PRIVILEGE


@pytest.mark.django_db(transaction=True)
def test_the_serving_role_may_insert_and_read(serving_connection: Any) -> None:
    entry = record_entry(actor=acting("ana"), action="tea.made", subject=person("ana"))
    with serving_connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO common_ledgerentry SELECT (jsonb_populate_record(e, "
            "jsonb_build_object('id', gen_random_uuid()))).* FROM common_ledgerentry e WHERE id = %s",
            [str(entry.pk)],
        )
        cursor.execute("SELECT count(*) FROM common_ledgerentry WHERE action = 'tea.made'")
        assert cursor.fetchone() == (2,)
