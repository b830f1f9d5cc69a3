from django.db import migrations, models

# Which life an ended occurrence was of, nobody wrote down. Those that are open are of the present one.
OPEN_ONES = """
UPDATE drift_occurrence SET life = finding.reopened FROM drift_finding finding
WHERE finding.id = drift_occurrence.finding_id AND drift_occurrence.ended_at IS NULL AND finding.reopened > 0
"""


class Migration(migrations.Migration):
    dependencies = [("drift", "0002_long_paths")]

    operations = [
        migrations.AddField("occurrence", "life", models.PositiveIntegerField(default=0)),
        migrations.RunSQL(OPEN_ONES, migrations.RunSQL.noop),
    ]
