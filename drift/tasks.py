"""Celery's way in: an id or nothing, one service call."""

from celery import shared_task

from common import clock
from drift.services import alerts, coverage, retention, schedules, waivers


@shared_task(name="drift.tasks.reopen_expired_waivers_task")
def reopen_expired_waivers_task() -> None:
    waivers.reopen_expired_waivers(now=clock.now())


@shared_task(name="drift.tasks.start_due_scans_task")
def start_due_scans_task() -> None:
    schedules.start_due_scans(now=clock.now())


@shared_task(name="drift.tasks.forget_old_looks_task")
def forget_old_looks_task() -> None:
    schedules.forget_old_looks(now=clock.now())


@shared_task(name="drift.tasks.take_coverage_sample_task")
def take_coverage_sample_task() -> None:
    coverage.take_coverage_sample(now=clock.now())


@shared_task(name="drift.tasks.purge_task")
def purge_task() -> None:
    retention.purge(now=clock.now())


@shared_task(name="drift.tasks.alert_unexplained_task")
def alert_unexplained_task() -> None:
    alerts.alert_unexplained(now=clock.now())
