"""Manifests of an installation that is there already are still read after the digests became bytes."""

from importlib import import_module

import pytest
from django.db import connection

TO_BYTES = import_module("drift.migrations.0010_manifest_groups").TO_BYTES

TABLES = """
CREATE SCHEMA before;
SET LOCAL search_path = before;
CREATE TABLE drift_chunk (digest varchar(64) PRIMARY KEY, states jsonb NOT NULL);
CREATE INDEX chunk_like ON drift_chunk (digest varchar_pattern_ops);
CREATE TABLE drift_manifest (digest varchar(64) PRIMARY KEY, chunks varchar(64)[] NOT NULL);
CREATE INDEX manifest_like ON drift_manifest (digest varchar_pattern_ops);
CREATE TABLE drift_hoststate (host_id int PRIMARY KEY, base_id varchar(64) REFERENCES drift_manifest (digest)
    DEFERRABLE INITIALLY DEFERRED, observed_id varchar(64) REFERENCES drift_manifest (digest));
CREATE INDEX state_like ON drift_hoststate (base_id varchar_pattern_ops);
CREATE TABLE drift_hosthistory (manifest_id varchar(64) NOT NULL REFERENCES drift_manifest (digest));
CREATE TABLE drift_hostscan (reason varchar(200), manifest_id varchar(64) REFERENCES drift_manifest (digest));
CREATE INDEX scan_like ON drift_hostscan (manifest_id varchar_pattern_ops);
CREATE INDEX reason_like ON drift_hostscan (reason varchar_pattern_ops);
"""


@pytest.mark.django_db
def test_digests_become_bytes_and_rows_still_refer_to_each_other() -> None:
    one, two, whole = ("1f" * 32, "2e" * 32, "3d" * 32)
    with connection.cursor() as cursor:
        cursor.execute(TABLES)
        cursor.execute("INSERT INTO drift_chunk VALUES (%s, '{}'), (%s, '{}')", [one, two])
        cursor.execute("INSERT INTO drift_manifest VALUES (%s, %s)", [whole, [two, one]])
        cursor.execute("INSERT INTO drift_hoststate VALUES (1, %s, NULL)", [whole])
        cursor.execute("INSERT INTO drift_hosthistory VALUES (%s)", [whole])
        cursor.execute("INSERT INTO drift_hostscan VALUES ('', %s), ('', NULL)", [whole])
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(TO_BYTES)
        cursor.execute(
            "SELECT m.chunks, s.observed_id FROM drift_hoststate s JOIN drift_manifest m ON m.digest = s.base_id"
        )
        [(chunks, observed)] = cursor.fetchall()
        cursor.execute(
            "SELECT count(*) FROM pg_constraint c JOIN pg_namespace n ON n.oid = c.connamespace"
            " WHERE contype = 'f' AND nspname = 'before'"
        )
        [(keys,)] = cursor.fetchall()
        cursor.execute(
            "SELECT indexname FROM pg_indexes WHERE schemaname = 'before' AND indexname LIKE '%%_like'"
        )
        left = cursor.fetchall()
    assert [bytes(chunk).hex() for chunk in chunks] == [two, one] and observed is None
    assert keys == 4, "foreign keys are back"
    assert left == [("reason_like",)], "nobody else's index went"
