"""The test database itself: made by the owner, seen by the serving role, with the ledger's triggers in place."""

import psycopg2
import pytest
from django.db import connection


@pytest.mark.django_db
def test_the_ledger_keeps_its_triggers_but_for_the_one_that_would_stop_the_flush() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgname, tgenabled FROM pg_trigger WHERE tgrelid = 'common_ledgerentry'::regclass AND NOT tgisinternal"
        )
        found = dict(cursor.fetchall())
    assert found == {"ledger_refuse_update": "O", "ledger_refuse_delete": "O", "ledger_refuse_truncate": "D"}


@pytest.mark.django_db(transaction=True)
def test_the_serving_role_reads_the_ledger_and_may_neither_change_nor_empty_it(serving_connection) -> None:
    with serving_connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM common_ledgerentry")
        for forbidden in (
            "UPDATE common_ledgerentry SET action = 'x'",
            "DELETE FROM common_ledgerentry",
            "TRUNCATE common_ledgerentry",
            "ALTER TABLE common_ledgerentry DISABLE TRIGGER ALL",
        ):
            serving_connection.rollback()
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                cursor.execute(forbidden)
