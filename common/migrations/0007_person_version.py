from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("common", "0006_job_lanes"),
    ]

    operations = [
        migrations.AddField(
            model_name="person",
            name="version",
            field=models.PositiveIntegerField(db_default=1, default=1),
        ),
    ]
