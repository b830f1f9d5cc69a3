"""A million changes, as a shop would have them after three years, written by the database itself."""

import os
from typing import Any

import environ
import psycopg2

from benchmarks.harness import Bench
from changemgmt.models import Change, ChangeTemplate, Incident
from common import clock
from common.core import roles
from common.core.actor import SYSTEM
from common.models import Person
from common.services.people import create_person

MILLION = 1_000_000
PEOPLE, HOSTS, FILES, WORDS = 300, 10_000, 2_000, 5_000

# In a fifth of the first tenth of all that time there is what nobody has any more: an old site with its hosts and files,
# a person who left, a template, an incident; and in the last two hundredth what nobody had before.
# Frequencies fall off as they do: `random() ^ 3` prefers what comes first. A word in a thousand texts comes from the
# vocabulary, one in a handful from the ticket's number. Ids and times rise together, as those of the service do.
_FILL = """
WITH vocabulary AS (
    SELECT array_agg(word ORDER BY n) AS words FROM (
        SELECT n, (ARRAY['ka','lo','mi','tu','re','sa','vo','ni','pe','du'])[1 + n %% 10]
            || (ARRAY['ban','ter','lin','gor','mas','dek','fur','pol','wen','sik'])[1 + n / 10 %% 10]
            || (ARRAY['a','e','i','o','u','ar','er','ir','or','ur'])[1 + n / 100 %% 10]
            || CASE WHEN n >= 1000 THEN (ARRAY['x','z','q','th','ph'])[n / 1000] ELSE '' END AS word
        FROM generate_series(0, %(words)s - 1) AS n) AS each
), people AS (
    SELECT array_agg(id ORDER BY username) FILTER (WHERE username NOT IN ('leaver', 'joiner')) AS ids FROM common_person
),
rows AS (
    SELECT n, now() - interval '3 years' * (1 - n::float / %(count)s) AS at,
        random() AS a, random() AS b, random() AS c, random() AS d, random() AS e,
        CASE WHEN n <= 0.1 * %(count)s AND random() < 0.2 THEN 'old' WHEN n > 0.995 * %(count)s THEN 'new' END AS site
    FROM generate_series(1, %(count)s) AS n
), sites AS (
    SELECT site, (SELECT id FROM common_person WHERE username = leads) AS person,
        (SELECT id FROM changemgmt_changetemplate WHERE name = site) AS template,
        (SELECT id FROM changemgmt_incident WHERE title = site) AS incident, state AS left_as, verb
    FROM (VALUES ('old', 'leaver', 'rejected', 'decommissioned'), ('new', 'joiner', 'started', 'introduced'))
        AS said (site, leads, state, verb)
)
INSERT INTO changemgmt_change (
    id, created_at, updated_at, happened_at, number, kind, state, title, description, reason, owner_id, owner_source,
    requested_by_id, recorded_via, client_id, external_id, hosts, resources, selector, digest, made_by, links,
    environments, risk, risk_reasons, risk_said, plan, backout, planned_start, outcome, requirements, approvals_needed,
    review, reviewed_by_id, version, due_at, template_id, incident_id
)
SELECT
    (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(md5(n::text), 1, 3)
        || '8' || substr(md5(n::text), 4, 15))::uuid,
    at, at, at - interval '2 days' * d ^ 4, nextval('changemgmt_change_number'),
    CASE WHEN a < 0.6 THEN 'emergency' WHEN a < 0.8 THEN 'normal' WHEN a < 0.995 THEN 'standard' ELSE 'decision' END,
    CASE WHEN a >= 0.995 THEN 'completed' WHEN site IS NOT NULL AND e < 0.9 THEN left_as WHEN b < 0.7 THEN 'logged' WHEN b < 0.8 THEN 'completed'
        WHEN b < 0.95 THEN 'reviewed' WHEN b < 0.98 THEN 'withdrawn' WHEN b < 0.999 THEN 'failed' ELSE 'disputed' END,
    coalesce(verb, (ARRAY['raised','restarted','lowered','upgraded','rolled back','switched off','replaced','moved'])[1 + (c * 8)::int %% 8])
        || ' ' || words[1 + (%(words)s * a ^ 3)::int %% %(words)s] || ' of ' || words[1 + (%(words)s * b ^ 3)::int %% %(words)s]
        || ' for OPS-' || n / 3,
    (SELECT string_agg(words[1 + (%(words)s * random() ^ 3)::int %% %(words)s + 0 * i], ' ')
        FROM generate_series(1, 12) AS i WHERE n > 0),
    CASE WHEN a >= 0.995 THEN 'it was right' ELSE '' END,
    coalesce(person, ids[1 + (%(people)s * c ^ 2)::int %% %(people)s]), CASE WHEN d < 0.8 THEN 'recorder' ELSE 'sponsor' END,
    coalesce(person, ids[1 + (%(people)s * c ^ 2)::int %% %(people)s]), 'jenkins', ids[1], CASE WHEN e < 0.5 THEN 'build-' || n ELSE '' END,
    (SELECT array_agg('web-' || ((%(hosts)s * random())::int %% %(hosts)s + 0 * i)) FROM generate_series(1, 1 + (e * 4)::int) AS i
        WHERE n > 0) || CASE WHEN site IS NULL THEN '{}' ELSE ARRAY[site || '-1'] END,
    ARRAY['file:/etc/app/' || words[1 + (%(files)s * d ^ 3)::int %% %(files)s] || '.conf']
        || CASE WHEN site IS NULL THEN '{}' ELSE ARRAY['file:/srv/' || site] END, '',
    CASE WHEN a >= 0.995 THEN md5(n::text) || md5(n::text) ELSE '' END, '{}', jsonb_build_object('ticket', 'OPS-' || n / 3),
    ARRAY[CASE WHEN site IS NOT NULL THEN site || '-site' WHEN c < 0.8 THEN 'prod' WHEN c < 0.999 THEN 'staging' ELSE 'lab' END],
    CASE WHEN d < 0.8 THEN 'low' WHEN d < 0.99 THEN 'medium' ELSE 'high' END, '{}', '', '', '',
    CASE WHEN a >= 0.6 AND a < 0.8 THEN at + interval '1 day' END, '', '[]', 1,
    CASE WHEN b >= 0.8 AND b < 0.95 AND a < 0.995 THEN 'nothing to learn' ELSE '' END,
    CASE WHEN b >= 0.8 AND b < 0.95 AND a < 0.995 THEN ids[1] END, 1,
    CASE WHEN a < 0.6 AND b < 0.7 AND n > %(count)s - 5000 THEN at + interval '2 days' END,
    template, CASE WHEN n %% 50 = 0 THEN incident END
FROM rows LEFT JOIN sites USING (site), vocabulary, people
"""


