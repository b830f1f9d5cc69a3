"""Which incidents have a host in their scope, told by an index alone: their lists of hosts, in lower case.

A name at a time, each looked up by itself. The index tells what has it; the lists, which may be ten thousand names
long, are not read. The planner knows what an index costs, and not what reading such a list costs, so it is left no
other way. Entries are put where they belong at once (`fastupdate`): incidents are few, and each change that is filed
would have to look through the entries that wait.
"""

from django.db import migrations

COVERING = r"""
CREATE FUNCTION changemgmt_folded(names text[]) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 10000 AS $$
    SELECT string_to_array(lower(array_to_string(names, E'\n')), E'\n')
$$;
CREATE INDEX incident_folded_hosts ON changemgmt_incident
    USING gin (changemgmt_folded(hosts::text[])) WITH (fastupdate = off);
CREATE FUNCTION changemgmt_incidents_covering(names text[], since timestamptz) RETURNS TABLE (id uuid, name text)
LANGUAGE sql STABLE SET enable_seqscan = off AS $$
    SELECT one.id, asked.name
    FROM unnest(names) AS asked (name)
    CROSS JOIN LATERAL (
        SELECT incident.id FROM changemgmt_incident AS incident
        WHERE changemgmt_folded(incident.hosts::text[]) @> ARRAY[lower(asked.name)]
            AND coalesce(incident.closed_at, 'infinity') >= since
        OFFSET 0
    ) AS one
$$;
"""
NOT_COVERING = """
DROP FUNCTION changemgmt_incidents_covering(text[], timestamptz);
DROP INDEX incident_folded_hosts;
DROP FUNCTION changemgmt_folded(text[]);
"""


class Migration(migrations.Migration):
    dependencies = [("changemgmt", "0006_started_changes_change_hands")]

    operations = [migrations.RunSQL(COVERING, NOT_COVERING)]
