"""What Prometheus is told of notices: how many wait, for how long, and what became of those before."""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Count, Min, Q
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from changemgmt.models import Notice
from common.models import Tally

NOTICES = "notices"
ENDED = ("sent", "failed", "uncertain")


def metrics(now: datetime) -> Iterator[Metric]:
    """Two statements, both over few rows: what is on its way has an index, what ended was counted as it did."""
    rests = Q(not_before__gt=now)
    found = Notice.objects.filter(state__in=("pending", "sending")).aggregate(
        waiting=Count("pk", filter=~rests), resting=Count("pk", filter=rests), oldest=Min("created_at")
    )
    on_their_way = GaugeMetricFamily(
        "foldback_notices_on_their_way",
        "Notices that are to be sent, or sent again after a rest.",
        labels=["state"],
    )
    for state in ("waiting", "resting"):
        on_their_way.add_metric([state], found[state])
    yield on_their_way
    yield GaugeMetricFamily(
        "foldback_oldest_notice_seconds",
        "Age of the oldest notice that is still to be sent.",
        value=max(0.0, (now - found["oldest"]).total_seconds()) if found["oldest"] else 0.0,
    )
    counted = dict(Tally.objects.filter(name=NOTICES).values_list("label", "value"))
    ended = CounterMetricFamily(
        "foldback_notices", "Notices by what became of them: sent, failed, uncertain.", labels=["outcome"]
    )
    for outcome in ENDED:
        ended.add_metric([outcome], counted.get(outcome, 0.0))
    yield ended
