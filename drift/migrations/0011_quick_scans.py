import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

import common.clock
import common.models.base

VIEW = """
CREATE VIEW drift_scanhost AS
SELECT id, created_at, scan_id, host_id, status, reason, detail, seconds, revision, counts, seen, unmoved
FROM drift_hostscan
UNION ALL
SELECT md5(many.id::text || one.host_id::text)::uuid, many.created_at, many.scan_id, one.host_id, many.status,
       many.reason, ''::text, many.seconds, many.revision, many.counts, '[]'::jsonb, true
FROM drift_scanseen AS many CROSS JOIN LATERAL unnest(many.hosts) AS one(host_id)
"""

# What quick scans write again and again fits beside what it replaces, on the same page, and touches no index.
ROOM = "ALTER TABLE drift_hoststate SET (fillfactor = 60)"
NO_ROOM = "ALTER TABLE drift_hoststate RESET (fillfactor)"


class Migration(migrations.Migration):
    dependencies = [
        ("drift", "0010_manifest_groups"),
        ("inventory", "0002_host_life"),
    ]

    operations = [
        migrations.CreateModel(
            name="HostMemory",
            fields=[
                (
                    "host",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="memory",
                        serialize=False,
                        to="inventory.host",
                    ),
                ),
                ("taken_at", models.DateTimeField()),
                ("sums", models.JSONField()),
                ("stats", models.BinaryField()),
                ("rest", models.JSONField()),
                ("judged", models.CharField(blank=True, max_length=64)),
                ("status", models.CharField(max_length=16)),
                ("reason", models.CharField(blank=True, max_length=200)),
            ],
            options={"verbose_name_plural": "host memories"},
        ),
        migrations.AddField(model_name="hostscan", name="unmoved", field=models.BooleanField(default=False)),
        migrations.CreateModel(
            name="ScanSeen",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=common.models.base.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(default=common.clock.now, editable=False)),
                ("batch", models.UUIDField()),
                (
                    "hosts",
                    django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), size=None),
                ),
                ("status", models.CharField(max_length=16)),
                ("reason", models.CharField(blank=True, max_length=200)),
                ("revision", models.CharField(blank=True, max_length=40)),
                ("counts", models.JSONField(default=dict)),
                ("seconds", models.FloatField(default=0)),
                (
                    "scan",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="seen", to="drift.scan"
                    ),
                ),
            ],
            options={"abstract": False},
        ),
        migrations.CreateModel(
            name="ScanHost",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("created_at", models.DateTimeField()),
                ("status", models.CharField(max_length=16)),
                ("reason", models.CharField(max_length=200)),
                ("detail", models.TextField()),
                ("seconds", models.FloatField()),
                ("revision", models.CharField(max_length=40)),
                ("counts", models.JSONField()),
                ("seen", models.JSONField()),
                ("unmoved", models.BooleanField()),
            ],
            options={
                "verbose_name": "host of a scan",
                "verbose_name_plural": "hosts of a scan",
                "managed": False,
            },
        ),
        migrations.RunSQL(VIEW, "DROP VIEW drift_scanhost"),
        migrations.RunSQL(ROOM, NO_ROOM),
    ]
