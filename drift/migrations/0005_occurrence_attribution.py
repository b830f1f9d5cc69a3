from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("drift", "0004_hostscan_seen")]

    operations = [
        migrations.AddField("occurrence", "attribution", models.JSONField(default=dict)),
    ]