def fill_changes(bench: Bench, count: int) -> None:
    """Write `count` changes, as the owner of the tables: its inverted indexes are made afterwards, which takes a third of
    the time; then the tables are vacuumed and analyzed, as the database does by itself in time."""
    for number in range(PEOPLE):
        create_person(actor=SYSTEM, username=f"person-{number}", name=f"Person {number}", role=roles.OPS)
    for site, username in (("old", "leaver"), ("new", "joiner")):
        person = create_person(actor=SYSTEM, username=username, name=username, role=roles.OPS)
        ChangeTemplate.objects.create(
            name=site, title=site, plan=site, backout=site, selector=f"{site}-1", proposed_by=person
        )
        Incident.objects.create(
            title=site, commander=person, opened_by=person, client_id=person.pk, started_at=clock.now()
        )
    table = Change._meta.db_table
    owner = as_owner()
    try:
        with owner.cursor() as cursor:
            cursor.execute("SET maintenance_work_mem = '256MB'")
            cursor.execute("SELECT setseed(%s)", [bench.seed % 1000 / 1000])
            cursor.execute(
                "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = %s AND indexdef LIKE '%%USING gin%%'",
                [table],
            )
            indexes = cursor.fetchall()
            for name, _ in indexes:
                cursor.execute(f"DROP INDEX {name}")
            sizes = {"count": count, "people": PEOPLE, "hosts": HOSTS, "files": FILES, "words": WORDS}
            cursor.execute(_FILL, sizes)
            bench.say(f"{count:,} changes are written")
            for _, definition in indexes:
                cursor.execute(definition)
            cursor.execute(f"VACUUM ANALYZE {table}")
            cursor.execute(f"VACUUM ANALYZE {Person._meta.db_table}")
    finally:
        owner.close()
    bench.say("and indexed")


def as_owner() -> Any:
    """A connection as the owner of the tables, in autocommit."""
    url = environ.Env.db_url_config(os.environ["DATABASE_OWNER_URL"])
    owner = psycopg2.connect(
        host=url["HOST"],
        port=url["PORT"] or None,
        user=url["USER"],
        password=url["PASSWORD"],
        dbname=url["NAME"],
    )
    owner.autocommit = True
    return owner
