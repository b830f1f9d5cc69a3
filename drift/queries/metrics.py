"""What Prometheus is told of the fleet: coverage, verdicts, findings, and what came of looks."""

from collections.abc import Iterator
from datetime import datetime

from django.db import connection
from django.db.models import Count
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily

from deployments.collector import reasons
from drift.core.lifecycles import ACTIVE
from drift.models import Finding
from drift.queries.fleet import coverage, last_looks
from drift.queries.outcomes import COUNTED, OUTCOMES
from inventory.models import Host

LOOKED_AT, SCANS, SCAN_SECONDS = "scan_hosts", "scans", "scan_seconds"
VERDICTS = ("in sync", "pending", "drifted", "conflict", "unknown", "hidden")
_CODES = frozenset(
    value for name, value in vars(reasons).items() if name.isupper() and isinstance(value, str)
)
# One statement, so one snapshot: a scan that ends in between is neither missed nor counted twice.
_COUNTERS = """
    SELECT name, label, sum(value) FROM (
        SELECT name, label, value FROM common_tally WHERE name = ANY(%(names)s)
        UNION ALL
        SELECT %(looked_at)s, outcome, hosts FROM (UNDER_WAY) AS under_way
    ) AS counted GROUP BY name, label
""".replace("UNDER_WAY", COUNTED.format(which="IN (SELECT id FROM drift_scan WHERE finished_at IS NULL)"))
_RESOURCES = """
    SELECT one.key, sum(one.value::bigint * alike.hosts) FROM (
        SELECT state.counts, count(*) AS hosts FROM drift_hoststate AS state
          JOIN inventory_host AS host ON host.id = state.host_id AND host.state = %s GROUP BY state.counts
    ) AS alike CROSS JOIN LATERAL jsonb_each_text(alike.counts) AS one GROUP BY one.key
"""


def metrics(now: datetime) -> Iterator[Metric]:
    yield from _looks()
    yield _coverage(now)
    yield _unreachable()
    yield _findings()
    yield _resources()


def _looks() -> Iterator[Metric]:
    with connection.cursor() as cursor:
        cursor.execute(_COUNTERS, {"names": [LOOKED_AT, SCANS, SCAN_SECONDS], "looked_at": LOOKED_AT})
        found = {(name, label): float(value) for name, label, value in cursor.fetchall()}
    looks = CounterMetricFamily(
        "foldback_scan_hosts",
        "Hosts of scans by what came of them: looked at and unchanged, looked at, looked at in part, overtaken by a later "
        "scan, not looked at.",
        labels=["outcome"],
    )
    for outcome in OUTCOMES:
        looks.add_metric([outcome], found.get((LOOKED_AT, outcome), 0))
    yield looks
    took = SummaryMetricFamily(
        "foldback_scan_seconds", "Scans that ended, and how long they took.", labels=["mode"]
    )
    for mode in ("quick", "deep"):
        took.add_metric([mode], int(found.get((SCANS, mode), 0)), found.get((SCAN_SECONDS, mode), 0))
    yield took


def _coverage(now: datetime) -> Metric:
    standing = coverage(now)
    family = GaugeMetricFamily(
        "foldback_hosts",
        "Active hosts by what is known of them: looked at within a day, in part, not since, not reached, never.",
        labels=["coverage"],
    )
    family.add_metric(["looked_at"], standing.fresh)
    family.add_metric(["in_part"], standing.partial)
    family.add_metric(["stale"], standing.stale)
    family.add_metric(["unreachable"], standing.not_reached)
    family.add_metric(["never"], standing.never)
    return family


def _unreachable() -> Metric:
    numbers: dict[str, int] = {}
    for said, number in last_looks().items():
        known = said if said in _CODES else "other"
        numbers[known] = numbers.get(known, 0) + number
    family = GaugeMetricFamily(
        "foldback_unreachable_hosts", "Active hosts whose last look failed, by reason.", labels=["reason"]
    )
    for reason, number in sorted(numbers.items()):
        family.add_metric([reason], number)
    return family


def _findings() -> Metric:
    rows = Finding.objects.filter(state__in=ACTIVE).order_by().values_list("state").annotate(n=Count("pk"))
    numbers = dict.fromkeys(ACTIVE, 0) | dict(rows)
    family = GaugeMetricFamily(
        "foldback_findings", "Findings that have not ended, by state.", labels=["state"]
    )
    for state, number in numbers.items():
        family.add_metric([state], number)
    return family


def _resources() -> Metric:
    with connection.cursor() as cursor:
        cursor.execute(_RESOURCES, [Host.ACTIVE])
        found = {verdict: int(number) for verdict, number in cursor.fetchall()}
    family = GaugeMetricFamily(
        "foldback_resources",
        "Resources by verdict, as of each active host's last real look.",
        labels=["verdict"],
    )
    for verdict in VERDICTS:
        family.add_metric([verdict.replace(" ", "_")], found.get(verdict, 0))
    return family
