"""Emptying the test database after a test that committed: only what was filled, table by table.

Django's flush truncates every table there is and then writes content types and permissions anew: a third of a second
after each such test, of which nearly nothing is for what the test had written.
"""

from functools import cache

from django.db import connection, transaction

# What migrating writes once, and no test does.
KEPT = {"django_migrations", "django_content_type", "auth_permission"}
ROW_TRIGGER_ON_DELETE = 1 | 8  # bits of pg_trigger.tgtype


def empty_database() -> None:
    """Delete all rows. Foreign keys are checked at the commit, so the order does not matter; what a trigger refuses
    to have deleted is truncated."""
    quote = connection.ops.quote_name
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_filled())
        filled = {name for (name,) in cursor.fetchall()}
        if guarded := sorted(filled & _guarded()):
            cursor.execute(f"TRUNCATE {', '.join(map(quote, guarded))}")
        for name in sorted(filled - _guarded()):
            cursor.execute(f"DELETE FROM {quote(name)}")


@cache
def _filled() -> str:
    """The statement that names the tables with rows."""
    names = connection.introspection.django_table_names(only_existing=True, include_views=False)
    quote = connection.ops.quote_name
    return " UNION ALL ".join(
        f"SELECT '{name}' WHERE EXISTS (SELECT FROM {quote(name)})" for name in sorted({*names} - KEPT)
    )


@cache
def _guarded() -> frozenset[str]:
    """Tables with a trigger that may refuse."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal AND tgtype & %s = %s",
            [ROW_TRIGGER_ON_DELETE, ROW_TRIGGER_ON_DELETE],
        )
        return frozenset(name for (name,) in cursor.fetchall())
