"""What came of a scan's hosts so far, by outcome, where unchanged hosts have no row of their own."""

from typing import Any

from django.db import connection

from drift.models.scan import OVERTAKEN, Scan

UNCHANGED = "unchanged"
# Each host of a scan is counted once: looked at wholly and found as before; looked at wholly; in part; overtaken by a
# later scan; not looked at.
OUTCOMES = (UNCHANGED, "ok", "partial", OVERTAKEN, "unknown")

COUNTED = """
    SELECT CASE WHEN status = 'ok' AND unmoved THEN 'unchanged' ELSE status END AS outcome, count(*) AS hosts
      FROM drift_hostscan WHERE scan_id {which} GROUP BY 1
    UNION ALL
    SELECT CASE WHEN status = 'ok' THEN 'unchanged' ELSE status END, sum(cardinality(hosts))
      FROM drift_scanseen WHERE scan_id {which} GROUP BY 1
"""
# Hosts are mostly alike: equal counts are added up before they are taken apart.
_RESOURCES = """
    SELECT one.key, sum(one.value::bigint * hosts)::bigint FROM (
        SELECT counts, count(*) AS hosts FROM drift_hostscan WHERE scan_id = %(scan)s GROUP BY counts
        UNION ALL
        SELECT counts, sum(cardinality(hosts)) FROM drift_scanseen WHERE scan_id = %(scan)s GROUP BY counts
    ) AS looks CROSS JOIN LATERAL jsonb_each_text(counts) AS one GROUP BY one.key
"""


def outcomes(scan_id: Any) -> dict[str, int]:
    """Outcome → hosts, all of OUTCOMES; one statement over the scan's own rows."""
    found = dict.fromkeys(OUTCOMES, 0)
    for outcome, hosts in _rows(COUNTED.format(which="= %(scan)s"), {"scan": scan_id}):
        found[outcome] = found.get(outcome, 0) + int(hosts)
    return found


def outcomes_of(scan: Scan) -> dict[str, int]:
    """The same; of a scan that has ended as it was written down then, since its hosts' rows are kept for a while only."""
    counted = scan.counts.get("hosts") if scan.finished_at else None
    if not counted:
        return outcomes(scan.pk)
    unchanged = scan.counts.get(UNCHANGED, 0)
    return {name: counted.get(name, 0) for name in OUTCOMES} | {
        UNCHANGED: unchanged,
        "ok": counted.get("ok", 0) - unchanged,
    }


def resources(scan_id: Any) -> dict[str, int]:
    """Verdict → resources of the hosts looked at so far."""
    return {verdict: int(number) for verdict, number in _rows(_RESOURCES, {"scan": scan_id})}


def _rows(sql: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall())
