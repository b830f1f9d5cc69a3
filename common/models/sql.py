"""Pieces of SQL that migrations share."""

from django.db import migrations


def create_sequence(name: str, start: int = 1) -> migrations.RunSQL:
    """For a `reference_number` field: run it before the table is made."""
    return migrations.RunSQL(f"CREATE SEQUENCE {name} START {start}", f"DROP SEQUENCE {name}")


def refuse_changes(table: str, prefix: str) -> migrations.RunSQL:
    """Triggers that refuse UPDATE, DELETE and TRUNCATE to everyone, owner included, until disabled by name."""
    return migrations.RunSQL(
        f"""
        CREATE FUNCTION {prefix}_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION '{table} is insert-only: % is refused', TG_OP USING ERRCODE = 'insufficient_privilege';
        END $$;
        CREATE TRIGGER {prefix}_refuse_update BEFORE UPDATE ON {table}
            FOR EACH ROW EXECUTE FUNCTION {prefix}_refuse();
        CREATE TRIGGER {prefix}_refuse_delete BEFORE DELETE ON {table}
            FOR EACH ROW EXECUTE FUNCTION {prefix}_refuse();
        CREATE TRIGGER {prefix}_refuse_truncate BEFORE TRUNCATE ON {table}
            FOR EACH STATEMENT EXECUTE FUNCTION {prefix}_refuse();
        """,
        f"""
        DROP TRIGGER {prefix}_refuse_update ON {table};
        DROP TRIGGER {prefix}_refuse_delete ON {table};
        DROP TRIGGER {prefix}_refuse_truncate ON {table};
        DROP FUNCTION {prefix}_refuse();
        """,
    )
