"""The words of changes as the database keeps them: cut as a search cuts them, and found by an index."""

import pytest
from django.db import connection

from changemgmt.core.searching import as_query
from changemgmt.models import Change
from changemgmt.queries.search import changes_saying
from tests.factories import logged

pytestmark = pytest.mark.django_db

TEXTS = [
    "raised worker_connections to 4096",
    "/etc/nginx/conf.d/größe.conf — “too many” open…files",
    "a'b\\c|d&e!f(g)h:*i<->j",
    "\u00a0nbsp\u2003em\u3000ideographic\u200bzero",
    "v1.2.3-rc4+build.5 10.0.0.1 fe80::1",
    "日本語 текст ÅNGSTRÖM",
    "x" * 200,
    "\x01\x1f\x7f control",
]


@pytest.mark.parametrize("text", TEXTS)
def test_the_database_cuts_words_as_a_search_does(text: str) -> None:
    """Otherwise there would be changes that nobody can find by what they say."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tsvector_to_array(changemgmt_words(%s))", [text])
        (kept,) = cursor.fetchone()
        cursor.execute("SELECT lower(%s)", [as_query(text).replace(":*", "")])
        (asked,) = cursor.fetchone()
    assert {f"'{word}'" for word in kept} == set(asked.split(" & "))


@pytest.mark.parametrize(
    ("where", "index"),
    [
        ("search @@ '''nginx'':*'::tsquery", "change_search"),
        ("upper(title) LIKE '%NGINX%'", "change_title_part"),
        ("hosts @> ARRAY['web-1']::varchar[]", "change_hosts"),
        ("resources @> ARRAY['file:/etc/motd']::varchar[]", "change_resources"),
        ("environments @> ARRAY['prod']::varchar[]", "change_environments"),
        ("external_id = 'build-7'", "change_external_id_once"),
        ("owner_id = '01890000-0000-7000-8000-000000000000' ORDER BY created_at DESC", "change_owner"),
        (
            "requested_by_id = '01890000-0000-7000-8000-000000000000' ORDER BY created_at DESC",
            "change_requested_by",
        ),
        ("template_id = ANY('{}'::uuid[])", "change_template"),
        ("incident_id = '01890000-0000-7000-8000-000000000000'", "change_incident"),
        ("kind = 'normal' ORDER BY created_at DESC", "change_kind"),
        ("risk = 'high' ORDER BY created_at DESC", "change_risk"),
        ("planned_start >= now() ORDER BY planned_start", "change_planned"),
        ("due_at < now() AND state IN ('logged', 'drafted', 'disputed')", "change_due"),
    ],
)
def test_each_filter_can_use_its_index(where: str, index: str) -> None:
    """Whether it does is for the database to say, by what is in the table; here it has no other."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(
            "SELECT indexname FROM pg_indexes WHERE tablename = 'changemgmt_change' AND indexname <> %s "
            "AND indexname NOT IN (SELECT conname FROM pg_constraint)",
            [index],
        )
        for (other,) in cursor.fetchall():
            cursor.execute(f'DROP INDEX "{other}"')
        cursor.execute(f"EXPLAIN SELECT id FROM changemgmt_change WHERE {where} LIMIT 100")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert index in plan


def test_no_list_carries_the_words() -> None:
    logged("ana", title="raised limits")
    assert "search" not in {field.column for field in Change._meta.get_fields() if hasattr(field, "column")}
    assert [change.title for change in changes_saying(Change.objects.all(), "limits")] == ["raised limits"]
