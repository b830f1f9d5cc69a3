"""Coverage over time: one sample a slot, whoever asks; every host counted once; thinned with age."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.db.models import F

from common import clock
from config.celery import app
from drift.core.coverage import SLOT, floor
from drift.models import CoverageSample, HostState
from drift.queries.fleet import STALE_AFTER
from drift.services.coverage import take_coverage_sample
from drift.tasks import take_coverage_sample_task
from inventory.models import Host
from tests.factories import host, in_threads

NOW = clock.now()


def fleet_of_each() -> None:
    """Two hosts wholly looked at, and one in each other way."""
    ways = {
        "a": ("ok", "", NOW),
        "b": ("ok", "", NOW),
        "c": ("partial", "denied", NOW),
        "d": ("ok", "", NOW - STALE_AFTER - timedelta(seconds=1)),
        "e": ("unknown", "connection refused", NOW),
    }
    for name, (status, reason, at) in ways.items():
        HostState.objects.create(host=host(name), status=status, reason=reason, observed_at=at, tried_at=at)
    host("f")
    Host.objects.filter(pk=host("g").pk).update(state="decommissioned", decommissioned_at=NOW)


@pytest.mark.django_db
def test_a_sample_counts_each_active_host_once() -> None:
    fleet_of_each()
    assert take_coverage_sample(now=NOW)
    sample = CoverageSample.objects.get()
    assert sample.slot == floor(NOW, SLOT)
    parts = (sample.fresh, sample.partial, sample.stale, sample.not_reached, sample.never)
    assert parts == (2, 1, 1, 1, 1) and sample.hosts == sum(parts) == 6


@pytest.mark.django_db
def test_a_slot_has_one_sample_and_the_next_slot_another() -> None:
    host("a")
    take_coverage_sample_task()
    for _ in range(2):
        take_coverage_sample(now=NOW)
        take_coverage_sample(now=NOW + SLOT)
    assert CoverageSample.objects.filter(slot__in=(floor(NOW, SLOT), floor(NOW + SLOT, SLOT))).count() == 2


@pytest.mark.django_db(transaction=True)
def test_two_beats_at_once_make_one_sample() -> None:
    host("a")
    results = in_threads(*[lambda: take_coverage_sample(now=NOW)] * 4)
    assert not [one for one in results if isinstance(one, Exception)]
    assert CoverageSample.objects.count() == 1


@pytest.mark.django_db
def test_samples_are_thinned_as_they_age() -> None:
    host("a")
    take_coverage_sample(now=NOW)
    for minutes in range(10, 121, 10):
        sample = CoverageSample.objects.get(slot=floor(NOW, SLOT))
        sample.slot -= timedelta(minutes=minutes)
        sample.save(force_insert=True)
    CoverageSample.objects.update(slot=F("slot") - timedelta(days=3))
    take_coverage_sample(now=NOW)
    assert 3 <= CoverageSample.objects.count() <= 4  # of two hours and a bit, and this one


def test_workers_know_every_task_that_beat_asks_for() -> None:
    asked = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    app.loader.import_default_modules()
    assert asked <= set(app.tasks) and "drift.tasks.take_coverage_sample_task" in asked
