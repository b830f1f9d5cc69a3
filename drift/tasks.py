"""Celery's way in: an id or nothing, one service call."""

from celery import shared_task

from common import clock
from drift.services import waivers


@shared_task(name="drift.tasks.reopen_expired_waivers_task")
def reopen_expired_waivers_task() -> None:
    waivers.reopen_expired_waivers(now=clock.now())
