"""Fewer indexes of changes, each of which every filing writes, and two that lists lacked.

Whoever a change is of has an index with the order of lists; an index of who reviewed it has never been asked. What few
changes have (an incident, a template) is in partial indexes, which cost nothing for all the others. That an external
id is there once per client is told by an index that begins with the id, so it also finds it for a list.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("changemgmt", "0007_incident_scopes"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="change",
            name="change_external_id_once",
        ),
        migrations.RemoveIndex(
            model_name="change",
            name="change_external_id",
        ),
        migrations.AlterField(
            model_name="change",
            name="incident",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="changes",
                to="changemgmt.incident",
            ),
        ),
        migrations.AlterField(
            model_name="change",
            name="owner",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="owned_changes",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AlterField(
            model_name="change",
            name="requested_by",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="requested_changes",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AlterField(
            model_name="change",
            name="reviewed_by",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AlterField(
            model_name="change",
            name="template",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="changes",
                to="changemgmt.changetemplate",
            ),
        ),
        migrations.AddIndex(
            model_name="change",
            index=models.Index(fields=["requested_by", "-created_at"], name="change_requested_by"),
        ),
        migrations.AddIndex(
            model_name="change",
            index=models.Index(
                condition=models.Q(("template__isnull", False)), fields=["template"], name="change_template"
            ),
        ),
        migrations.AddConstraint(
            model_name="change",
            constraint=models.UniqueConstraint(
                condition=models.Q(("external_id", ""), _negated=True),
                fields=("external_id", "client_id"),
                name="change_external_id_once",
            ),
        ),
    ]
