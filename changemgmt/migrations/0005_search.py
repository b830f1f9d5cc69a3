"""What lists of changes are narrowed by, and the words of a change for its text search.

The words are kept in a generated column that the models don't know: nobody reads it, and each row of a list would
carry it. Punctuation ends a word (so `/etc/nginx/nginx.conf` is found by nginx); a word keeps its first 60 characters,
and of a change's texts the first 60,000 are taken: a tsvector has room for so many.
"""

import django.contrib.postgres.indexes
import django.db.models.functions.text
from django.contrib.postgres.operations import TrigramExtension
from django.db import migrations, models

WORDS = r"""
CREATE FUNCTION changemgmt_words(VARIADIC texts text[]) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT array_to_tsvector(coalesce(array_agg(DISTINCT left(word, 60)), '{}'))
    FROM regexp_split_to_table(
        lower(left(array_to_string(texts, ' '), 60000)),
        '[\u0001-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00bf\u2000-\u206f\u3000-\u303f]+'
    ) AS word
    WHERE word <> ''
$$;
CREATE FUNCTION changemgmt_joined(texts text[]) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT array_to_string(texts, ' ')
$$;
CREATE FUNCTION changemgmt_json_text(value jsonb) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT value::text
$$;
ALTER TABLE changemgmt_change ADD COLUMN search tsvector GENERATED ALWAYS AS (
    changemgmt_words(
        title, external_id, reason, description, changemgmt_json_text(links), changemgmt_joined(resources::text[]),
        changemgmt_joined(hosts::text[]), outcome, plan
    )
) STORED;
CREATE INDEX change_search ON changemgmt_change USING gin (search);
"""
NO_WORDS = """
ALTER TABLE changemgmt_change DROP COLUMN search;
DROP FUNCTION changemgmt_words(VARIADIC text[]);
DROP FUNCTION changemgmt_joined(text[]);
DROP FUNCTION changemgmt_json_text(jsonb);
"""


class Migration(migrations.Migration):
    dependencies = [("changemgmt", "0004_several_approvals")]

    operations = [
        TrigramExtension(),
        migrations.RunSQL(WORDS, NO_WORDS),
        migrations.AddIndex(
            model_name="change",
            index=models.Index(fields=["kind", "-created_at"], name="change_kind"),
        ),
        migrations.AddIndex(
            model_name="change",
            index=models.Index(fields=["risk", "-created_at"], name="change_risk"),
        ),
        migrations.AddIndex(
            model_name="change",
            index=models.Index(
                condition=models.Q(("external_id", ""), _negated=True),
                fields=["external_id"],
                name="change_external_id",
            ),
        ),
        migrations.AddIndex(
            model_name="change",
            index=django.contrib.postgres.indexes.GinIndex(
                fields=["environments"], name="change_environments"
            ),
        ),
        migrations.AddIndex(
            model_name="change",
            index=django.contrib.postgres.indexes.GinIndex(
                django.contrib.postgres.indexes.OpClass(
                    django.db.models.functions.text.Upper("title"), name="gin_trgm_ops"
                ),
                name="change_title_part",
            ),
        ),
        migrations.AddConstraint(
            model_name="attachment",
            constraint=models.CheckConstraint(
                condition=models.Q(("size__gte", 1), ("size__lte", 5000000)),
                name="attachment_is_not_too_large",
            ),
        ),
    ]
