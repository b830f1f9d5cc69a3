"""Digests as bytes, and what hosts that are alike have in common listed once.

The rows that are there keep their meaning: a manifest without a group has all its chunks itself.
"""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

import drift.models.digest

TO_BYTES = """
DO $do$
DECLARE
    each record;
    again text[] := '{}';
BEGIN
    -- Foreign keys and indexes for LIKE, which Django adds to text, stand in the way; the keys come back.
    FOR each IN SELECT conname, conrelid::regclass AS tab, pg_get_constraintdef(oid) AS def
                FROM pg_constraint WHERE contype = 'f' AND confrelid = 'drift_manifest'::regclass LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', each.tab, each.conname);
        again := again || format('ALTER TABLE %s ADD CONSTRAINT %I %s', each.tab, each.conname, each.def);
    END LOOP;
    FOR each IN SELECT i.indexrelid::regclass AS idx FROM pg_index i JOIN pg_opclass o ON o.oid = i.indclass[0]
                WHERE o.opcname IN ('varchar_pattern_ops', 'text_pattern_ops') AND i.indrelid IN (
                    'drift_chunk'::regclass, 'drift_manifest'::regclass, 'drift_hosthistory'::regclass,
                    'drift_hoststate'::regclass) LOOP
        EXECUTE format('DROP INDEX %s', each.idx);
    END LOOP;
    FOR each IN SELECT indexrelid::regclass AS idx FROM pg_index i JOIN pg_opclass o ON o.oid = i.indclass[0]
                JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
                WHERE o.opcname = 'varchar_pattern_ops' AND i.indrelid = 'drift_hostscan'::regclass
                AND a.attname = 'manifest_id' LOOP
        EXECUTE format('DROP INDEX %s', each.idx);
    END LOOP;
    ALTER TABLE drift_chunk ALTER COLUMN digest TYPE bytea USING decode(digest, 'hex');
    ALTER TABLE drift_manifest ALTER COLUMN digest TYPE bytea USING decode(digest, 'hex');
    ALTER TABLE drift_hoststate ALTER COLUMN base_id TYPE bytea USING decode(base_id, 'hex');
    ALTER TABLE drift_hoststate ALTER COLUMN observed_id TYPE bytea USING decode(observed_id, 'hex');
    ALTER TABLE drift_hosthistory ALTER COLUMN manifest_id TYPE bytea USING decode(manifest_id, 'hex');
    ALTER TABLE drift_hostscan ALTER COLUMN manifest_id TYPE bytea USING decode(manifest_id, 'hex');
    FOR i IN 1 .. coalesce(array_length(again, 1), 0) LOOP
        EXECUTE again[i];
    END LOOP;
END $do$;
ALTER TABLE drift_manifest ADD COLUMN digests bytea[] NOT NULL DEFAULT '{}';
UPDATE drift_manifest SET digests = ARRAY(
    SELECT decode(digest, 'hex') FROM unnest(chunks) WITH ORDINALITY AS c(digest, place) ORDER BY place);
ALTER TABLE drift_manifest DROP COLUMN chunks;
ALTER TABLE drift_manifest RENAME COLUMN digests TO chunks;
ALTER TABLE drift_manifest ALTER COLUMN chunks DROP DEFAULT;
"""


class Migration(migrations.Migration):
    dependencies = [("drift", "0009_scan_policies")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(TO_BYTES)],
            state_operations=[
                migrations.AlterField(
                    model_name="chunk",
                    name="digest",
                    field=drift.models.digest.DigestField(primary_key=True, serialize=False),
                ),
                migrations.AlterField(
                    model_name="manifest",
                    name="digest",
                    field=drift.models.digest.DigestField(primary_key=True, serialize=False),
                ),
                migrations.AlterField(
                    model_name="manifest",
                    name="chunks",
                    field=django.contrib.postgres.fields.ArrayField(
                        base_field=drift.models.digest.DigestField(), size=None
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="ChunkGroup",
            fields=[
                ("unreferenced_at", models.DateTimeField(null=True)),
                ("digest", drift.models.digest.DigestField(primary_key=True, serialize=False)),
                (
                    "chunks",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=drift.models.digest.DigestField(), size=None
                    ),
                ),
            ],
            options={"abstract": False},
        ),
        migrations.AddField("blob", "unreferenced_at", models.DateTimeField(null=True)),
        migrations.AddField("chunk", "unreferenced_at", models.DateTimeField(null=True)),
        migrations.AddField("manifest", "unreferenced_at", models.DateTimeField(null=True)),
        migrations.AddField(
            "manifest",
            "group",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="drift.chunkgroup",
            ),
        ),
        migrations.AddField("hosthistory", "before_at", models.DateTimeField(null=True)),
    ]
