"""After each migration the owner grants the serving role what it needs, and nothing more.

The owner's tables are served by another role, so that a taken-over web process can't rewrite the ledger:
it has no UPDATE, DELETE, TRUNCATE or TRIGGER there, and owns nothing.
"""

from typing import Any

from django.conf import settings
from django.db import connections
from psycopg2 import sql

INSERT_ONLY_TABLES = ("common_ledgerentry",)


def grant_serving_role(*, sender: Any, using: str, **_: Any) -> None:
    """Runs after every app's migrations; statements are idempotent."""
    role = settings.DATABASE_SERVING_ROLE
    if not role or sender.name != "common":
        return
    name = sql.Identifier(role)
    statements = [
        sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(name),
        sql.SQL("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {}").format(name),
        sql.SQL("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {}").format(name),
        sql.SQL(
            "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {}"
        ).format(name),
        sql.SQL("ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE ON SEQUENCES TO {}").format(name),
        sql.SQL("REVOKE INSERT, UPDATE, DELETE ON django_migrations FROM {}").format(name),
        *(
            sql.SQL("REVOKE UPDATE, DELETE, TRUNCATE, TRIGGER, REFERENCES ON {} FROM {}").format(
                sql.Identifier(table), name
            )
            for table in INSERT_ONLY_TABLES
        ),
    ]
    with connections[using].cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
