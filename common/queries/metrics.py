"""What Prometheus is told of jobs, events and processes: read from rows at each scrape, so that any web process says the
same. Few statements, each over an index of what is open; labels are our own words, never a host's name."""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Count, F, Min, Q
from django.db.models.functions import Coalesce
from prometheus_client.core import GaugeMetricFamily, Metric

from common.models import EventDelivery, Job, JobBatch
from common.queries.processes import alive


def metrics(now: datetime) -> Iterator[Metric]:
    yield _jobs()
    batches, deliveries = _batches(now), _deliveries(now)
    yield _by(
        "foldback_batches",
        "Parts of jobs that have not ended: waiting for a worker, held by one, resting after a failure.",
        "state",
        {state: batches[state] for state in ("waiting", "running", "resting")},
    )
    yield _one(
        "foldback_oldest_waiting_batch_seconds",
        "For how long the batch that has waited longest could have been taken; 0 when none waits.",
        _age(batches["oldest"], now),
    )
    yield _by(
        "foldback_event_deliveries",
        "Events that somebody still has to hear of: waiting, resting after a failure, set aside for a person to look at.",
        "state",
        {state: deliveries[state] for state in ("waiting", "resting", "set_aside")},
    )
    yield _one(
        "foldback_oldest_waiting_event_seconds",
        "Age of the oldest event that somebody has still to hear of, set aside ones left out; 0 when there is none.",
        _age(deliveries["oldest"], now),
    )
    unannounced = [
        at for at in (batches["unannounced"], deliveries["unannounced"]) if isinstance(at, datetime)
    ]
    yield _one(
        "foldback_relay_lag_seconds",
        "For how long the relay has not announced work that is due; 0 when all is announced.",
        _age(min(unannounced, default=None), now),
    )
    yield from _processes(now)


def _jobs() -> Metric:
    family = GaugeMetricFamily(
        "foldback_jobs", "Jobs by kind (a scan is one) and state.", labels=["kind", "state"]
    )
    for kind, state, number in Job.objects.order_by().values_list("kind", "state").annotate(n=Count("pk")):
        family.add_metric([kind, state], number)
    return family


def _batches(now: datetime) -> dict[str, object]:
    held = Q(state="running", lease_until__gte=now)
    rests = Q(state="pending", not_before__gt=now)
    waits = ~held & ~rests
    found: dict[str, object] = (
        JobBatch.objects.filter(state__in=("pending", "running"))
        .annotate(due=Coalesce(F("not_before"), F("created_at")))
        .aggregate(
            waiting=Count("pk", filter=waits),
            running=Count("pk", filter=held),
            resting=Count("pk", filter=rests),
            oldest=Min("due", filter=waits),
            unannounced=Min("due", filter=waits & Q(announced_at=None)),
        )
    )
    return found


def _deliveries(now: datetime) -> dict[str, object]:
    rests = Q(not_before__gt=now)
    found: dict[str, object] = (
        EventDelivery.objects.filter(done_at=None, set_aside_at=None)
        .annotate(due=Coalesce(F("not_before"), F("created_at")))
        .aggregate(
            waiting=Count("pk", filter=~rests),
            resting=Count("pk", filter=rests),
            oldest=Min("created_at"),
            unannounced=Min("due", filter=~rests & Q(announced_at=None)),
        )
    )
    found["set_aside"] = EventDelivery.objects.filter(set_aside_at__isnull=False).count()
    return found


def _processes(now: datetime) -> Iterator[Metric]:
    count = GaugeMetricFamily(
        "foldback_processes",
        "Processes that have said within half a minute that they are alive.",
        labels=["process"],
    )
    memory = GaugeMetricFamily(
        "foldback_processes_resident_bytes", "Memory of those processes, together.", labels=["process"]
    )
    for one in alive(now):
        count.add_metric([one.process], one.count)
        memory.add_metric([one.process], one.resident_bytes)
    yield count
    yield memory


def _by(name: str, told: str, label: str, numbers: dict[str, object]) -> Metric:
    family = GaugeMetricFamily(name, told, labels=[label])
    for value, number in numbers.items():
        family.add_metric([value], float(number))  # type: ignore[arg-type]
    return family


def _one(name: str, told: str, value: float) -> Metric:
    return GaugeMetricFamily(name, told, value=value)


def _age(since: object, now: datetime) -> float:
    return max(0.0, (now - since).total_seconds()) if isinstance(since, datetime) else 0.0
