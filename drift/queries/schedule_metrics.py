"""What Prometheus is told of scan policies: how many are at work or late, and how many hosts none of them names."""

from collections.abc import Iterator
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily, Metric

from drift.models import ScanPolicy
from drift.queries.scan_policies import late_policies, uncovered_hosts


def metrics(now: datetime) -> Iterator[Metric]:
    found = list(ScanPolicy.objects.all())
    enabled = [policy for policy in found if policy.enabled]
    late = late_policies(enabled, now=now)
    family = GaugeMetricFamily(
        "foldback_scan_policies",
        "Scan policies: at work, switched off, and late (due for minutes, and nobody has started it).",
        labels=["state"],
    )
    family.add_metric(["on"], len(enabled) - late)
    family.add_metric(["late"], late)
    family.add_metric(["off"], len(found) - len(enabled))
    yield family
    yield GaugeMetricFamily(
        "foldback_hosts_without_policy",
        "Active hosts that no enabled scan policy names.",
        value=uncovered_hosts(enabled),
    )
